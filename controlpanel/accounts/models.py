"""People, their roles, and API tokens. Bindings and tokens name environments and tenants by slug, without foreign keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from controlpanel.core.models import uuid7
from controlpanel.core.permissions import Role, Scope


class User(AbstractUser):
    """A person. `display_name` is for people, `username` for records."""

    display_name = models.CharField(max_length=150, blank=True)
    theme = models.CharField(
        max_length=5, default="auto", choices=[("auto", "auto"), ("light", "light"), ("dark", "dark")]
    )

    bound: Sequence[RoleBinding] | None = None
    """The person's bindings, where they came with the session's row (`accounts.sessions`)."""

    def __str__(self) -> str:
        return self.display_name or self.username


class RoleBinding(models.Model):
    """One role of one person; "" in `environment` or `tenant` means all of them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="bindings")
    role = models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role])
    environment = models.CharField(max_length=63, blank=True)
    tenant = models.CharField(max_length=63, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "role", "environment", "tenant"], name="bound_once"),
            models.CheckConstraint(condition=models.Q(role__in=[role.value for role in Role]), name="role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} in {self.environment or 'all environments'}"


class ApiToken(models.Model):
    """A bearer token; only its keyed hash is kept. `user` is set where it acts for a person; `created_by` made it on a page."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    name = models.CharField(max_length=100)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="tokens")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=10, choices=[(scope.value, scope.value) for scope in Scope]))
    environments = ArrayField(models.CharField(max_length=63), default=list)
    tenants = ArrayField(models.CharField(max_length=63), default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.CharField(max_length=45, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(revoked_at__isnull=True), name="live_token_name"
            ),
            models.CheckConstraint(condition=models.Q(scopes__len__gt=0), name="token_has_a_scope"),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def live(cls) -> models.QuerySet[ApiToken]:
        """Tokens that are neither revoked nor expired, nor of a person who was switched off."""
        alive = models.Q(user__isnull=True) | models.Q(user__is_active=True)
        return cls.objects.filter(alive, revoked_at__isnull=True, expires_at__gt=Now()).select_related("user")


class Session(AbstractBaseSession):
    """One browser that is signed in (`user`), or has only met the login page; rows of ended ones stay until cleared."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="sessions")
    agent = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=45, blank=True)
    started_at = models.DateTimeField()

    objects: ClassVar[BaseSessionManager[Self]] = BaseSessionManager()

    def __str__(self) -> str:
        return f"session of {self.user or 'nobody'}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        """The store that writes these rows."""
        store: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
        return store

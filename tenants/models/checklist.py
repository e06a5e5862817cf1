"""What a tenant has to show before a release may go: items, who signed them, why one was waived."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from controlpanel.catalog.models import Environment
from controlpanel.core.models import uuid7
from tenants.choices import UNMET, ItemSource, ItemState
from tenants.models.tenant import Tenant
from tenants.parts import differences


class ChecklistItem(models.Model):
    """One thing that has to be so; `state`, `evidence` and `subject` are written by `services.readiness` alone.

    `type` names a member of the registry `tenants.checklist`. `is_required`: the catalog or what is live needs it; an item
    of a release that is not live yet counts for that release alone. `is_retired`: nobody asks for it any more.
    `found` is what the type says by itself: open, met or failing; `state` takes sign-off and waiver into account.
    `snapshot` is what a sign-off of this item binds to, `subject` its digest, `sign_off` the newest that was not withdrawn;
    `unsignable` says why signing would be refused now, "" where it would not. A waiver holds until `waived_until` and lapses
    by itself. `position` orders items as the catalog does.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="items")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="items")
    key = models.CharField(max_length=100)
    type = models.CharField(max_length=30)
    source = models.CharField(max_length=10, choices=ItemSource, default=ItemSource.CATALOG)
    release_version = models.CharField(max_length=100, blank=True)
    is_required = models.BooleanField(default=True)
    is_retired = models.BooleanField(default=False)
    owner_role = models.CharField(max_length=20)
    position = models.IntegerField(default=0)
    needs_sign_off = models.BooleanField(default=True)
    found = models.CharField(max_length=8, choices=ItemState, default=ItemState.OPEN)
    state = models.CharField(max_length=8, choices=ItemState, default=ItemState.OPEN)
    evidence = models.TextField(blank=True)
    subject = models.CharField(max_length=64, blank=True)
    snapshot = models.JSONField(default=dict)
    unsignable = models.TextField(blank=True)
    sign_off = models.ForeignKey("SignOff", on_delete=models.PROTECT, null=True, related_name="+")
    waived_reason = models.TextField(blank=True)
    waived_by = models.CharField(max_length=150, blank=True)
    waived_until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["tenant", "environment", "position", "key", "type"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "environment", "key", "type"], name="one_item_for_each_key_and_type"
            ),
            models.CheckConstraint(condition=Q(state__in=ItemState.values), name="item_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state=ItemState.WAIVED)
                | (Q(waived_until__isnull=False) & ~Q(waived_reason="") & ~Q(waived_by="")),
                name="a_waiver_says_who_why_and_until_when",
            ),
        ]
        indexes = [
            models.Index(
                fields=["environment", "key", "tenant"], condition=Q(state__in=UNMET, is_retired=False), name="item_unmet"
            ),
            models.Index(fields=["environment", "type"], name="item_of_type"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.key} of {self.tenant} in {self.environment}"

    @property
    def is_stale(self) -> bool:
        """Whether what was signed for is not what is there now."""
        return self.sign_off is not None and self.sign_off.subject != self.subject

    @property
    def is_signed(self) -> bool:
        """Whether somebody's word stands for what is there now."""
        return self.sign_off is not None and not self.is_stale

    @property
    def awaits_sign_off(self) -> bool:
        """Whether somebody's word is asked for: of what is neither signed nor waived."""
        return self.needs_sign_off and not self.is_signed and self.state != ItemState.WAIVED

    @property
    def hindrance(self) -> str:
        """Why it cannot be signed with all others; "" where it can."""
        return "" if self.found == ItemState.MET and not self.unsignable else self.unsignable or self.evidence

    @property
    def changes_since(self) -> list[str]:
        """What changed since the sign-off, in words; nothing for one that is not stale."""
        return differences(self.sign_off.snapshot, self.snapshot) if self.sign_off and self.is_stale else []


class ItemChange(models.Model):
    """One move of an item, by a person or by what was found; never changed."""

    item = models.ForeignKey(ChecklistItem, on_delete=models.PROTECT, related_name="changes")
    was = models.CharField(max_length=8, blank=True)
    becomes = models.CharField(max_length=8)
    evidence = models.TextField(blank=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.was or 'new'} → {self.becomes}"


class SignOff(models.Model):
    """Somebody's word for an item. `subject` is the digest of what it was given for and `snapshot` that itself, so that
    a stale one can say what changed; `part_digest` is the tenant's whole part then. Only `withdrawn_*` is ever written later."""

    item = models.ForeignKey(ChecklistItem, on_delete=models.PROTECT, related_name="sign_offs")
    by = models.CharField(max_length=150)
    at = models.DateTimeField(db_default=Now())
    note = models.TextField(blank=True)
    subject = models.CharField(max_length=64)
    snapshot = models.JSONField()
    part_digest = models.CharField(max_length=64)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(withdrawn_at=None), name="one_sign_off_stands"),
        ]

    def __str__(self) -> str:
        return f"{self.by} for {self.subject[:8]}"


class ReviewRequest(models.Model):
    """Somebody asks the tenant's owners and reviewers to look and sign."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="reviews")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="reviews")
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField(db_default=Now())
    note = models.TextField(blank=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=150, blank=True)
    outcome = models.CharField(max_length=20, blank=True)

    class Meta:
        ordering = ["-requested_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "environment"], condition=Q(closed_at=None), name="one_open_review"
            ),
        ]
        indexes = [models.Index(fields=["requested_at"], condition=Q(closed_at=None), name="review_open")]

    def __str__(self) -> str:
        return f"review of {self.tenant} in {self.environment}"


class KeyNeed(models.Model):
    """A tenant-scoped key that a release's pods refer to and the catalog does not ask for. `is_live`: that release runs."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="needs")
    release_version = models.CharField(max_length=100)
    key = models.CharField(max_length=100)
    is_live = models.BooleanField(default=False)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "release_version", "key"], name="one_need_for_each_key"),
        ]

    def __str__(self) -> str:
        return f"{self.release_version} needs {self.key} in {self.environment}"


class ChecklistBasis(models.Model):
    """What an environment's checklists were last computed from: catalog, needs of releases, live values, as one digest."""

    environment = models.OneToOneField(Environment, on_delete=models.CASCADE, primary_key=True, related_name="+")
    digest = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"basis of {self.environment}"

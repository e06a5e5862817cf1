"""`manage.py demo`: people and releases to try the panel with; `--history` also promotes the older ones for real."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.accounts.people import user_create
from controlpanel.catalog import connections
from controlpanel.catalog.models import Component, Environment
from controlpanel.clients.errors import ClientError
from controlpanel.core import audit
from controlpanel.core.command import PanelCommand
from controlpanel.core.errors import UserError
from controlpanel.core.lease import wake
from deployments.advance import advance
from deployments.choices import RUNNING, TERMINAL, WAITING, Kind, PreflightState, State
from deployments.management import demo_tenants
from deployments.models import Freeze, Preflight, Promotion, Release
from deployments.selectors.rollbacks import success_before
from deployments.services.approving import promotion_approve
from deployments.services.freezing import Wanted, freeze_set
from deployments.services.preflights import preflight_render, preflight_request
from deployments.services.promotions import promotion_claim, promotion_request
from deployments.services.releases import release_create
from deployments.services.rollbacks import promotion_rollback, rollback_preview, rollback_targets
from deployments.watching import observations
from deployments.watching.observations import Directory

PASSWORD = "promote-with-care"
PEOPLE = (
    ("elif", "Elif Kaya", "operator", ""),
    ("deniz", "Deniz Arslan", "release manager", ""),
    ("selin", "Selin Aydın", "tenant owner", "chat365"),
)
RELEASES = (
    ("2026.11.0", "Quarterly base images", ()),
    ("2026.11.1", "Clinic calendar, new token refresh", ("backend", "frontend")),
    ("2026.11.2", "AI triage in Turkish and Arabic", ("backend", "ai")),
    ("2026.11.3", "Faster registry sync", ("backend", "frontend", "ai")),
    ("2026.11.4", "Retry webhook on 429 (its backend image was never pushed)", ("backend",)),
)
HISTORY = ("2026.11.0", "2026.11.1", "2026.11.2")
WAITING_RELEASE = "2026.11.3"
STUCK = "2026.11.4"
TAKEN_BACK = "2026.11.1"
"""What somebody asks to go back to, while it waits for an approval."""
PATIENCE_SECONDS = 120.0


class Command(PanelCommand):
    """Repeatable: what exists already is left as it is."""

    help = "Create demo people and releases; with --history also promote the older releases."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--history` is for a sandbox: it really promotes."""
        parser.add_argument("--history", action="store_true", help="promote the older releases to every environment")
        parser.add_argument(
            "--tenants", type=Path, help="a CSV of tenants to import; with --history their references are promoted"
        )

    def handle(self, *_: Any, history: bool, tenants: Path | None, **__: Any) -> None:
        """Create, then promote where asked."""
        text = tenants.read_text("utf-8") if tenants else ""
        try:
            demo_tenants.owners_create(text, PASSWORD)
            _people()
            _releases()
            if history:
                self._promote_history()
                demo_tenants.tenants_create(_actor(), text, self._configure)
                if text:
                    self._promote_and_take_back()
                _coming_freeze()
                _waiting_approval()
            self.stdout.write(_story(history=history))
        except (UserError, ClientError) as error:
            raise CommandError(str(error)) from error

    def _promote_history(self) -> None:
        actor = _actor()
        for version in HISTORY:
            for environment in Environment.objects.filter(is_retired=False):
                if not Promotion.objects.filter(release__version=version, environment=environment).exists():
                    self._promote(actor, version, environment)

    def _promote_and_take_back(self) -> None:
        """A first try of the waiting release in the first environment: where it does some tenants no good, somebody goes back."""
        place = Environment.objects.filter(is_retired=False).order_by("position")[:1].get()
        if Promotion.objects.filter(release__version=WAITING_RELEASE, environment=place).exists():
            return
        ended = self._tried(_actor(), WAITING_RELEASE, place)
        target = success_before(ended)
        if ended.paused_from != State.VERIFYING or target is None:
            return
        promotion_claim(actor=_actor(), promotion=ended)
        preview = rollback_preview(actor=_actor(), target=target, tenants="keep")
        _render(preview)
        rollback = promotion_rollback(
            actor=_actor(), target=target, reason="Three clinics cannot log in.", render_digest=preview.render_digest, tenants="keep",
        )  # fmt: skip
        _until_called_off(ended, rollback)
        self._follow(rollback, place)

    def _promote(self, actor: Actor, version: str, environment: Environment) -> None:
        self._must_succeed(self._tried(actor, version, environment))

    def _tried(self, actor: Actor, version: str, environment: Environment) -> Promotion:
        """Promote it and follow it to its end, or to where a person is needed."""
        _observe(environment)
        preflight = preflight_request(actor=actor, release=version, environment=environment.name)
        _render(preflight)
        if preflight.state != PreflightState.READY:
            raise CommandError(
                f"{version} does not render for {environment.name}. {preflight.error} {preflight.remedy}"
            )
        promotion = promotion_request(
            actor=actor,
            environment=environment.name,
            release=version,
            render_digest=preflight.render_digest,
            reason="Demo history.",
        )
        return _drive(promotion, environment)

    def _configure(self, environment: Environment) -> None:
        """Promote the tenants' references."""
        _observe(environment)
        preflight = preflight_request(actor=_actor(), release=None, environment=environment.name)
        _render(preflight)  # nobody else does while the demo is made
        promotion = promotion_request(
            actor=_actor(),
            environment=environment.name,
            release=None,
            kind=Kind.TENANT_CONFIG,
            reason="Demo tenants.",
            render_digest=preflight.render_digest,
        )
        self._follow(promotion, environment)

    def _follow(self, promotion: Promotion, environment: Environment) -> None:
        self._must_succeed(_drive(promotion, environment))

    def _must_succeed(self, ended: Promotion) -> None:
        environment = ended.environment
        self.stderr.write(f"{ended.title} to {environment.name}: {ended.state}", self.style.NOTICE)
        if ended.state != State.SUCCEEDED:
            raise CommandError(
                f"{ended.title} did not reach {environment.name}: {(ended.issue or {}).get('sentence', ended.note)}"
            )


def _actor(username: str = "elif") -> Actor:
    return Actor(name=username, door="command", user=User.objects.get(username=username))


def _story(*, history: bool) -> str:
    """What to tell the person who started the demo: who to be, and what to try."""
    people = "\n".join(f"  {username:<8} {role}" for username, _, role, _ in PEOPLE)
    to_try = [f"promote {WAITING_RELEASE} to staging, then to production, and watch it roll out"]
    if history:
        to_try += [
            f"promote {STUCK}: it gets stuck, and the page says why; abort or retry it",
            "as deniz, open Approvals: a rollback of production waits; approve it for its digest, or reject it",
            f"open the promotion of {WAITING_RELEASE} that was taken back: who failed its verification, and how",
        ]
    return f"Sign in with the password {PASSWORD} as\n{people}\nTry this:\n" + "\n".join(f"  - {one}" for one in to_try)


def _coming_freeze() -> None:
    """Three days ahead, so that the board tells of one and nothing is held yet."""
    starts = timezone.now() + timedelta(days=3)
    if not Freeze.objects.exists():
        reason = "Stocktaking: no changes for the clinics."
        wanted = Wanted(reason=reason, environment="production", starts_at=starts, ends_at=starts + timedelta(days=1))
        freeze_set(actor=_actor("deniz"), wanted=wanted)


def _waiting_approval() -> None:
    """Somebody asks to go back in production, which takes somebody else to approve."""
    place = Environment.objects.get(name="production")
    target = rollback_targets(actor=_actor(), environment=place.name).filter(release__version=TAKEN_BACK).first()
    if target is None or Promotion.objects.filter(environment=place, kind=Kind.ROLLBACK).exists():
        return
    preview = rollback_preview(actor=_actor(), target=target, tenants="keep")
    _render(preview)
    promotion_rollback(
        actor=_actor(), target=target, reason="Arabic triage answers in Turkish for two clinics.", render_digest=preview.render_digest, tenants="keep",
    )  # fmt: skip


def _people() -> None:
    for username, name, role, tenant in PEOPLE:
        if not User.objects.filter(username=username).exists():
            user_create(
                actor=audit.SYSTEM, username=username, roles=[role], display_name=name, email=f"{username}@example.com",
                tenants=[tenant] if tenant else [], password=PASSWORD,
            )  # fmt: skip


def _releases() -> None:
    commit = connections.platform_repository().resolve(settings.CONFIGURATION.platform_repo_ref)
    actor = Actor(name="ci-main", door="command", is_system=True)
    keys = sorted(
        {
            key
            for images in Component.objects.filter(is_retired=False).values_list("images", flat=True)
            for key in images
        }
    )
    images: dict[str, str] = {}
    for version, title, changed in RELEASES:
        images |= {key: _image(key, version) for key in changed or keys if key in keys}
        if not Release.objects.filter(version=version).exists():
            release_create(actor=actor, version=version, commit=commit, images=images, title=title)


def _image(key: str, version: str) -> str:
    name = f"does-not-exist/{key}" if version == STUCK else key
    return f"registry.example.com/hub/{name}@sha256:{hashlib.sha256(f'{key} {version}'.encode()).hexdigest()}"


def _observe(environment: Environment) -> None:
    directory = Directory(environment.server_from)
    observations.observe(directory, connections.argocd_for(environment).list_applications(environment.project))
    observations.heard(environment.server_from)


def _render(preflight: Preflight) -> None:
    """Render it here, or wait for the process that was quicker."""
    tick = threading.Event()
    started = timezone.now()
    while preflight.state == PreflightState.RENDERING and (timezone.now() - started).total_seconds() < PATIENCE_SECONDS:
        preflight_render(preflight.pk) or tick.wait(0.1)
        preflight.refresh_from_db()


def _until_called_off(paused: Promotion, rollback: Promotion) -> None:
    """Run the rollback until it has called the other one off, and that one to its end."""
    tick, started = threading.Event(), timezone.now()
    while paused.state not in TERMINAL and (timezone.now() - started).total_seconds() < PATIENCE_SECONDS:
        chosen = rollback if paused.state == State.PAUSED else paused
        if not advance(chosen.pk):
            tick.wait(0.1)
            wake(Promotion.objects.filter(pk=chosen.pk))
        paused = Promotion.objects.get(pk=paused.pk)


def _drive(promotion: Promotion, environment: Environment) -> Promotion:
    """Run the promotion's steps here until it ends or pauses; each waits as long as its row says."""
    tick = threading.Event()
    started = timezone.now()
    while (timezone.now() - started).total_seconds() < PATIENCE_SECONDS:
        if promotion.state == State.AWAITING_APPROVAL:
            promotion_approve(actor=_actor("deniz"), promotion=promotion, comment="As agreed.")
        if not advance(promotion.pk):
            tick.wait(0.1)
            _observe(environment)
            wake(Promotion.objects.filter(pk=promotion.pk, state__in=(*RUNNING, *WAITING)))
        promotion = Promotion.objects.get(pk=promotion.pk)
        if promotion.state not in (*RUNNING, *WAITING):
            break
    return promotion

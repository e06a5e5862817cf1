"""A platform in rows: environments, components, people, releases, promotions in the state that a test needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from django.db import connection
from django.utils import timezone

from controlpanel.accounts.models import RoleBinding, User
from controlpanel.catalog.models import Component, Environment
from controlpanel.core import audit
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.choices import Confidence, PreflightState, Rollout, State
from deployments.models import Application, Observer, Preflight, Promotion, PromotionComponent, Release

COMPONENTS = {"monitoring": [], "ai": ["monitoring"], "backend": ["ai"], "frontend": ["backend"]}
WAVES = [[name] for name in COMPONENTS]
GATES = [{"name": name} for name in ("digest-current", "lane-free", "pipeline-order", "applications-healthy")]
COMMIT, DIGEST = "c" * 40, "d" * 64
DIFF = "@@ -41,2 +41,2 @@ spec\n   - name: backend\n-    image: registry/backend@sha256:aaaa\n+    image: registry/backend@sha256:bbbb\n"


def person(username: str, role: Role, environment: str = "", display_name: str = "") -> User:
    """Somebody with one role."""
    user = User.objects.create_user(username=username, display_name=display_name, email=f"{username}@example.com")
    RoleBinding.objects.create(user=user, role=role, environment=environment)
    return user


def platform() -> tuple[Environment, Environment]:
    """Staging and production with four components, all healthy, heard just now."""
    places = [
        Environment.objects.create(
            name=name, title=name.title(), position=position, branch=f"env/{name}", after="staging" if position else "",
            confirm_by_name=bool(position), project="hub", server_from="ARGOCD_SERVER", token_from="ARGOCD_TOKEN", gates=GATES,
        )
        for position, name in enumerate(("staging", "production"))
    ]  # fmt: skip
    for position, (name, needs) in enumerate(COMPONENTS.items()):
        Component.objects.create(
            name=name, position=position, path=f"kubernetes/{name}", renderer="kustomize", needs=needs, images=[name]
        )
    now = timezone.now()
    for place in places:
        for name in COMPONENTS:
            Application.objects.create(
                name=f"{name}-{place.name}", environment=place, component=name, sync="Synced", health="Healthy",
                revision=COMMIT, observed_at=now, pods=[pod(name, "old", ready=1)],
            )  # fmt: skip
    Observer.objects.create(server_from="ARGOCD_SERVER", heard_at=now)
    return places[0], places[1]


def pod(component: str, suffix: str, *, ready: int, status: str = "Running", is_new: bool = False) -> dict[str, Any]:
    """A pod as a row of an Application keeps it."""
    return {
        "name": f"{component}-{suffix}", "namespace": "hub", "ready": ready, "total": 1, "status": status, "health": "Healthy",
        "message": "", "restarts": 0, "is_new": is_new, "created_at": None,
    }  # fmt: skip


def release(version: str, title: str = "") -> Release:
    """A complete release."""
    images = {name: f"registry.example/{name}@sha256:{'a' * 64}" for name in COMPONENTS}
    return Release.objects.create(
        version=version,
        commit=COMMIT,
        images=images,
        title=title or f"Title of {version}",
        created_by="ci-main",
        changed_components=["backend"],
    )


def preflight(of: Release, place: Environment, state: str = PreflightState.READY, **fields: Any) -> Preflight:
    """A preview in which the backend's Deployment changes."""
    resource = {"component": "backend", "namespace": "hub", "name": "backend", "added": 1, "removed": 1}
    values: dict[str, Any] = {
        "render_digest": DIGEST, "waves": WAVES, "parts": dict.fromkeys(COMPONENTS, "0" * 64), "ready_at": timezone.now(),
        "changes": [
            {**resource, "kind": "Deployment", "change": "changed", "diff": DIFF},
            {**resource, "kind": "Service", "change": "unchanged", "diff": "", "added": 0, "removed": 0},
        ],
    }  # fmt: skip
    if state != PreflightState.READY:
        values = {}
    return Preflight.objects.create(
        release=of, environment=place, state=state, created_by="elif", **{**values, **fields}
    )


def promotion(of: Release, place: Environment, *, by: User, reason: str = "Agreed with both owners.") -> Promotion:
    """One that was just asked for."""
    row = Promotion.objects.create(
        environment=place, release=of, requester=by, requested_by=by.username, requested_door="page", reason=reason,
        preflight=preflight(of, place), render_digest=DIGEST,
    )  # fmt: skip
    row.refresh_from_db(fields=["number"])
    lifecycle.begin(row, actor=audit.SYSTEM)
    lifecycle.admit(row, [])
    return row


def started(row: Promotion) -> Promotion:
    """Committed, its first wave accepted by Argo CD."""
    lifecycle.move(row, State.RENDERING, actor=audit.SYSTEM, message="Started.")
    plan = {"base": "", "parts": dict.fromkeys(COMPONENTS, "0" * 64), "changed": ["backend"], "waves": WAVES}
    PromotionComponent.objects.bulk_create(
        PromotionComponent(
            promotion=row, component=name, application=f"{name}-{row.environment.name}", wave=number, is_changed=name == "backend"
        )
        for number, (name,) in enumerate(WAVES, start=1)
    )  # fmt: skip
    lifecycle.move(row, State.COMMITTING, actor=audit.SYSTEM, message="Rendered.", plan=plan, wave=1)
    lifecycle.move(
        row,
        State.SYNCING,
        actor=audit.SYSTEM,
        message="Committed.",
        commit=COMMIT,
        committed_at=timezone.now(),
        git_revision=COMMIT,
    )
    lifecycle.move(row, State.ROLLING_OUT, actor=audit.SYSTEM, message="Wave 1: monitoring.")
    return row


def rolling_out_backend(row: Promotion) -> Promotion:
    """The third wave: backend waits for a pod."""
    started(row)
    row.rollouts.filter(wave__lt=3).update(state=Rollout.DONE, finished_at=timezone.now())
    row.rollouts.filter(wave=3).update(
        state=Rollout.ROLLING_OUT, started_at=timezone.now() - timedelta(seconds=70), message="1 of 2 new pods ready"
    )
    Application.objects.filter(name=f"backend-{row.environment.name}").update(
        health="Progressing",
        pods=[pod("backend", "new-a", ready=0, is_new=True), pod("backend", "new-b", ready=1, is_new=True), pod("backend", "old", ready=1)],
        blocking={"kind": "Pod", "namespace": "hub", "name": "backend-new-a", "message": "Readiness probe failed: HTTP 503"},
    )  # fmt: skip
    Promotion.objects.filter(pk=row.pk).update(wave=3)
    row.wave = 3
    return row


def paused(row: Promotion) -> Promotion:
    """Stuck in the third wave for an image that is not there."""
    rolling_out_backend(row)
    row.rollouts.filter(wave=3).update(state=Rollout.STUCK)
    issue = {
        "cause": "ImagePullBackOff", "sentence": "Deployment backend does not start: Pod backend-new-a is in ImagePullBackOff.",
        "effect": "Pods of backend from before keep serving; later waves have not started.", "advice": "Push the image, then retry.",
        "application": "backend-production", "kind": "Deployment", "namespace": "hub", "name": "backend", "pod": "backend-new-a",
        "raw": "manifest unknown", "reason": "ImagePullBackOff",
    }  # fmt: skip
    lifecycle.pause(row, actor=audit.SYSTEM, lease=None, issue=issue)
    row.refresh_from_db()
    return row


def succeeded(row: Promotion) -> Promotion:
    """All the way."""
    started(row)
    row.rollouts.update(state=Rollout.DONE, finished_at=timezone.now())
    lifecycle.move(row, State.VERIFYING, actor=audit.SYSTEM, message="Wave 4 done.")
    lifecycle.end(
        row, State.SUCCEEDED, actor=audit.SYSTEM, message=f"{row.release} is live in {row.environment.name}.",
        live_revision=COMMIT, confidence=Confidence.OBSERVED,
    )  # fmt: skip
    row.refresh_from_db()
    return row


def live(of: Release, place: Environment, *, by: User) -> Promotion:
    """A release that is live in the environment."""
    return succeeded(promotion(of, place, by=by))


def long_ago(
    of: Sequence[Release | None], place: Environment, *, asked: Sequence[datetime], **fields: Any
) -> list[Promotion]:
    """Promotions that were asked for then and ended five minutes later, as many as there are moments."""
    values: dict[str, Any] = {
        "environment": place, "state": State.SUCCEEDED, "requested_by": "elif", "requested_door": "page", "commit": COMMIT,
        "confidence": Confidence.OBSERVED, "live_revision": COMMIT, **fields,
    }  # fmt: skip
    minute = timedelta(minutes=1)
    rows = [
        Promotion(
            release=of[index % len(of)], created_at=at, started_at=at, committed_at=at + minute if values["commit"] else None,
            finished_at=at + 5 * minute, **values,
        )
        for index, at in enumerate(asked)
    ]  # fmt: skip
    with mock.patch.object(Promotion._meta.get_field("created_at"), "auto_now_add", False):
        Promotion.objects.bulk_create(rows)
    return rows


def copies(row: Promotion, count: int) -> None:
    """The same promotion so many times more, each asked for an hour before the other."""
    own = {
        "id": "gen_random_uuid()", "number": "nextval('deployments_promotion_number')",
        **{name: f"{name} - one * interval '1 hour'" for name in ("created_at", "committed_at", "finished_at")},
    }  # fmt: skip
    columns = [str(field.column) for field in Promotion._meta.concrete_fields]
    chosen = ", ".join(own.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO deployments_promotion ({names}) SELECT {chosen} FROM deployments_promotion, "  # noqa: S608
            "generate_series(1, %s) AS one WHERE id = %s",
            [count, row.pk],
        )

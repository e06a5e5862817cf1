"""What people have Argo CD do with an Application: at most once, with a right, a reason and an entry in the audit log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.catalog import connections
from controlpanel.clients.errors import Ambiguous, NotSent, PermissionRefused
from controlpanel.core.errors import ConflictError, InvalidError, RefusedError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments.choices import Act, Carried
from deployments.models import Application, Inquiry, Instruction
from deployments.selectors.inquiries import Question
from deployments.services.inquiries import ask
from deployments.services.instructions import instruct, instruction_carry_out
from tests import fixtures_deployments as rows

WORKLOAD = {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "hub", "name": "backend"}
REASON = "Connections hang since noon."


@dataclass
class FakeArgoCD:
    """Remembers what it was told; `error` is raised instead."""

    told: list[str] = field(default_factory=list)
    error: Exception | None = None

    def run_action(self, name: str, project: str, action: str, **place: str) -> None:
        self._do(f"{action} {place['kind']} {place['resource']} of {name}")

    def get_application(self, name: str, project: str, refresh: str | None = None) -> None:
        self._do(f"{refresh} refresh of {name}")

    def _do(self, what: str) -> None:
        self.told.append(what)
        if self.error:
            raise self.error


@pytest.fixture
def argocd(db: None, monkeypatch: pytest.MonkeyPatch) -> FakeArgoCD:
    rows.platform()
    fake = FakeArgoCD()
    monkeypatch.setattr(connections, "argocd_for", lambda environment: fake)
    return fake


def actor(role: Role = Role.OPERATOR) -> Actor:
    user = User.objects.filter(username=role.name).first() or rows.person(role.name, role)
    return Actor(name=user.username, door="page", user=user)


def elif_() -> User:
    user = actor().user
    assert user is not None
    return user


def application() -> Application:
    return Application.objects.select_related("environment").get(name="backend-staging")


def restarted(**changed: Any) -> Instruction:
    asked: dict[str, Any] = {
        "actor": actor(),
        "application": application(),
        "act": Act.RESTART,
        "reason": REASON,
        "resource": WORKLOAD,
    }
    return instruct(**asked | changed)


def carried_out(row: Instruction) -> Instruction:
    assert instruction_carry_out(row.pk)
    row.refresh_from_db()
    return row


def actions() -> list[str]:
    return list(
        AuditEvent.objects.filter(action__startswith="application.")
        .order_by("sequence")
        .values_list("action", flat=True)
    )


def test_a_restart_is_carried_out_by_a_worker_and_audited_twice(argocd: FakeArgoCD) -> None:
    row = restarted()
    assert argocd.told == []
    row = carried_out(row)
    assert argocd.told == ["restart Deployment backend of backend-staging"]
    assert (row.state, row.finished_at is not None) == (Carried.DONE, True)
    assert actions() == ["application.restart", "application.restart_ended"]
    first = AuditEvent.objects.get(action="application.restart")
    assert (first.actor, first.environment, first.target) == ("OPERATOR", "staging", "backend-staging")
    assert REASON in first.message


def test_what_pages_know_is_asked_anew_after_it(argocd: FakeArgoCD) -> None:
    ask(Question("tree", "backend-staging"))
    Inquiry.objects.update(next_run_at=None)
    carried_out(restarted())
    assert Inquiry.objects.get().is_waiting


def test_a_second_click_makes_no_second_restart(argocd: FakeArgoCD) -> None:
    assert restarted().pk == restarted().pk
    assert actions() == ["application.restart"]


def test_who_wants_another_workload_restarted_meanwhile_is_told_that_it_is_not(argocd: FakeArgoCD) -> None:
    restarted()
    with pytest.raises(ConflictError, match="OPERATOR has Deployment backend restarted right now"):
        restarted(resource={**WORKLOAD, "name": "worker"})
    assert actions() == ["application.restart"]


def test_what_has_ended_between_two_looks_is_returned(argocd: FakeArgoCD, monkeypatch: pytest.MonkeyPatch) -> None:
    row = restarted()

    def refused(**values: Any) -> Instruction:
        Instruction.objects.update(finished_at=timezone.now())
        raise IntegrityError

    monkeypatch.setattr(Instruction.objects, "create", refused)
    assert restarted() == row


def test_a_promotion_that_started_meanwhile_keeps_the_restart_from_being_sent(argocd: FakeArgoCD) -> None:
    row = restarted()
    running = rows.rolling_out_backend(rows.promotion(rows.release("2026.11.9"), application().environment, by=elif_()))
    row = carried_out(row)
    assert (row.state, argocd.told) == (Carried.REFUSED, [])
    assert f"Promotion {running.number} is in flight" in row.message


def test_a_restart_that_was_sent_before_a_crash_is_not_sent_again(argocd: FakeArgoCD) -> None:
    row = restarted()
    Instruction.objects.update(state=Carried.SENT)
    row = carried_out(row)
    assert (row.state, argocd.told) == (Carried.UNSURE, [])
    assert "look at the ages of the pods" in row.message


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (NotSent("Argo CD cannot be reached."), Carried.REFUSED),
        (PermissionRefused("Argo CD refused to restart Deployment hub/backend."), Carried.REFUSED),
        (Ambiguous("Argo CD answered too slowly."), Carried.UNSURE),
    ],
)
def test_what_argocd_says_instead_is_told(argocd: FakeArgoCD, error: Exception, state: Carried) -> None:
    argocd.error = error
    row = carried_out(restarted())
    assert row.state == state
    assert row.message.startswith(str(error))
    assert not instruction_carry_out(row.pk)


def test_a_refresh_needs_no_reason_and_may_be_done_while_a_promotion_is_in_flight(argocd: FakeArgoCD) -> None:
    place = application().environment
    rows.rolling_out_backend(rows.promotion(rows.release("2026.11.9"), place, by=elif_()))
    row = carried_out(instruct(actor=actor(), application=application(), act=Act.REFRESH))
    assert (row.state, argocd.told) == (Carried.DONE, ["normal refresh of backend-staging"])
    assert actions() == ["application.refresh"]


def test_a_restart_waits_for_no_promotion_but_is_refused_meanwhile(argocd: FakeArgoCD) -> None:
    running = rows.rolling_out_backend(rows.promotion(rows.release("2026.11.9"), application().environment, by=elif_()))
    with pytest.raises(ConflictError, match=f"Promotion {running.number} is in flight in staging"):
        restarted()
    assert actions() == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reason": "because"}, "at least 10 characters"),
        ({"reason": " " * 30}, "at least 10 characters"),
        ({"resource": {**WORKLOAD, "kind": "Pod"}}, "Only a Deployment"),
        ({"resource": {}}, "Only a Deployment"),
    ],
)
def test_a_restart_needs_a_workload_and_a_reason(argocd: FakeArgoCD, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        restarted(**changed)


@pytest.mark.parametrize("act", Act)
def test_a_viewer_may_neither_refresh_nor_restart(argocd: FakeArgoCD, act: Act) -> None:
    with pytest.raises(RefusedError):
        restarted(actor=actor(Role.VIEWER), act=act)

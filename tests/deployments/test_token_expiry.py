"""Tokens of Argo CD do not renew themselves: their end is watched, warned of, and said when it came."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel.catalog import connections
from controlpanel.catalog.document import ArgoCDSpec
from controlpanel.catalog.models import Environment
from controlpanel.clients.argocd import UserInfo
from controlpanel.clients.tokens import token_expiry
from controlpanel.core.permissions import Role
from deployments.models import Observer
from deployments.services import checkup_argocd
from deployments.services.findings import Level
from tests import fixtures_deployments as rows

END = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def token(**claims: Any) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part({'iss': 'argocd', **claims})}.signature"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (token(exp=int(END.timestamp())), END),
        (token(), None),
        (token(exp="never"), None),
        (token(exp=10**30), None),
        ("", None),
        ("a.b.c", None),
        ("cp_not-a-jwt", None),
    ],
)
def test_a_token_says_when_it_ends(text: str, end: datetime | None) -> None:
    assert token_expiry(text) == end


@pytest.mark.django_db
def test_of_several_tokens_of_a_server_the_first_end_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    _, production = rows.platform()
    Environment.objects.filter(pk=production.pk).update(token_from="OTHER_TOKEN")
    monkeypatch.setenv("ARGOCD_TOKEN", token(exp=int(END.timestamp())))
    assert connections.token_expiry_of("ARGOCD_SERVER") == {"token_from": "ARGOCD_TOKEN", "token_expires_at": END}
    monkeypatch.setenv("OTHER_TOKEN", token(exp=int(END.timestamp()) - 60))
    assert connections.token_expiry_of("ARGOCD_SERVER")["token_from"] == "OTHER_TOKEN"
    assert connections.token_expiry_of("ANOTHER_SERVER") == {"token_from": "", "token_expires_at": None}


@pytest.mark.django_db
def test_an_administrator_of_one_environment_is_not_told_of_the_tokens_of_others() -> None:
    rows.platform()
    Observer.objects.update(token_from="ARGOCD_TOKEN", token_expires_at=timezone.now())
    browser = Client()
    browser.force_login(rows.person("ada", Role.ADMINISTRATOR, environment="staging"))
    assert "ARGOCD_TOKEN" not in browser.get("/promotions").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "words", "ready"),
    [(15, "", "ok"), (13, "expires on", "expires on"), (-1, "expired on", "expired on")],
)
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.OPERATOR])
def test_administrators_are_warned_on_every_page_and_readiness_tells_it(
    days: float, words: str, ready: str, role: Role
) -> None:
    rows.platform()
    Observer.objects.update(token_from="ARGOCD_TOKEN", token_expires_at=timezone.now() + timedelta(days=days, hours=1))
    browser = Client()
    browser.force_login(rows.person("ada", role))
    page = browser.get("/promotions").content.decode()
    assert ("The Argo CD token in ARGOCD_TOKEN expire" in page) is (bool(words) and role == Role.ADMINISTRATOR)
    if words and role == Role.ADMINISTRATOR:
        assert words in page
        assert "argocd account generate-token" in page
    told = Client().get("/readyz").json()["argocd_token"]
    assert told.startswith(ready)
    assert "ARGOCD_TOKEN" not in told


class Asked:
    """An Argo CD that grants some rights."""

    def __init__(self, username: str, granted: Iterable[tuple[str, str]], *, logged_in: bool = True) -> None:
        self.who, self.granted = UserInfo(logged_in, username), set(granted)

    def userinfo(self) -> UserInfo:
        return self.who

    def can_i(self, resource: str, action: str, project: str, name: str = "*") -> bool:
        assert (name == "") is (resource == "projects")
        return (resource, action) in self.granted


@pytest.fixture
def spec(db: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    rows.platform()

    class Spec:
        name = "staging"
        argocd = ArgoCDSpec("hub", "ARGOCD_SERVER", "ARGOCD_TOKEN")

    return Spec()


def missing(spec: Any, monkeypatch: pytest.MonkeyPatch, daily: Asked, bootstrap: Asked) -> list[tuple[str, str, str]]:
    monkeypatch.setattr(connections, "argocd_bootstrap", lambda environment: bootstrap)
    found = checkup_argocd._rights(daily, spec, daily.who.username)  # type: ignore[arg-type]
    return [(level, sentence, remedy) for level, sentence, remedy in found if level != Level.OK]


def test_every_missing_right_is_named_with_the_line_that_grants_it(spec: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Asked(
        "panel", {*checkup_argocd.DAILY, *checkup_argocd.BOOTSTRAP} - {("applications", "sync"), ("projects", "update")}
    )
    assert missing(spec, monkeypatch, panel, panel) == [
        (
            "fail",
            "panel lacks applications, sync in the project hub, for daily work.",
            "Add `p, panel, applications, sync, hub/*, allow` to policy.csv in the ConfigMap argocd-rbac-cm.",
        ),
        (
            "warn",
            "panel lacks projects, update in the project hub, for bootstrap.",
            "Add `p, panel, projects, update, hub, allow` to policy.csv in the ConfigMap argocd-rbac-cm.",
        ),
    ]


def test_a_roles_token_gets_its_rights_in_its_project_and_never_those_of_bootstrap(
    spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = Asked(
        "proj:hub:panel", {*checkup_argocd.DAILY, *checkup_argocd.BOOTSTRAP} - {("logs", "get"), ("projects", "create")}
    )
    assert [remedy for _, _, remedy in missing(spec, monkeypatch, role, role)] == [
        "Add `p, proj:hub:panel, logs, get, hub/*, allow` to the policies of the role panel in the AppProject hub.",
        "No role of a project can have it: set ARGOCD_BOOTSTRAP_TOKEN to the token of an account.",
    ]


def test_a_bootstrap_token_that_is_not_accepted_stops_no_promotion(spec: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = Asked("", (), logged_in=False)
    ((level, sentence, _),) = missing(spec, monkeypatch, Asked("panel", checkup_argocd.DAILY), nobody)
    assert (level, sentence) == ("warn", "The token in ARGOCD_BOOTSTRAP_TOKEN is not accepted.")

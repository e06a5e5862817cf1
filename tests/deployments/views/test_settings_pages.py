"""Account, API tokens, catalog, system status."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from controlpanel.accounts.models import ApiToken, RoleBinding, Session, User
from controlpanel.accounts.tokens import token_create, token_read
from controlpanel.catalog.loading import load_platform
from controlpanel.core import audit
from controlpanel.core.models import AuditEvent, Leader
from controlpanel.core.permissions import Role
from deployments.models import Observer
from deployments.selectors.inquiries import Question
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage
from tests.deployments.views.test_applications import know
from tests.world import ROOT

PASSWORD = "correct-horse-battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"


def text(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status, response.content
    return response.content.decode()


def signed_in(user: User, agent: str = FIREFOX) -> Client:
    """A browser that signed in at the page."""
    user.set_password(PASSWORD)
    user.save()
    browser = Client(headers={"User-Agent": agent})
    answer = browser.post("/login", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return browser


def owner() -> User:
    user = User.objects.create_user(username="selin", display_name="Selin Aydın")
    RoleBinding.objects.create(user=user, role=Role.TENANT_OWNER, tenant="chat365")
    return user


# ---- whoever is signed in has a way on


def test_signing_in_leads_to_the_pipeline_or_to_what_one_may_do(stage: Stage) -> None:
    for user, address in ((stage.elif_, "/"), (owner(), "/tenants")):
        user.set_password(PASSWORD)
        user.save()
        answer = Client().post("/login", {"username": user.username, "password": PASSWORD})
        assert (answer.status_code, answer["Location"]) == (302, address)


@pytest.mark.parametrize(
    "address",
    ["/promotions", "/environments/staging", "/settings/catalog", "/applications/ai-staging", "/nowhere"],
)
def test_a_refusal_says_who_one_is_and_lets_one_sign_out(stage: Stage, address: str) -> None:
    browser = stage.client(owner())
    answer = browser.get(address)
    page = answer.content.decode()
    assert answer.status_code in (403, 404)
    assert "Signed in as Selin Aydın, tenant owner" in page
    assert 'action="/logout"' in page
    assert 'href="/settings/account"' in page
    assert "nobody" not in page
    assert "csrfmiddlewaretoken" in page


def test_a_refusal_names_the_roles_that_one_has(stage: Stage) -> None:
    assert "You may not do this: you are tenant owner of chat365." in text(stage.client(owner()), "/promotions", 403)
    nobody = User.objects.create_user(username="new")
    assert "You may not do this: you have no role yet." in text(stage.client(nobody), "/", 403)


def test_the_account_says_what_one_may_do_and_who_gives_rights(stage: Stage) -> None:
    make.person("deniz", Role.ADMINISTRATOR, display_name="Deniz Arslan")
    page = text(stage.client(owner()), "/settings/account")
    assert "the tenant chat365: see tenants, edit references to credentials, sign checklists off." in page
    assert "Rights are given by Deniz Arslan." in page
    assert "the pipeline is closed to you" in page
    assert "everywhere: see releases, promotions and Applications, promote" in text(
        stage.client(stage.elif_), "/settings/account"
    )
    assert "the environment staging:" in text(stage.client(stage.stan), "/settings/account")
    nobody = User.objects.create_user(username="new")
    assert "You have no role yet." in text(stage.client(nobody), "/settings/account")


# ---- sessions and password


def test_sessions_are_listed_by_browser_and_can_be_ended(stage: Stage) -> None:
    here, there = signed_in(stage.elif_), Client(headers={"User-Agent": "curl/8"})
    there.post("/login", {"username": "elif", "password": PASSWORD})
    page = text(here, "/settings/account")
    assert "Firefox on Linux" in page
    assert "127.0.0.1" in page
    assert page.count("this one") == 1
    keys = Session.objects.values_list("session_key", flat=True)
    assert not any(key in page for key in keys), "a key signs in whoever has it"
    assert here.post("/settings/account/sessions").status_code == 303
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert AuditEvent.objects.filter(action="user.sessions_end", actor="elif").count() == 1


def test_one_session_is_ended_alone_and_never_somebody_elses(stage: Stage) -> None:
    here, other, foreign = signed_in(stage.elif_), Client(), signed_in(stage.vera)
    other.post("/login", {"username": "elif", "password": PASSWORD})
    mark = re.findall(r'name="session" value="(\w+)"', text(here, "/settings/account"))
    assert len(mark) == 1
    theirs = re.findall(r'data-key="(\w{24})"', text(foreign, "/settings/account"))
    here.post("/settings/account/sessions", {"session": theirs[0]})
    assert foreign.get("/").status_code == 200
    here.post("/settings/account/sessions", {"session": mark[0]})
    assert other.get("/").status_code == 302


def test_rows_of_sessions_that_ran_out_go_when_somebody_signs_in(stage: Stage) -> None:
    signed_in(stage.elif_)
    Session.objects.update(expire_date=timezone.now() - timedelta(minutes=1))
    signed_in(stage.vera)
    assert [row.user for row in Session.objects.all()] == [stage.vera]


def test_a_hostile_browser_name_is_text(stage: Stage) -> None:
    page = text(signed_in(stage.elif_, "<script>alert(1)</script>"), "/settings/account")
    assert "<script>alert" not in page


def test_a_password_is_changed_and_every_other_session_ends(stage: Stage) -> None:
    here, there = signed_in(stage.elif_), Client()
    there.post("/login", {"username": "elif", "password": PASSWORD})
    new = "quite-another-long-one"
    typed = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/settings/account", typed).status_code == 303
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert Client().post("/login", {"username": "elif", "password": new}).status_code == 302
    event = AuditEvent.objects.get(action="user.password")
    assert (event.actor, event.target) == ("elif", "elif")
    assert new not in str(event.__dict__)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"old_password": "wrong"}, "That is not your password."),
        ({"new_password2": "different-from-it"}, "The two new passwords differ."),
        ({"new_password1": "short", "new_password2": "short"}, "too short"),
    ],
)
def test_a_bad_password_is_refused_with_its_reason(stage: Stage, typed: dict[str, str], words: str) -> None:
    here = signed_in(stage.elif_)
    good = {
        "old_password": PASSWORD,
        "new_password1": "quite-another-long-one",
        "new_password2": "quite-another-long-one",
    }
    answer = here.post("/settings/account", good | typed)
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_the_password_cannot_be_guessed_from_a_session_that_was_left_open(stage: Stage) -> None:
    here = signed_in(stage.elif_)
    typed = {
        "old_password": "wrong",
        "new_password1": "quite-another-long-one",
        "new_password2": "quite-another-long-one",
    }
    answers = [here.post("/settings/account", typed).status_code for _ in range(10)]
    assert answers[0] == 422
    assert answers[-1] == 429
    assert here.post("/settings/account", typed | {"old_password": PASSWORD}).status_code != 303


# ---- tokens


def token(name: str, user: User | None = None, **named: Any) -> ApiToken:
    return token_create(actor=audit.SYSTEM, name=name, scopes=["read"], user=user, **named)[0]


def test_a_token_is_shown_once_and_works(client: Client, stage: Stage) -> None:
    wanted = {"name": "deploy-staging", "scopes": ["read", "promote"], "environments": ["staging"], "expires": "30"}
    page = client.post("/settings/tokens", wanted).content.decode()
    secret = re.search(r'id="secret">(cp_[\w-]+)<', page)
    assert secret is not None
    row = token_read(secret[1])
    assert row is not None
    assert (row.user, row.scopes, row.environments) == (stage.elif_, ["read", "promote"], ["staging"])
    assert timedelta(days=29) < row.expires_at - timezone.now() <= timedelta(days=30)
    assert secret[1] not in text(client, "/settings/tokens")
    assert AuditEvent.objects.get(action="token.create").actor == "elif"


def test_people_see_their_own_tokens_and_administrators_everybodys(client: Client, stage: Stage) -> None:
    token("mine", stage.elif_), token("veras", stage.vera), token("machine")
    page = text(client, "/settings/tokens")
    assert ("mine" in page, "veras" in page, ">machine<" in page) == (True, False, False)
    admin = stage.client(make.person("deniz", Role.ADMINISTRATOR))
    page = text(admin, "/settings/tokens")
    assert all(f">{name}<" in page for name in ("mine", "veras", "machine"))


def test_a_token_is_revoked_by_its_owner_or_an_administrator_alone(client: Client, stage: Stage) -> None:
    veras = token("veras", stage.vera)
    assert client.post(f"/settings/tokens/{veras.pk}/revoke").status_code == 404
    assert ApiToken.objects.get(pk=veras.pk).revoked_at is None
    assert stage.client(stage.vera).post(f"/settings/tokens/{veras.pk}/revoke").status_code == 303
    assert ApiToken.objects.get(pk=veras.pk).revoked_at is not None
    mine = token("mine", stage.elif_)
    assert (
        stage.client(make.person("deniz", Role.ADMINISTRATOR)).post(f"/settings/tokens/{mine.pk}/revoke").status_code
        == 303
    )
    assert "Revoked" in text(client, "/settings/tokens")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": "taken"}, "A token called taken exists."),
        ({"scopes": []}, "Choose at least one."),
        ({"scopes": ["admin"]}, "not one of the available choices"),
        ({"environments": ["elsewhere"]}, "not one of the available choices"),
        ({"name": "two\nlines"}, "cannot be the name of a token"),
        ({"expires": "4000"}, "not one of the available choices"),
    ],
)
def test_a_bad_token_is_refused_with_its_reason(client: Client, changed: dict[str, Any], words: str) -> None:
    token("taken")
    answer = client.post("/settings/tokens", {"name": "good", "scopes": ["read"], "expires": "90"} | changed)
    assert answer.status_code in (422,)
    assert words in answer.content.decode().replace("&#x27;", "'")
    assert ApiToken.objects.count() == 1


def test_what_was_typed_is_kept_when_it_is_refused_and_gone_when_it_was_taken(client: Client) -> None:
    token("taken")
    typed = {"name": "taken", "scopes": ["read"], "environments": ["staging"], "expires": "30"}
    page = client.post("/settings/tokens", typed).content.decode()
    for kept in ('value="taken"', 'value="read" checked', 'value="staging" checked', 'value="30" selected'):
        assert kept in page
    page = client.post("/settings/tokens", typed | {"name": "good"}).content.decode()
    assert "checked" not in page
    assert 'value="90" selected' in page


def test_only_administrators_make_tokens_that_act_for_nobody(client: Client, stage: Stage) -> None:
    wanted = {"name": "machine", "scopes": ["read"], "expires": "90", "whose": "machine"}
    client.post("/settings/tokens", wanted)
    assert ApiToken.objects.get().user == stage.elif_
    admin = stage.client(make.person("deniz", Role.ADMINISTRATOR))
    admin.post("/settings/tokens", wanted | {"name": "machine-2"})
    assert ApiToken.objects.get(name="machine-2").user is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Never used"),
        ({"last_used_at": timedelta(0)}, "Active"),
        ({"expires_at": timedelta(days=5)}, "Expires soon"),
        ({"expires_at": timedelta(days=-1)}, "Expired"),
    ],
)
def test_the_state_of_a_token_is_said(client: Client, stage: Stage, changed: dict[str, timedelta], words: str) -> None:
    token("mine", stage.elif_)
    ApiToken.objects.update(**{name: timezone.now() + by for name, by in changed.items()})
    assert words in text(client, "/settings/tokens")


def test_the_last_use_of_a_token_names_its_address(client: Client, stage: Stage) -> None:
    _, secret = token_create(actor=audit.SYSTEM, name="mine", scopes=["read"], user=stage.elif_)
    Client(REMOTE_ADDR="192.0.2.7").get("/api/v1/releases", headers={"Authorization": f"Bearer {secret}"})
    page = text(client, "/settings/tokens")
    assert "from 192.0.2.7" in page
    assert "$CONTROL_PANEL_TOKEN" in page
    assert 'aria-label="Copy example call"' in page


def test_who_can_do_nothing_is_told_so(stage: Stage) -> None:
    page = text(stage.client(User.objects.create_user(username="new")), "/settings/tokens")
    assert "You have no role yet" in page
    assert 'id="create-token"' not in page
    assert 'value="tenants"' in text(stage.client(owner()), "/settings/tokens")


# ---- catalog


def load(text_: str = "") -> None:
    load_platform(actor=audit.SYSTEM, text=text_ or (ROOT / "platform.yaml").read_text("utf-8"), commit="c" * 40)


def test_the_catalog_shows_what_is_in_force(client: Client) -> None:
    load()
    page = text(client, "/settings/catalog")
    assert "ARGOCD_TOKEN" in page
    assert "wave 1: monitoring, redis, kafka; wave 2: ai" in page
    assert page.count('class="graph-box"') == 6
    assert 'class="graph-line"' in page
    assert "was refused" not in page


def test_a_refused_catalog_is_shown_by_line_and_what_was_in_force_stays(client: Client, stage: Stage) -> None:
    load()
    lines = (ROOT / "platform.yaml").read_text("utf-8").splitlines()
    lines[5] = "version: two  # password: hunter2-hunter2"
    load("\n".join(lines))
    page = text(client, "/settings/catalog")
    assert "was refused" in page
    assert "platform.yaml:6" in page
    assert "version: two" in page
    assert "hunter2" not in page
    assert "what was in force before still is" in page
    page = text(stage.client(stage.stan), "/settings/catalog")
    assert "was refused" not in page
    assert "env/staging" in page
    assert "env/production" not in page


def test_before_a_catalog_is_loaded_the_page_says_what_to_run(client: Client) -> None:
    assert "Run manage.py load_platform." in text(client, "/settings/catalog")


# ---- system status

FINDINGS = [
    {"level": "ok", "subject": "database", "sentence": "PostgreSQL 16 answers.", "remedy": ""},
    {
        "level": "fail",
        "subject": "Argo CD",
        "sentence": "The token in ARGOCD_TOKEN is not accepted.",
        "remedy": "Make a new one.",
    },
]


@pytest.fixture
def admin(stage: Stage) -> Client:
    return stage.client(make.person("deniz", Role.ADMINISTRATOR))


def test_the_status_shows_what_a_worker_found_with_the_worst_first(admin: Client) -> None:
    breakers = [{"server": "https://argocd.example", "closed_for": 12.0}]
    know(
        Question("checkup"),
        {"findings": FINDINGS, "by": "host, process 7", "workers": ["celery@a"], "breakers": breakers},
    )
    page = text(admin, "/settings/status")
    assert page.index("is not accepted") < page.index("PostgreSQL 16 answers.")
    assert "Something stops promotions." in page
    assert "celery@a" in page
    assert "leaves https://argocd.example alone for 12.0 s more" in page


def test_the_status_is_asked_of_a_worker_and_never_within_the_request(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.services.inspection.checkup", lambda: pytest.fail("asked within a request"))
    assert "A worker asks every connection…" in text(admin, "/settings/status")


def test_the_status_tells_lags_leaders_silence_and_token_ends_from_rows(admin: Client) -> None:
    now = timezone.now()
    Leader.objects.create(duty="watch", holder="host:7", lease_until=now - timedelta(minutes=3), fencing=1)
    Observer.objects.update(
        heard_at=now - timedelta(minutes=5),
        error="Connection refused.",
        token_from="ARGOCD_TOKEN",
        token_expires_at=now + timedelta(days=3),
    )
    page = text(admin, "/settings/status")
    assert "Nobody leads: host:7 was the last" in page
    assert "Connection refused. the stream is down" in page
    assert "The token expires" in page


@pytest.mark.parametrize("who", ["vera", "elif_", "stan"])
def test_the_status_is_for_administrators(stage: Stage, who: str) -> None:
    assert stage.client(getattr(stage, who)).get("/settings/status").status_code in (403, 404)


def test_who_administers_one_environment_alone_finds_no_way_to_the_status(stage: Stage) -> None:
    browser = stage.client(make.person("local", Role.ADMINISTRATOR, environment="staging"))
    assert "/settings/status" not in text(browser, "/")
    assert browser.get("/settings/status").status_code == 404


@pytest.mark.parametrize("address", ["/settings/account", "/settings/tokens", "/settings/catalog", "/settings/status"])
def test_queries_are_few_and_do_not_grow(
    admin: Client, stage: Stage, address: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    load()
    for number in range(30):
        token(f"t{number}", stage.elif_)
        Leader.objects.create(duty=f"duty-{number}", holder="h", lease_until=timezone.now(), fencing=1)
    know(Question("checkup"), {"findings": FINDINGS * 20, "by": "x", "workers": None, "breakers": []})
    text(admin, address)
    with django_assert_max_num_queries(12):
        text(admin, address)

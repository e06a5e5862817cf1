"""`/api/v1/promotions`: asking, reading, acting."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlpanel.catalog.models import Environment
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments.choices import State
from deployments.models import Promotion, Release
from tests import fixtures_deployments as rows
from tests.deployments.api.conftest import Caller, caller, problem

pytestmark = pytest.mark.django_db
SHAPE = {
    "id", "number", "kind", "state", "release", "environment", "requested_by", "reason", "render_digest", "commit", "waves",
    "applications", "blocking", "gates", "events", "url",
}  # fmt: skip


def asked(environment: str = "staging", **more: Any) -> dict[str, Any]:
    return {"release": "2026.11.1", "environment": environment, "reason": "Agreed.", **more}


def staging() -> Environment:
    return Environment.objects.get(name="staging")


@pytest.fixture
def paused(platform: Release) -> Promotion:
    return rows.paused(rows.promotion(platform, staging(), by=rows.person("elif", Role.OPERATOR)))


def test_asking_without_a_digest_is_accepted_and_judged_later(admin: Caller, platform: Release) -> None:
    response = admin.post("/promotions", asked())
    assert response.status_code == 202
    told = response.json()
    assert told.keys() >= SHAPE
    assert (told["state"], told["release"], told["environment"]) == ("requested", "2026.11.1", "staging")
    assert [event["type"] for event in told["events"]] == ["promotion.requested"]
    assert told["url"].endswith(f"/promotions/{told['number']}")


def test_asking_with_the_digest_of_a_preview_queues_it_with_its_gates(admin: Caller, platform: Release) -> None:
    rows.preflight(platform, staging())
    told = admin.post("/promotions", asked(render_digest=rows.DIGEST)).json()
    assert told["state"] == "queued"
    assert told["render_digest"] == rows.DIGEST
    assert {gate["verdict"] for gate in told["gates"]} == {"pass"}
    assert [wave["components"] for wave in told["waves"]] == rows.WAVES


def test_a_stale_digest_is_409_with_the_gates_and_no_promotion(admin: Caller, platform: Release) -> None:
    told = problem(admin.post("/promotions", asked(render_digest="0" * 64)), 409)
    assert told["stale"] is True
    assert {"gate", "verdict", "reason", "owner", "opens_at"} <= told["gates"][0].keys()
    assert not Promotion.objects.exists()
    assert AuditEvent.objects.filter(action="promotion.refused").count() == 1


def test_a_blocked_gate_is_409_and_says_what_to_do_first(admin: Caller, platform: Release) -> None:
    rows.preflight(platform, Environment.objects.get(name="production"))
    told = problem(admin.post("/promotions", asked("production", render_digest=rows.DIGEST)), 409)
    assert {gate["gate"]: gate["verdict"] for gate in told["gates"]}["pipeline-order"] == "block"
    assert "staging" in told["remedy"]


def test_the_same_call_with_the_same_key_changes_nothing(admin: Caller, platform: Release) -> None:
    first = admin.post("/promotions", asked(), key="k").json()
    again = admin.post("/promotions", asked(), key="k")
    assert (again.status_code, again.json()) == (202, first)
    assert Promotion.objects.count() == 1


def test_an_equal_request_while_one_is_open_answers_that_one(admin: Caller, platform: Release) -> None:
    assert admin.post("/promotions", asked()).json()["id"] == admin.post("/promotions", asked()).json()["id"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (asked(environment="nowhere"), 404),
        (asked() | {"release": "none"}, 404),
        (asked() | {"release": None}, 422),
        (asked(render_digest="abc"), 422),
        (asked(kind="rollback"), 422),
        (asked(kind="other"), 422),
        (asked(override=[{"gate": "x", "reason": "y"}]), 422),
        (asked(components="backend"), 422),
    ],
)
def test_a_request_that_cannot_be_is_refused_with_a_remedy(
    admin: Caller, platform: Release, body: dict[str, Any], status: int
) -> None:
    assert problem(admin.post("/promotions", body), status)["remedy"]
    assert not Promotion.objects.exists()


def test_a_promotion_is_read_by_id_and_by_number(admin: Caller, paused: Promotion) -> None:
    by_id, by_number = admin.get(f"/promotions/{paused.pk}").json(), admin.get(f"/promotions/{paused.number}").json()
    assert by_id == by_number
    assert by_id["issue"]["cause"] == "ImagePullBackOff"
    assert by_id["blocking"][0] == {
        "kind": "Deployment",
        "namespace": "hub",
        "name": "backend",
        "message": "manifest unknown",
    }
    assert [wave["state"] for wave in by_id["waves"]] == ["done", "done", "stuck", "waiting"]
    assert [wave["number"] for wave in by_id["waves"]] == [1, 2, 3, 4]
    assert by_id["events"][0]["sequence"] == 1


@pytest.mark.parametrize("identifier", ["1", "0192f0c1-0000-7000-8000-00000000dead", "x", "9" * 30, "-1", "%00"])
def test_a_promotion_that_is_not_there_is_absent(admin: Caller, platform: Release, identifier: str) -> None:
    assert admin.get(f"/promotions/{identifier}").status_code in (404, 422)


def test_a_token_of_another_environment_sees_nothing_of_it(paused: Promotion) -> None:
    other = caller("admin", environments=("production",))
    problem(other.get(f"/promotions/{paused.pk}"), 404)
    problem(other.post(f"/promotions/{paused.pk}/abort"), 404)
    problem(other.post("/promotions", asked()), 404)
    assert other.get("/promotions").json() == {"items": [], "next": None}


@pytest.mark.parametrize(("act", "state"), [("abort", "canceling"), ("retry", "rolling_out"), ("claim", "paused")])
def test_an_act_on_a_paused_promotion_answers_it_as_it_is_then(
    admin: Caller, paused: Promotion, act: str, state: str
) -> None:
    response = admin.post(f"/promotions/{paused.pk}/{act}")
    assert response.status_code == 200
    assert response.json()["state"] == state
    assert Promotion.objects.get(pk=paused.pk).state == state


def test_ignoring_needs_a_reason(admin: Caller, paused: Promotion) -> None:
    assert problem(admin.post(f"/promotions/{paused.pk}/ignore"), 422)["field"] == "reason"
    told = admin.post(f"/promotions/{paused.pk}/ignore", {"reason": "The old pods serve well."}).json()
    assert told["state"] == "rolling_out"


def test_an_act_that_does_not_fit_the_state_is_a_conflict(admin: Caller, platform: Release) -> None:
    told = admin.post("/promotions", asked()).json()
    problem(admin.post(f"/promotions/{told['id']}/retry"), 409)


@pytest.mark.parametrize("act", ["approve", "reject"])
def test_nothing_is_decided_where_nobody_was_asked(paused: Promotion, act: str) -> None:
    deniz = caller("approve", user=rows.person("deniz", Role.RELEASE_MANAGER))
    told = problem(deniz.post(f"/promotions/{paused.pk}/{act}", {"comment": "Read it."}), 409)
    assert told["detail"].endswith("is paused: no approval is awaited.")
    assert Promotion.objects.get(pk=paused.pk).state == State.PAUSED


def test_a_person_approves_by_a_token_of_their_own(admin: Caller, platform: Release) -> None:
    place = staging()
    place.gates = [{"name": "approvals", "parameters": {"required": 1}}]
    place.save()
    preview = rows.preflight(platform, place)
    told = admin.post("/promotions", asked(render_digest=preview.render_digest)).json()
    assert (told["state"], told["approvals"]["required"], told["approvals"]["given"]) == ("awaiting_approval", 1, 0)
    assert {gate["gate"]: gate["verdict"] for gate in told["gates"]}["approvals"] == "wait"
    problem(admin.post(f"/promotions/{told['id']}/approve", {}), 403)  # the token of nobody
    deniz = caller("approve", user=rows.person("deniz", Role.RELEASE_MANAGER))
    problem(deniz.post(f"/promotions/{told['id']}/approve", {"render_digest": "e" * 64}), 409)
    problem(deniz.post(f"/promotions/{told['id']}/reject", {}), 422)
    done = deniz.post(
        f"/promotions/{told['id']}/approve", {"comment": "Read it.", "render_digest": preview.render_digest}
    )
    assert (done.status_code, done.json()["state"]) == (200, "queued")
    word = done.json()["approvals"]["items"][0]
    assert (word["by"], word["comment"], word["counts"], word["why_not"]) == ("deniz", "Read it.", True, "")


def test_an_act_with_the_same_key_is_done_once(admin: Caller, paused: Promotion) -> None:
    first = admin.post(f"/promotions/{paused.pk}/retry", key="k").json()
    assert admin.post(f"/promotions/{paused.pk}/retry", key="k").json() == first


def test_the_list_asks_the_same_number_of_queries_for_one_and_for_many(admin: Caller, platform: Release) -> None:
    elif_ = rows.person("elif", Role.OPERATOR)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            admin.get("/promotions")
        return len(captured)

    rows.rolling_out_backend(rows.promotion(platform, staging(), by=elif_))
    queries()
    few = queries()
    for number in range(4):
        rows.promotion(rows.release(f"9.{number}"), staging(), by=elif_)
    assert queries() == few


def test_the_list_can_be_narrowed(admin: Caller, paused: Promotion) -> None:
    assert len(admin.get("/promotions", environment="staging", state="paused").json()["items"]) == 1
    assert admin.get("/promotions", environment="production").json()["items"] == []
    problem(admin.get("/promotions", state="resting"), 422)


def test_a_rollback_is_a_new_promotion_back_to_what_succeeded(admin: Caller, platform: Release) -> None:
    elif_ = rows.person("elif", Role.OPERATOR)
    good = rows.live(platform, staging(), by=elif_)
    problem(admin.post(f"/promotions/{good.number}/rollback"), 409)
    rows.rolling_out_backend(rows.promotion(rows.release("2026.12.1"), staging(), by=elif_))
    answer = admin.post(f"/promotions/{good.number}/rollback", {"reason": "It does not start."}, key="k")
    told = answer.json()
    assert (answer.status_code, told["kind"], told["state"]) == (202, "rollback", "requested")
    assert told["restores"] == {"id": str(good.pk), "number": good.number, "commit": good.commit}
    assert admin.post(f"/promotions/{good.number}/rollback", {"reason": "It does not start."}, key="k").json() == told

"""A release meets only tenants that are ready, by the environment's policy; who may let it pass, why, and until when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import ConflictError, InvalidError, RefusedError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments import gates
from deployments.choices import Kind, Verdict
from deployments.gates import GateAnswer
from deployments.gates.base import gates as registry
from deployments.models import Release
from deployments.services.overriding import LONGEST, USUAL, Override, checked_overrides
from deployments.services.promotions import promotion_request
from tenants.choices import TenantState
from tenants.models import ChecklistItem, Tenant
from tenants.services.promoting import items_for_release
from tenants.services.signing import item_waive
from tests import fixtures_deployments as rows
from tests import fixtures_tenants as tenants

pytestmark = pytest.mark.django_db
REASON = "Agreed with both clinics."


@pytest.fixture
def places() -> tuple[Environment, Environment]:
    return tenants.catalog()


@pytest.fixture
def staging(places: tuple[Environment, Environment]) -> Environment:
    return places[0]


@pytest.fixture
def rita() -> Actor:
    return tenants.actor(tenants.person("rita", Role.RELEASE_MANAGER))


@pytest.fixture
def ada() -> Actor:
    return tenants.actor(tenants.person("ada", Role.ADMINISTRATOR))


@pytest.fixture
def release() -> Release:
    return rows.release("2026.11.3")


PROVIDED = [{"key": key, "state": "set", "where": "x"} for key in tenants.FIVE[:3]]


def with_gate(staging: Environment, **parameters: Any) -> Environment:
    staging.gates = [{"name": "digest-current"}, {"name": "tenants-ready", "parameters": parameters}]
    staging.save()
    return staging


def ask(release: Release, staging: Environment, **more: Any) -> GateAnswer:
    preview = rows.preflight(release, staging, variables=PROVIDED)
    answers = gates.for_target(release=release, environment=staging, preflight=preview, **more)
    return next(answer for answer in answers if answer.gate == "tenants-ready")


def three(staging: Environment, ada: Actor) -> None:
    """Two that are ready (their environment's keys come with the release) and one that lacks a reference."""
    for slug in ("lumen", "nova"):
        tenants.ready(slug, staging, by=ada)
    tenants.put(tenants.tenant("mira", by=ada), staging, by=ada, keys=("DOKTOR365_SECRET",))


def test_without_active_tenants_there_is_nobody_to_wait_for(staging: Environment, release: Release) -> None:
    assert ask(release, with_gate(staging)).reason == "staging has no active tenants."


@pytest.mark.parametrize(
    ("parameters", "verdict", "words"),
    [
        ({}, Verdict.BLOCK, "1 of 3 active tenants is not ready: mira (HUB_REGISTRY_URL)."),
        ({"policy": "all"}, Verdict.BLOCK, "1 of 3 active tenants is not ready: mira (HUB_REGISTRY_URL)."),
        ({"policy": "percentage", "percentage": 66}, Verdict.PASS, "2 of 3 are enough (66 % wanted)."),
        ({"policy": "percentage", "percentage": 67}, Verdict.BLOCK, "67 % have to be."),
        ({"policy": "warn"}, Verdict.PASS, "Only a warning here: 1 of 3 active tenants is not ready: mira"),
    ],
)
def test_the_policy_decides_and_the_tenant_is_named(
    staging: Environment, release: Release, ada: Actor, parameters: dict[str, Any], verdict: str, words: str
) -> None:
    three(staging, ada)

    answer = ask(release, with_gate(staging, **parameters))

    assert (answer.verdict, words in answer.reason) == (verdict, True), answer.reason
    told = answer.extra["tenants"]
    assert (told["total"], told["ready"]) == (3, 2)
    assert [one["slug"] for one in told["blocked"]] == ["mira"]
    keys = {item["key"] for item in told["blocked"][0]["items"]}
    assert {"DOKTOR365_SECRET", "ONLYCHANNEL_ACCOUNT_TOKEN"} <= keys
    assert {item["id"] for item in told["blocked"][0]["items"]} <= {
        str(pk) for pk in ChecklistItem.objects.values_list("pk", flat=True)
    }


def test_a_tenant_whose_items_are_waived_leaves_the_list(
    staging: Environment, release: Release, ada: Actor, rita: Actor
) -> None:
    three(staging, ada)
    for item in ChecklistItem.objects.filter(tenant__slug="mira", environment=staging):
        until = timezone.now() + timedelta(days=1)
        item_waive(actor=rita, item=item, reason="They start next week.", until=until)

    assert ask(release, with_gate(staging)).reason == "All 3 active tenants are ready."


def test_only_active_tenants_count(staging: Environment, release: Release, ada: Actor) -> None:
    tenants.tenant("later", by=ada, state=TenantState.ONBOARDING)

    assert ask(release, with_gate(staging)).verdict == Verdict.PASS


def test_a_key_that_a_new_release_needs_blocks_that_release_alone(
    staging: Environment, release: Release, ada: Actor
) -> None:
    tenants.ready("nova", staging, by=ada)
    newer = rows.release("2026.11.4")
    items_for_release(staging, ["WHATSAPP_TOKEN"], newer.version)

    answer = ask(newer, with_gate(staging))

    assert answer.reason == "1 of 1 active tenants is not ready: nova (WHATSAPP_TOKEN)."
    assert answer.extra["tenants"]["blocked"][0]["items"][0]["release"] == "2026.11.4"
    assert ask(release, staging).verdict == Verdict.PASS


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({"policy": "some"}, "Its policy is one of all, percentage, warn."),
        ({"policy": "percentage"}, "Its percentage is a number above 0 and up to 100."),
        ({"policy": "percentage", "percentage": 101}, "Its percentage is a number above 0 and up to 100."),
        ({"percentage": 90}, "A percentage belongs to the policy percentage."),
        ({"who": "all"}, "It takes no parameter who."),
    ],
)
def test_parameters_that_make_no_sense_are_told_when_the_catalog_is_loaded(
    parameters: dict[str, Any], wrong: str
) -> None:
    assert registry["tenants-ready"].check(parameters) == [wrong]
    assert registry["lane-free"].check(parameters) != []


class TestOverriding:
    def test_it_passes_and_the_promotion_and_the_audit_say_who_why_and_until_when(
        self, staging: Environment, release: Release, ada: Actor, rita: Actor
    ) -> None:
        three(staging, ada)
        preview = rows.preflight(release, with_gate(staging), variables=PROVIDED)

        asked = promotion_request(
            actor=rita, environment="staging", release=release.version, render_digest=preview.render_digest,
            overrides=[Override("tenants-ready", REASON)],
        )  # fmt: skip

        result = asked.gates.get(gate="tenants-ready")
        assert (result.verdict, asked.state) == (Verdict.OVERRIDDEN, "queued")
        assert result.reason.startswith(f"Overridden by rita: {REASON} (1 of 3 active tenants is not ready")
        event = AuditEvent.objects.get(action="promotion.gate_overridden")
        assert (event.actor, event.details["reason"], event.promotion) == ("rita", REASON, asked.pk)

    def test_without_it_the_refusal_lists_the_tenants_with_their_items(
        self, staging: Environment, release: Release, ada: Actor, rita: Actor
    ) -> None:
        three(staging, ada)
        preview = rows.preflight(release, with_gate(staging), variables=PROVIDED)

        with pytest.raises(ConflictError) as refused:
            promotion_request(
                actor=rita, environment="staging", release=release.version, render_digest=preview.render_digest
            )

        told = refused.value.extra["tenants"]
        assert [one["slug"] for one in told["blocked"]] == ["mira"]
        assert all(item["id"] for item in told["blocked"][0]["items"])

    def test_one_that_has_expired_holds_no_more(self, staging: Environment, release: Release, ada: Actor) -> None:
        three(staging, ada)
        past = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
        gone = [{"gate": "tenants-ready", "reason": REASON, "by": "rita", "until": past}]

        answer = ask(release, with_gate(staging), overrides=gone)

        assert answer.verdict == Verdict.BLOCK
        assert answer.reason.endswith("Its override by rita has expired.")

    def test_operators_may_not(self, staging: Environment) -> None:
        olga = tenants.as_role(Role.OPERATOR)
        with pytest.raises(RefusedError):
            checked_overrides(olga, with_gate(staging), Kind.RELEASE, [Override("tenants-ready", REASON)])

    @pytest.mark.parametrize(
        ("override", "words"),
        [
            (Override("lane-free", REASON), "The gate lane-free cannot be overridden."),
            (Override("no-such", REASON), "The gate no-such cannot be overridden."),
            (Override("tenants-ready", "because"), "at least 10 characters"),
            (Override("tenants-ready", REASON, timezone.now() - timedelta(hours=1)), "ends in the future"),
            (Override("tenants-ready", REASON, timezone.now() + LONGEST + timedelta(hours=1)), "at most 7 days"),
        ],
    )
    def test_what_makes_no_sense_is_refused_with_the_field(
        self, staging: Environment, rita: Actor, override: Override, words: str
    ) -> None:
        with pytest.raises(InvalidError, match=words):
            checked_overrides(rita, with_gate(staging), Kind.RELEASE, [override])

    def test_it_holds_for_a_day_unless_said(self, staging: Environment, rita: Actor) -> None:
        (kept,) = checked_overrides(rita, with_gate(staging), Kind.RELEASE, [Override("tenants-ready", REASON)])

        left = datetime.fromisoformat(kept["until"]) - timezone.now()
        assert USUAL - timedelta(minutes=1) < left <= USUAL
        assert json.dumps(kept)


def test_the_number_of_queries_is_that_of_one_tenant(staging: Environment, release: Release, ada: Actor) -> None:
    place = with_gate(staging)
    counts = []
    for slugs in (["a1"], [f"b{number}" for number in range(12)]):
        for slug in slugs:
            tenants.tenant(slug, by=ada)
        preview = rows.preflight(release, place, variables=PROVIDED)
        with CaptureQueriesContext(connection) as captured:
            gates.for_target(release=release, environment=place, preflight=preview)
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert Tenant.objects.count() == 13

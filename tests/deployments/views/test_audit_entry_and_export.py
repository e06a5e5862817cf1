"""One entry of the audit log at its lasting address, and the log as a file: all of what the reader may see, and nothing else."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from controlpanel.core import audit
from controlpanel.core.models import AuditEvent
from deployments.selectors import audit_export
from tests import fixtures_deployments as make
from tests.deployments.api.conftest import caller, problem
from tests.deployments.views.conftest import Stage
from tests.deployments.views.test_lists import text

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1")


def act(**fields: object) -> AuditEvent:
    values = {"actor": audit.SYSTEM, "action": "tenant.edit", "environment": "staging", **fields}
    return audit.record(**values)  # type: ignore[arg-type]


def body(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_an_entry_tells_who_through_which_door_and_what_was_before_and_after(client: Client, stage: Stage) -> None:
    row = act(
        target="nova", message="Changed owner.", details={"owner": {"from": "selin", "to": "<b>mert</b>"}, "note": "x"}
    )
    page = text(client, f"/audit/{row.sequence}")
    for words in (
        "Changed owner.",
        "selin",
        "&lt;b&gt;mert&lt;/b&gt;",
        "The hash is that of what the entry says.",
        row.hash,
        row.previous_hash,
        "system",
    ):
        assert words in page, words
    assert f'href="/audit?cursor={row.sequence + 1}#entry-{row.sequence}"' in page
    assert f'href="/audit/{row.sequence}"' in text(client, "/audit")


def test_an_entry_that_was_changed_past_the_panel_says_so(client: Client, stage: Stage) -> None:
    row = act(target="nova")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE core_auditevent SET target = 'aegean' WHERE sequence = %s", [row.sequence])
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert "it was changed past the panel" in text(client, f"/audit/{row.sequence}")


def test_an_entry_of_another_environment_reads_as_absent(stage: Stage) -> None:
    row = act(environment="production")
    browser = stage.client(stage.stan)
    assert browser.get(f"/audit/{row.sequence}").status_code == browser.get("/audit/999999").status_code == 404
    narrowed = caller("read", environments=("staging",))
    problem(narrowed.get(f"/audit/{row.sequence}"), 404)
    assert narrowed.get(f"/audit/{act().sequence}").json()["action"] == "tenant.edit"


@pytest.mark.parametrize(
    ("query", "count"),
    [("target=nova", 1), ("door=api", 0), ("door=system&target=nova", 1), ("until=2020-01-01", 0), ("until=9999-12-31&target=nova", 1)],
)  # fmt: skip
def test_the_log_is_narrowed_by_subject_door_and_days(client: Client, stage: Stage, query: str, count: int) -> None:
    act(target="nova")
    act(target="aegean")
    assert text(client, f"/audit?{query}").count('id="entry-') == count
    assert len(body(client, f"/audit/export?format=jsonl&{query}").splitlines()) == count


def test_json_lines_hold_the_chain_oldest_first_whatever_the_portion(
    client: Client, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "PORTION", 3)
    for number in range(6):
        act(target=f"t{number}", details={"number": number})
    lines = [json.loads(line) for line in body(client, "/audit/export?format=jsonl").splitlines()]
    assert [one["sequence"] for one in lines] == list(
        AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True)
    )
    assert [one["previous_hash"] for one in lines[1:]] == [one["hash"] for one in lines[:-1]]
    assert lines[-1]["details"] == {"number": 5}


def test_a_spreadsheet_finds_no_formula_in_what_people_wrote(client: Client, stage: Stage) -> None:
    for formula in FORMULAS:
        act(target=formula, message=f'{formula},"x"\nsecond line')
    rows = list(csv.DictReader(io.StringIO(body(client, "/audit/export?action=tenant"))))
    assert [row["target"] for row in rows] == [f"'{formula}" for formula in FORMULAS]
    assert [row["message"] for row in rows] == [f'\'{formula},"x"\nsecond line' for formula in FORMULAS]


def test_a_file_holds_only_what_its_reader_may_see(stage: Stage) -> None:
    act(environment="production", target="theirs")
    act(environment="staging", target="mine")
    act(environment="", target="everybodys")
    for form in ("csv", "jsonl"):
        file = body(stage.client(stage.stan), f"/audit/export?format={form}")
        assert "mine" in file
        assert "theirs" not in file
        assert "everybodys" not in file
    lines = caller("read", environments=("staging",)).get("/audit/export").getvalue().decode().splitlines()
    assert {json.loads(line)["environment"] for line in lines} == {"staging"}


def test_a_format_that_there_is_not_is_refused(client: Client, stage: Stage) -> None:
    assert client.get("/audit/export?format=xml").status_code == 422
    problem(caller("read").get("/audit/export?format=xml"), 422)


def test_a_longer_log_costs_one_query_for_each_portion(
    client: Client, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "PORTION", 10)
    for number in range(25):
        act(target=f"t{number}")
    with CaptureQueriesContext(connection) as seen:
        body(client, "/audit/export?action=tenant")
    assert sum("core_auditevent" in query["sql"] for query in seen) == 3


@pytest.mark.django_db(transaction=True)
async def test_an_asynchronous_request_gets_the_same_file() -> None:
    from asgiref.sync import sync_to_async

    token = await sync_to_async(caller)("read")
    await sync_to_async(make.platform)()
    await sync_to_async(act)(target="nova")
    answer = await AsyncClient().get("/api/v1/audit/export?target=nova", headers=token.headers)
    assert answer.status_code == 200
    chunks = [chunk async for chunk in answer.streaming_content]  # type: ignore[attr-defined]
    assert json.loads(b"".join(chunks))["target"] == "nova"

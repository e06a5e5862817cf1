"""Loading platform.yaml: all of it comes into force, or nothing does and the problems are told."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from controlpanel.catalog import connections, loading
from controlpanel.catalog.current import current_document
from controlpanel.catalog.models import CatalogVersion, Component, Environment, Variable
from controlpanel.clients.errors import GitUnreachable
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError
from controlpanel.core.models import AuditEvent

pytestmark = pytest.mark.django_db
TEXT = (Path(__file__).parents[2] / "platform.yaml").read_text("utf-8")


def load(text: str, commit: str = "a" * 40) -> CatalogVersion:
    return loading.load_platform(actor=audit.SYSTEM, text=text, commit=commit)


def test_the_document_becomes_rows() -> None:
    version = load(TEXT)
    assert (version.is_current, version.problems) == (True, [])
    staging, production = Environment.objects.all()
    assert (staging.name, staging.branch, staging.after) == ("staging", "env/staging", "")
    assert (production.after, production.confirm_by_name, production.project) == ("staging", True, "hub")
    assert [gate["name"] for gate in production.gates][:2] == ["digest-current", "lane-free"]
    assert list(Component.objects.values_list("name", flat=True)) == [
        "monitoring",
        "redis",
        "kafka",
        "ai",
        "backend",
        "frontend",
    ]
    assert Variable.objects.get(key="DOKTOR365_SECRET").is_secret
    assert [one.name for one in current_document().environments] == ["staging", "production"]


def test_loading_the_same_again_changes_nothing() -> None:
    load(TEXT)
    events = AuditEvent.objects.count()
    load(TEXT)
    assert (CatalogVersion.objects.count(), AuditEvent.objects.count()) == (1, events)


def test_what_left_the_document_is_retired_and_comes_back_with_it() -> None:
    load(TEXT)
    kafka = Component.objects.get(name="kafka")
    without = TEXT.replace("kafka:\n    title: Kafka", "queue:\n    title: Kafka").replace(
        "needs: [redis, kafka,", "needs: [redis,"
    )
    load(without, "b" * 40)
    assert Component.objects.get(name="kafka").is_retired
    load(TEXT, "c" * 40)
    again = Component.objects.get(name="kafka")
    assert (again.pk, again.is_retired) == (kafka.pk, False)
    assert CatalogVersion.objects.get(is_current=True).commit == "c" * 40


def test_two_environments_may_swap_their_branches() -> None:
    load(TEXT)
    swapped = TEXT.replace("    title: Staging\n", "    title: Staging\n    branch: env/production\n")
    swapped = swapped.replace("    title: Production\n", "    title: Production\n    branch: env/staging\n")
    assert load(swapped, "b" * 40).problems == []
    assert Environment.objects.get(name="staging").branch == "env/production"


@pytest.mark.parametrize(
    ("wrong", "right", "cause"),
    [
        ("after: staging", "after: stagin", "stagin"),
        ("name: lane-free", "name: lane-fre", "lane-fre"),
        ("version: 1", "version: 2", "version"),
        ("images: [kafka]", "images: [kafka", ""),
    ],
)
def test_a_document_with_problems_changes_nothing_and_names_line_cause_and_remedy(
    wrong: str, right: str, cause: str
) -> None:
    load(TEXT)
    refused = load(TEXT.replace(wrong, right, 1), "b" * 40)
    assert not refused.is_current
    problem = refused.problems[0]
    assert problem["file"] == "platform.yaml"
    assert problem["line"] > 1
    assert cause in problem["cause"]
    assert problem["remedy"]
    assert CatalogVersion.objects.get(is_current=True).commit == "a" * 40
    assert Environment.objects.filter(is_retired=False).count() == 2
    assert AuditEvent.objects.filter(action="catalog.refuse").count() == 1


def test_without_a_catalog_the_sentence_says_what_to_run() -> None:
    with pytest.raises(ConflictError, match="load_platform"):
        current_document()


def test_the_command_prints_every_problem_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(TEXT.replace("name: lane-free", "name: lane-fre"))
    with pytest.raises(CommandError, match=r"platform.yaml:\d+: .*lane-fre.*Did you mean “lane-free”"):
        call_command("load_platform", "--file", str(file))


def test_the_command_says_which_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("load_platform", "--file", str(tmp_path / "none.yaml"))


def test_a_repository_that_is_away_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise GitUnreachable("The platform repository cannot be used.", "Check the address.")

    monkeypatch.setattr(connections, "platform_repository", away)
    with pytest.raises(CommandError, match=r"cannot be used\. Check the address\."):
        call_command("load_platform")


def test_a_start_goes_on_with_the_catalog_in_force_where_the_repository_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away() -> Any:
        raise GitUnreachable("The platform repository cannot be used.", "Check the address.")

    monkeypatch.setattr(connections, "platform_repository", away)
    with pytest.raises(CommandError, match="cannot be used"):
        call_command("load_platform", "--or-keep")
    load(TEXT, commit="c" * 40)
    call_command("load_platform", "--or-keep")
    assert f"cannot be used. Check the address. The catalog {'c' * 12} stays in force." in capsys.readouterr().err


def test_the_repository_is_read_at_its_reference(settings: Any, tmp_path: Path) -> None:
    repository = tmp_path / "platform"
    _commit(repository, TEXT)
    _use(settings, tmp_path, platform_repo_url=str(repository), platform_repo_ref="main")
    text, commit = loading.read_platform()
    assert text == TEXT
    assert len(commit) == 40


def test_a_repository_without_the_file_says_so(settings: Any, tmp_path: Path) -> None:
    repository = tmp_path / "platform"
    _commit(repository, "x", name="other.yaml")
    _use(settings, tmp_path, platform_repo_url=str(repository), platform_repo_ref="main")
    with pytest.raises(CommandError, match=r"has no platform\.yaml at main"):
        call_command("load_platform")


def test_a_variable_that_is_not_set_is_named(settings: Any, tmp_path: Path) -> None:
    _use(settings, tmp_path, platform_repo_url="")
    with pytest.raises(CommandError, match="PLATFORM_REPO_URL is not set"):
        call_command("load_platform")


def _use(settings: Any, tmp_path: Path, **values: str) -> None:
    changed = {**values, "cache_directory": tmp_path / "cache"}
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update=changed)


def _commit(repository: Path, text: str, name: str = "platform.yaml") -> None:
    repository.mkdir()
    (repository / name).write_text(text)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], [*identity, "commit", "-q", "-m", "Platform"]):
        subprocess.run(["git", *arguments], cwd=repository, check=True)


@pytest.mark.parametrize(
    ("check", "cause"),
    [
        ("{name: a, type: tenant_heath}", "is a tenant_heath, which does not exist."),
        ("{name: a, type: tenant_health, parameters: {withinSeconds: 60}}", "withinSeconds is a number above 0 and at most 10."),
        ("{name: a, type: prometheus_query, parameters: {query: up}}", "It needs atMost, a threshold, or timesBefore"),
        ("{name: a, type: prometheus_query, parameters: {atMost: 1}}", "query is an expression"),
        ("{name: a, type: hub_event, parameters: {x: 1}}", "It takes no parameter x."),
        ("{name: health, type: hub_event}", "stands twice"),
    ],
)  # fmt: skip
def test_a_check_that_cannot_be_asked_is_refused_with_its_line(check: str, cause: str) -> None:
    wrong = TEXT.replace(
        "        - name: events\n          type: hub_event\n          title: Hub event\n", f"        - {check}\n", 1
    )
    version = load(wrong)
    (problem,) = version.problems
    assert cause in problem["cause"]
    assert problem["line"] == wrong[: wrong.index(check)].count("\n") + 1

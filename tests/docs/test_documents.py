"""The documents are complete, their links lead somewhere, and what they list is what the code has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from controlpanel.catalog.argo import app_project
from controlpanel.catalog.document import parse
from controlpanel.configuration import Configuration, Timings
from deployments.gates import gates
from tests.docs.accounts import ACCOUNT, BOOTSTRAP, PAGE, policies
from tests.docs.documents import ROOT, anchors, blocks, documents, links, name_of, rows

RESERVED = "nothing reads it yet"
OF_TESTS = {"CONTROL_PANEL_RUN_DIRECTORY", "CONTROL_PANEL_TEST_POSTGRES", "CONTROL_PANEL_CRASH_AT"}
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_links_lead_to_files_and_headings_that_exist(document: Path) -> None:
    for target in links(document):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{name_of(document)} links to {target}"
        assert not anchor or anchor in anchors(file), f"{name_of(document)} links to {target}"


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_paths_in_code_exist(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    top = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    made_later = {line.strip("/") for line in (ROOT / ".gitignore").read_text("utf-8").splitlines()}
    for path in re.findall(r"`([\w.\-]+/[\w./\-]*)`", text):
        if path.split("/")[0] in top and path not in made_later:
            assert (ROOT / path).exists(), f"{name_of(document)} names {path}"


def documented_variables() -> dict[str, tuple[str, str]]:
    """Name to default and meaning."""
    found = rows(ROOT / "docs/configuration.md", 3)
    return {name.strip("`"): (default.strip("`"), meaning) for name, default, meaning in found}


def real_variables() -> dict[str, str]:
    """Name to default as the documents write it."""
    fields = {name.upper(): field for name, field in Configuration.model_fields.items()}
    fields |= {f"CONTROL_PANEL_{name.upper()}": field for name, field in Timings.model_fields.items()}
    return {name: "required" if field.is_required() else written(field.default) for name, field in fields.items()}


def written(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) or "empty"


def named_by_the_catalog() -> set[str]:
    document = parse((ROOT / "platform.yaml").read_text("utf-8"), filename="platform.yaml")
    names = (
        (one.argocd.server_from, one.argocd.token_from, one.hub_url_from, one.prometheus_url_from, one.redis_url_from)
        for one in document.environments
    )
    return {name for each in names for name in each if name}


def test_every_variable_is_documented_and_none_beyond() -> None:
    assert documented_variables().keys() == real_variables().keys() | named_by_the_catalog() | OF_TESTS


def test_the_documented_defaults_are_the_real_ones() -> None:
    documented = documented_variables()
    assert {name: documented[name][0] for name in real_variables()} == real_variables()


@pytest.mark.parametrize("name", real_variables())
def test_a_variable_that_nothing_reads_is_documented_so(name: str) -> None:
    attribute = name.removeprefix("CONTROL_PANEL_").lower()
    stem = re.sub(r"^(platform|deploy)_repo_", "", attribute)  # read by prefix and name
    places = [path for top in ("controlpanel", "deployments") for path in (ROOT / top).rglob("*.py")]
    text = "\n".join(path.read_text("utf-8") for path in places if path.name != "configuration.py")
    is_read = bool(re.search(rf"\.{attribute}\b|value\(\"{stem.upper()}\"\)|\"{name}\"", text))
    assert is_read == (RESERVED not in documented_variables()[name][1])


def test_the_variables_of_tests_exist() -> None:
    places = [path for top in ("controlpanel", "script") for path in (ROOT / top).rglob("*.py")]
    text = "\n".join(path.read_text("utf-8") for path in places)
    assert [name for name in sorted(OF_TESTS) if name not in text] == []


def dependencies() -> set[str]:
    """The names of every package that pyproject.toml asks for."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = [document["project"]["dependencies"], *document["project"]["optional-dependencies"].values()]
    groups += document["dependency-groups"].values()
    wanted = [one for group in groups for one in group if isinstance(one, str)]
    return {re.split(r"[\[=~<>! ]", one, maxsplit=1)[0] for one in wanted}


def test_every_dependency_has_its_reason_and_none_is_left_over() -> None:
    documented = {name.strip("`") for name, _ in rows(ROOT / "docs/dependencies.md", 2)}
    assert documented == dependencies()


def test_every_gate_is_in_the_guide() -> None:
    assert {name.strip("`") for name, _ in rows(ROOT / "docs/guide.md", 2)} == set(gates)


def test_every_command_is_in_the_operations_manual() -> None:
    files = [
        path for top in ("controlpanel", "deployments", "tenants") for path in ROOT.glob(f"{top}/**/commands/*.py")
    ]
    documented = {cells[0].strip("`").split()[0] for cells in rows(ROOT / "docs/operations.md", 2)}
    assert {path.stem for path in files if path.stem != "__init__"} <= documented


def test_every_metric_is_in_the_operations_manual() -> None:
    source = (ROOT / "deployments/selectors/measures.py").read_text("utf-8")
    manual = (ROOT / "docs/operations.md").read_text("utf-8")
    names = set(re.findall(r'"(control_panel_\w+)"', source))
    assert len(names) > 3
    assert [name for name in sorted(names) if f"`{name}`" not in manual] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_short_and_says_question_decision_and_price(decision: Path) -> None:
    text = decision.read_text("utf-8")
    assert re.match(rf"# {int(decision.name[:4])}\. .+\n\nAccepted, ", text)
    assert all(f"**{word}" in text for word in ("Question.", "Decision.", "Price."))
    assert len(text.splitlines()) <= 40


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_block_says_what_it_is(document: Path) -> None:
    known = {"sh", "console", "yaml", "text", "django"} | ({""} if document.parent.name == "sandbox" else set())
    assert [block.line for block in blocks(document) if block.language not in known] == []


def test_the_page_about_argo_cd_makes_the_accounts_that_its_policy_names() -> None:
    text = PAGE.read_text("utf-8")
    assert set(re.findall(r"accounts\.([\w-]+): apiKey", text)) == {ACCOUNT, BOOTSTRAP}
    assert set(re.findall(r"--account ([\w-]+)", text)) == {ACCOUNT, BOOTSTRAP}


def test_the_documented_account_has_the_rights_of_the_project_role() -> None:
    document = parse((ROOT / "platform.yaml").read_text("utf-8"), filename="platform.yaml")
    role = app_project(document, document.environments[0], "https://git.example.com/deploy.git")["spec"]["roles"][0]
    of_role = {tuple(line.replace(", ", ",").split(",")[2:5]) for line in role["policies"]}
    assert set(policies(ACCOUNT)) == of_role | {("projects", "get", "hub")}

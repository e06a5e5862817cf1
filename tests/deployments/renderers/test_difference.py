"""The diff of a promotion: what changes, object by object, and no secret in it."""

from __future__ import annotations

import pytest

from deployments.renderers.difference import MAXIMUM_LINES, Change, changes

PATH = "backend/hub/ConfigMap-settings.yaml"


def config(**data: str) -> bytes:
    lines = "".join(f"  {key}: {value!r}\n" for key, value in data.items())
    return f"apiVersion: v1\ndata:\n{lines}kind: ConfigMap\nmetadata:\n  name: settings\n  namespace: hub\n".encode()


def only(before: bytes | None, after: bytes | None, path: str = PATH) -> Change:
    found = changes({path: before} if before is not None else {}, {path: after} if after is not None else {})
    assert len(found) == 1
    return found[0]


def test_a_changed_line_is_shown_with_its_context() -> None:
    change = only(config(level="info", port="1"), config(level="debug", port="1"))

    assert (change.component, change.kind, change.namespace, change.name) == ("backend", "ConfigMap", "hub", "settings")
    assert (change.change, change.added, change.removed) == ("changed", 1, 1)
    assert change.diff.splitlines()[0].startswith("@@")
    assert "-  level: info" in change.diff
    assert "+  level: debug" in change.diff


def test_equal_files_are_unchanged_and_have_no_diff() -> None:
    change = only(config(level="info"), config(level="info"))

    assert (change.change, change.added, change.removed, change.diff) == ("unchanged", 0, 0, "")


def test_an_object_that_comes_or_goes_is_shown_whole() -> None:
    new, removed = only(None, config(level="info")), only(config(level="info"), None)

    assert (new.change, new.added, new.removed) == ("new", 7, 0)
    assert (removed.change, removed.added, removed.removed) == ("removed", 0, 7)


def test_a_generated_config_map_with_a_new_name_is_one_changed_object() -> None:
    before = {"backend/hub/ConfigMap-settings-d4ktm55c78.yaml": config(level="info")}
    after = {"backend/hub/ConfigMap-settings-6g4924dbdt.yaml": config(level="debug")}

    (change,) = changes(before, after)

    assert (change.change, change.name, change.added, change.removed) == ("changed", "settings-6g4924dbdt", 1, 1)


def test_generated_names_in_other_namespaces_or_of_other_kinds_are_not_paired() -> None:
    before = {"backend/a/ConfigMap-settings-d4ktm55c78.yaml": config(), "backend/a/Job-run-d4ktm55c78.yaml": config()}
    after = {"backend/b/ConfigMap-settings-6g4924dbdt.yaml": config(), "backend/a/Job-run-6g4924dbdt.yaml": config()}

    assert sorted(change.change for change in changes(before, after)) == ["new", "new", "removed", "removed"]


def test_changes_come_in_the_order_of_their_paths() -> None:
    paths = ["ai/hub/Service-b.yaml", "backend/_cluster/Namespace-hub.yaml", "backend/hub/Service-a.yaml"]

    found = changes({}, {path: config() for path in reversed(paths)})

    assert [(change.component, change.kind) for change in found] == [
        ("ai", "Service"),
        ("backend", "Namespace"),
        ("backend", "Service"),
    ]
    assert found[1].namespace == ""


def test_a_file_that_is_no_object_is_named_by_its_path() -> None:
    change = only(b"hello", None, "backend/notes/README.md")

    assert (change.kind, change.name, change.change) == ("File", "notes/README.md", "removed")
    assert "hello" not in change.diff


def test_files_that_are_written_differently_and_say_the_same_have_no_lines() -> None:
    change = only(config(level="info"), config(level="info").replace(b"'info'", b"info"))

    assert (change.change, change.added, change.removed) == ("changed", 0, 0)
    assert "only the way" in change.diff


def test_a_long_diff_is_cut_and_says_how_much_is_missing() -> None:
    change = only(None, config(**{f"key{number:05}": "x" for number in range(MAXIMUM_LINES + 400)}))

    assert change.added == MAXIMUM_LINES + 400 + 6
    assert len(change.diff.splitlines()) == MAXIMUM_LINES + 1
    assert change.diff.splitlines()[-1] == "(… 407 more lines)"


def test_a_huge_file_is_counted_and_not_compared() -> None:
    change = only(config(), config(**{f"key{number:05}": "x" for number in range(20_001)}))

    assert "Too long to compare" in change.diff


CANARY = "c4n4ry-v4lue"
HIDING = [
    ("data of a Secret", "kind: Secret\ndata: {any: %s}"),
    ("stringData of a Secret", "kind: Secret\nstringData: {any: %s}"),
    ("a Secret in a List", "kind: List\nitems: [{kind: Secret, data: {any: %s}}]"),
    ("last-applied annotation", "kind: X\nmetadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: %s}}"),
    ("variable called PASSWORD", "kind: Pod\nspec: {containers: [{env: [{name: DB_PASSWORD, value: %s}]}]}"),
    ("variable called SECRET", "kind: Pod\nspec: {containers: [{env: [{name: DOKTOR365_SECRET, value: %s}]}]}"),
    ("variable called TOKEN", "kind: Pod\nspec: {initContainers: [{env: [{name: account_token, value: %s}]}]}"),
    ("variable called API_KEY", "kind: Pod\nspec: {containers: [{env: [{name: API_KEY, value: %s}]}]}"),
    ("ConfigMap entry called token", "kind: ConfigMap\ndata: {api-token: %s}"),
    ("ConfigMap entry that is a key file", "kind: ConfigMap\ndata: {tls.key: %s}"),
    ("password in a URL", "kind: ConfigMap\ndata: {DATABASE: 'postgres://hub:%s@db/hub'}"),
    ("account token by its form", "kind: ConfigMap\ndata: {anything: 'id ak_" + "0123456789abcdef" * 2 + "_01234567 %s'}"),
]  # fmt: skip


@pytest.mark.parametrize("manifest", [case[1] for case in HIDING[:-1]], ids=[case[0] for case in HIDING[:-1]])
def test_a_secret_is_never_shown_and_its_change_still_is(manifest: str) -> None:
    before, after = (manifest % f"{CANARY}-{number}" for number in (1, 2))

    change = only(before.encode(), after.encode())

    assert CANARY not in change.diff
    assert "(hidden, before)" in change.diff
    assert "(hidden, after)" in change.diff
    assert (change.added, change.removed) == (1, 1)


@pytest.mark.parametrize("manifest", [case[1] for case in HIDING[:-1]], ids=[case[0] for case in HIDING[:-1]])
def test_a_secret_of_a_new_object_is_not_shown(manifest: str) -> None:
    assert CANARY not in only(None, (manifest % CANARY).encode()).diff


def test_an_account_token_is_hidden_by_its_form_wherever_it_stands() -> None:
    change = only(None, (HIDING[-1][1] % "kept").encode())

    assert "ak_0123" not in change.diff
    assert "kept" in change.diff


def test_a_hidden_value_that_stays_is_not_marked_as_changed() -> None:
    manifest = "kind: Secret\nmetadata: {labels: {a: '%s'}}\ndata: {any: value}"

    change = only((manifest % 1).encode(), (manifest % 2).encode())

    assert (change.added, change.removed) == (1, 1)
    assert "hidden, " not in change.diff


@pytest.mark.parametrize("key", ["DOKTOR365_BASE_URL", "TOKEN_URL", "SECRET_NAME", "PGSSLROOTCERT", "LOG_LEVEL"])
def test_a_value_that_only_points_somewhere_is_shown(key: str) -> None:
    assert f"+  {key}: shown" in only(None, f"kind: ConfigMap\ndata: {{{key}: shown}}".encode()).diff


@pytest.mark.parametrize(
    "content",
    [b"a: [1", b"\xc3\x28", b"[" * 5000, b"a: &a [1]\nb: *a", b"text"],
    ids=["broken", "not UTF-8", "deep", "alias", "no object"],
)
def test_content_that_cannot_be_read_is_not_shown_and_breaks_nothing(content: bytes) -> None:
    change = only(content, content + b" ")

    assert (change.change, change.added, change.removed) == ("changed", 1, 1)
    assert "is not shown" in change.diff

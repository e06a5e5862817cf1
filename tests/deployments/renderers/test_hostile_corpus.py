"""Every hostile source is refused by its own sentence: nothing escapes, and no packet leaves."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.renderers import child, helm, kustomize
from deployments.renderers.base import RENDERERS, RenderError, RenderRequest
from deployments.renderers.child import Protection
from deployments.renderers.helm import HelmRenderer
from tests.deployments.renderers.chart_tree import CHART, TEMPLATE, TREE
from tests.deployments.renderers.conftest import DIGEST, write_tree
from tests.deployments.renderers.hostile import Content, Hostile, Link
from tests.deployments.renderers.hostile_corpus import BY_READING, BY_TOOL
from tests.deployments.renderers.wire import Wire, wire

CANARY = "canary-7f3b-must-never-be-read"
TOO_LONG = "did not finish within 2 seconds"
IMAGE = f"registry.example.com/shop/cache@{DIGEST}"


@pytest.fixture
def line() -> Iterator[Wire]:
    with wire() as open_line:
        yield open_line


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_tree(tmp_path, {"outside/canary.txt": CANARY, "outside/kustomization.yaml": f"namePrefix: {CANARY}-"})
    return write_tree(tmp_path / "source", TREE)


def put(source: Path, path: str, content: Content, port: int) -> None:
    target = source / path
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Link):
        target.symlink_to(content.target.replace("OUTSIDE", str(source.parent / "outside")))
    elif content is not None:
        target.write_bytes(content if isinstance(content, bytes) else content.replace("PORT", str(port)).encode())


def refusal(case: Hostile, source: Path, line: Wire) -> RenderError:
    for path, content in case.files.items():
        put(source, path, content, line.port)
    renderer = HelmRenderer(time_limit=2) if case.words == TOO_LONG else RENDERERS[case.component.renderer]
    asked = RenderRequest(case.component, "staging", source, {"cache": IMAGE}, "shop-staging", "1.33.0")
    with pytest.raises(RenderError) as raised:
        renderer.render(asked)
    return raised.value


def judge(case: Hostile, error: RenderError, source: Path, line: Wire) -> None:
    said = f"{error.message} {error.remedy}"
    assert case.words.replace("PORT", str(line.port)) in error.message
    assert error.remedy
    assert CANARY not in said and str(source) not in said and "root:" not in said
    assert not line.touched()


def test_the_corpus_has_sixty_inputs_and_more_each_under_its_own_name() -> None:
    names = [case.name for case in (*BY_READING, *BY_TOOL)]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("case", BY_READING, ids=lambda case: case.name[:60])
def test_it_is_refused_before_a_tool_is_started(
    case: Hostile, source: Path, line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(program: list[str], **_: object) -> bytes:
        raise AssertionError(f"{program[0]} was started")

    monkeypatch.setattr(helm, "run", started)
    monkeypatch.setattr(kustomize, "run", started)

    judge(case, refusal(case, source, line), source, line)


@pytest.mark.parametrize("case", BY_TOOL, ids=lambda case: case.name[:60])
def test_it_is_refused_by_what_the_tool_gives_or_by_its_bounds_even_on_a_shared_network(
    case: Hostile, source: Path, line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "protection", lambda: Protection(False, ""))

    judge(case, refusal(case, source, line), source, line)


def test_a_template_reads_no_file_outside_of_its_chart(source: Path) -> None:
    places = ["../../../../outside/canary.txt", str(source.parent / "outside/canary.txt"), "../plain/common/README.md"]
    calls = "".join(f"  k{index}: {{{{ .Files.Get {place!r} | quote }}}}\n" for index, place in enumerate(places))
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{calls}".replace("'", '"')
    pod = "---\n{apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {containers: [{name: a, image: cache}]}}\n"
    write_tree(source, {TEMPLATE: text + pod})
    asked = RenderRequest(CHART, "staging", source, {"cache": IMAGE}, "shop-staging", "1.33.0")

    files = RENDERERS["helm"].render(asked).files

    assert files["cache/shop-staging/ConfigMap-a.yaml"].count(b": ''") == len(places)


def test_the_counter_would_see_a_packet(line: Wire) -> None:
    with socket.create_connection(("127.0.0.1", line.port), 1):
        assert line.touched()

"""What `script/bench` prints and keeps."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench import history
from tests.bench.figures import Figure, table
from tests.bench.lag import percentile
from tests.bench.processes import cpu_seconds, resident_megabytes


@pytest.mark.parametrize(
    ("value", "most", "ratio", "is_kept"),
    [(5, None, None, True), (5, 10, 0.5, True), (15, 10, 1.5, False), (0, 0, None, True), (1, 0, float("inf"), False)],
)
def test_a_figure_is_held_against_its_promise(
    value: float, most: float | None, ratio: float | None, is_kept: bool
) -> None:
    figure = Figure("a", value, "s", most)
    assert (figure.ratio, figure.is_kept) == (ratio, is_kept)


def test_the_table_has_ratios_and_marks_what_is_too_much() -> None:
    lines = table([Figure("lag", 0.5, "s", most=2), Figure("memory", 250.0, "MB", most=200), Figure("seen", 1000)])
    assert [line.split() for line in lines.splitlines()] == [
        ["measured", "at", "most", "ratio"],
        ["lag", "0.50", "s", "2", "0.25"],
        ["memory", "250", "MB", "200", "1.25", "too", "much"],
        ["seen", "1,000"],
    ]


def test_the_history_grows_by_a_line_and_begins_a_new_table_for_other_figures(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n\nWords.\n")
    history.record("rollouts", "monday", [Figure("lag", 1, "s", most=2)], page)
    history.record("pages", "monday", [Figure("size", 30, "KB")], page)
    history.record("rollouts", "tuesday", [Figure("lag", 3, "s", most=2)], page)
    history.record("rollouts", "friday", [Figure("lag", 1, "s", most=2), Figure("new", 7)], page)
    assert page.read_text() == (
        "# Benchmarks\n\nWords.\n\n"
        "## rollouts\n\n"
        "| when | lag (≤ 2) |\n| --- | --- |\n| monday | 1 s (0.50 ×) |\n| tuesday | 3 s (1.50 ×) |\n\n"
        "| when | lag (≤ 2) | new |\n| --- | --- | --- |\n| friday | 1 s (0.50 ×) | 7 |\n\n"
        "## pages\n\n| when | size |\n| --- | --- |\n| monday | 30 KB |\n"
    )


def test_every_measure_says_what_it_measures_and_can_be_run() -> None:
    for name in bench.MEASURES:
        measure = importlib.import_module(f"tests.bench.{name}")
        assert measure.__doc__
        assert callable(measure.run)


def test_a_measure_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["nonsense"])
    assert "nonsense" in capsys.readouterr().err


def test_several_measures_run_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str]) -> argparse.Namespace:
        ran.append(command[3:])
        return argparse.Namespace(returncode=len(ran) - 1)

    monkeypatch.setattr(bench, "MEASURES", ("one", "two"))
    monkeypatch.setattr(subprocess, "run", run)
    assert bench.main(["--environments", "3"]) == 1
    assert ran == [["one", "--environments", "3"], ["two", "--environments", "3"]]


def test_the_processes_of_a_group_are_counted() -> None:
    command = [sys.executable, "-c", "sum(range(3_000_000)); print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        process.stdout.readline()
        assert cpu_seconds(process.pid) > 0
        assert 3 < resident_megabytes(process.pid) <= resident_megabytes(process.pid, "VmHWM") + 0.1
        process.communicate(b"\n")
    assert resident_megabytes(process.pid) == 0
    assert os.getpid() != process.pid


def test_a_percentile_of_nothing_is_nothing() -> None:
    assert [percentile([], 0.95), percentile([1.0, 2.0], 0.5), percentile([1.0], 1.0)] == [0.0, 2.0, 1.0]

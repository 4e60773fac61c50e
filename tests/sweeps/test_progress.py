"""Progress: on a terminal or on request, with tqdm or without."""

import io
import sys

import pytest

import gradcu
from gradcu.sweeps import progress
from gradcu.sweeps.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Makes standard error a terminal. Not a fixture, since pytest replaces it again before the test's own code."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)


def run(wanted: bool | None) -> None:
    with Progress(1000, wanted) as shown:
        for _ in range(10):
            shown.update(100)


@pytest.mark.parametrize(("wanted", "speaks"), [(None, True), (True, True), (False, False)])
def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch, wanted: bool | None, speaks: bool):
    terminal = on_a_terminal(monkeypatch)
    run(wanted)
    assert bool(terminal.getvalue()) is speaks


@pytest.mark.parametrize(("wanted", "speaks"), [(None, False), (True, True), (False, False)])
def test_elsewhere(capsys: pytest.CaptureFixture[str], wanted: bool | None, speaks: bool):
    run(wanted)
    captured = capsys.readouterr()
    assert bool(captured.err) is speaks
    assert captured.out == ""


@pytest.mark.parametrize("installed", [True, False])
def test_it_counts_points_and_tidies_up(monkeypatch: pytest.MonkeyPatch, installed: bool):
    terminal = on_a_terminal(monkeypatch)
    if not installed:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    run(None)
    shown = terminal.getvalue()
    assert ("sweep 100 %, " in shown) is not installed
    assert "points/s" in shown
    assert shown.endswith("\r")


def test_a_quick_sweep_shows_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "_DELAY", 60.0)
    terminal = on_a_terminal(monkeypatch)
    gradcu.sweep(gradcu.sin, 0, 1, 100)
    assert terminal.getvalue().strip() == ""


def test_no_standard_error_is_no_problem(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", None)
    gradcu.sweep(gradcu.sin, 0, 1, 100)


def test_the_rate_and_the_time_left_are_those_of_what_is_computed_now(monkeypatch: pytest.MonkeyPatch):
    terminal = on_a_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    clock = iter([100.0, 110.0, 120.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress(10_000_000, None) as shown:
        # Half of it was there before.
        shown.skip(5_000_000)
        shown.update(1_000_000)
        shown.update(1_000_000)
    lines = terminal.getvalue().split("\r")
    assert lines[1] == "sweep 60 %, 100 thousand points/s, 40 s left"
    assert lines[2] == "sweep 70 %, 100 thousand points/s, 30 s left"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (90061, "25 h 1 min")]
)
def test_durations(seconds: float, text: str):
    assert progress.duration(seconds) == text

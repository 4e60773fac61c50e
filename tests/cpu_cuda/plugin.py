"""A pytest plugin that runs the tests on CuPy on CPU; ``python -m tests.cpu_cuda`` is pytest with it."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence

import pytest

from . import bed
from .refusals import reason_against

STOOD_IN = "closed library stood in for"

QUICK = {
    "test_results_are_pytorchs",
    "test_results_and_gradients_are_pytorchs",
    "test_gradients_are_pytorchs",
    "test_rules_on_arrays_and_on_tensors_agree_to_the_bit",
}
"""Of the suite's tests of a ``device``, those that are not slow there, where most calls compile a kernel for their
dtypes, layouts and dimensions: every row's values, and its gradients of both orders, recorded and by one kernel."""


def pytest_configure(config: pytest.Config) -> None:
    reason = reason_against()
    if not reason:
        bed.start()
    elif os.environ.get("CI") == "true":
        raise pytest.UsageError(reason)


def pytest_report_header(config: pytest.Config) -> str:
    running = bed.running()
    return f"cuda: {reason_against()}" if running is None else f"cuda: {running.name}; no GPU is used or imitated"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Function]) -> None:
    reason = "" if bed.running() else reason_against()
    for item in items:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        of_device = hasattr(item, "callspec") and item.callspec.params.get("device") == "cuda"
        if of_device and item.function.__name__ not in QUICK:
            item.add_marker(pytest.mark.slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if bed.running() and item.get_closest_marker("gpu"):
        pytest.fail("this test is for a real device, and CuPy on CPU is none", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    running = bed.running()
    before = running.closed.used() if running else {}
    if running:
        running.disconnect()
    try:
        return (yield)
    finally:
        used = running.closed.used() if running else {}
        item.user_properties += [(STOOD_IN, name) for name, count in used.items() if count > before[name]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the tests that called a closed library: what they show of it is only that it was called rightly."""
    tests: dict[object, list[str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for key, library in report.user_properties:
                if key == STOOD_IN and report.when == "call":
                    tests.setdefault(library, []).append(report.nodeid)
    for library, names in tests.items():
        terminalreporter.write_line(f"{library} was stood in for in {len(names)} tests:")
        for name in sorted({name.partition("[")[2].rstrip("]") or name for name in names}):
            terminalreporter.write_line(f"  {name}")

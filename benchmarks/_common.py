"""What the benchmarks share: the machine's description, fair timing, Markdown tables."""

import gc
import importlib
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class Times(NamedTuple):
    """Seconds a call took: the best and the median of the rounds."""

    best: float
    median: float


def optional(name: str) -> Any:
    """The module of that name, or None where its package is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        return None


def versions(*distributions: str) -> str:
    """Names and versions of those of the distributions that are installed."""
    found = []
    for name in distributions:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def machine() -> str:
    """One line that says where the figures come from: CPU model, cores, memory, system, Python."""
    model = platform.processor() or platform.machine()
    memory = ""
    if platform.system() == "Linux":
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = named[0] if named else model
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    return (
        f"{model}, {usable_cores()} cores{memory}, {platform.system()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def usable_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def interleaved(jobs: Mapping[str, Callable[[], object]], rounds: int, seconds: float = 0.02) -> dict[str, Times]:
    """Times the jobs side by side.

    In every round each job is called as often as fills about ``seconds``, one job after another and every round
    starting with the next one, so that a change of the machine's speed meets all of them. The collector stays on, as
    in a user's program, and starts each batch with nothing to do.
    """
    calls = {name: _calls_that_fill(job, seconds) for name, job in jobs.items()}
    samples: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name in rotated(list(jobs), number):
            samples[name].append(_seconds_per_call(jobs[name], calls[name]))
    return {name: Times(min(taken), statistics.median(taken)) for name, taken in samples.items()}


def rotated(names: list[str], number: int) -> list[str]:
    """The names in the order of that round: each round starts with the next one."""
    first = number % len(names)
    return names[first:] + names[:first]


def _seconds_per_call(job: Callable[[], object], calls: int) -> float:
    gc.collect()
    start = time.perf_counter()
    for _ in range(calls):
        job()
    return (time.perf_counter() - start) / calls


def _calls_that_fill(job: Callable[[], object], seconds: float) -> int:
    job()
    calls = 1
    while (taken := _seconds_per_call(job, calls) * calls) < seconds / 4:
        calls *= 2
    return max(1, round(calls * seconds / taken))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, padded so that it also reads well on a terminal."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])

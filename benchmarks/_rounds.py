"""Rounds of sweeps: every library in its own process, side by side and in turn, with the same points."""

import statistics
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from ._common import rotated, usable_cores
from ._processes import PAUSE, Process, installed
from ._sweepers import FILLS, PEERS, REDUCED, Job


class Figures(NamedTuple):
    """Seconds of the best and of the median sweep; MiB that a sweep added to the process, and that it had in all."""

    best: float
    median: float
    added: float
    total: float


def measure(
    job: Job, peers: Iterable[str], rounds: int, limit: float, *, repeats: int = 1, cores: int | None = None
) -> dict[str, Figures | str]:
    """The figures of each peer, or why it has none. Raises ValueError where peers disagree on a value.

    A round gives every peer ``repeats`` sweeps, no two with the same points. A peer that takes longer than ``limit``
    seconds for one round has failed, and one whose rounds have taken as long altogether gets no more of them.
    """
    facts = [job.expression, str(job.num), job.dtype, str(job.order), str(cores or usable_cores())]
    distributions = {peer: needed for peer, (needed, _) in PEERS.items()}
    processes = {peer: Process("_sweepers", peer, *facts) for peer in installed(distributions, peers)}
    answers: dict[str, list[dict[str, Any]]] = {peer: [] for peer in processes}
    failures: dict[str, str] = {}
    taken = dict.fromkeys(processes, 0.0)
    try:
        # Round 0 compiles and touches the memory for the first time.
        for number in range(rounds + 1):
            start, stop = -5 - number / 64, 5 + number / 32
            values: dict[str, list[list[float]]] = {}
            asked = [peer for peer in processes if peer not in failures and taken[peer] < limit]
            if not asked:
                break
            for peer in rotated(asked, number):
                began = time.perf_counter()
                try:
                    answer = processes[peer].ask([start, stop, repeats if number else 1], limit)
                except RuntimeError as error:
                    failures[peer] = str(error) if number else f"at first, with compiling: {error}"
                    continue
                if peer not in (*FILLS, *REDUCED):
                    values[peer] = answer["values"]
                if number:
                    answers[peer].append(answer)
                    taken[peer] += time.perf_counter() - began
                time.sleep(PAUSE)
            compare(values, job)
    finally:
        for process in processes.values():
            process.stop()
    return {peer: failures[peer] if peer in failures else figures(found) for peer, found in answers.items()}


def figures(answers: list[dict[str, Any]]) -> Figures:
    """What a process's answers come to."""
    seconds = [taken for answer in answers for taken in answer["seconds"]]
    highest = max(answers, key=lambda answer: answer["memory"])
    return Figures(min(seconds), statistics.median(seconds), highest["memory"], highest["total"])


def compare(values: dict[str, list[list[float]]], job: Job) -> None:
    """Raises ValueError unless all peers found the same values, up to the rounding of x and of the terms."""
    tolerance = 1e-3 if job.dtype == "float32" else 1e-6
    for peer, rows in values.items():
        for k, row in enumerate(rows):
            expected = next(iter(values.values()))[k]
            scale = max(1.0, *map(abs, expected))
            if any(abs(a - b) > tolerance * scale * 4**k for a, b in zip(row, expected, strict=True)):
                raise ValueError(f"{job}: {peer} found {row} for derivative {k}, {next(iter(values))} {expected}")

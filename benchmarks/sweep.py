"""Time and memory of f and f' over a large float32 linspace, beside the libraries that people use for it today.

Run it with ``python -m benchmarks.sweep``. Each library runs each function in a process of its own.
"""

import argparse
import importlib.metadata
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from typing import IO, Any

from ._common import machine, rotated, table, versions
from ._sweepers import FUNCTIONS, PEERS

# Threads of a library that has just finished may spin for a while; they must not take the next one's cores.
PAUSE = 0.3


class Process:
    """One library on one function, in its own process, which runs a module of this package."""

    def __init__(self, module: str, peer: str, expression: str, num: int) -> None:
        self.errors: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by stop
        command = [sys.executable, "-m", f"benchmarks.{module}", peer, expression, str(num)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True)
        self.answers: list[dict[str, Any]] = []

    def ask(self, request: Any) -> dict[str, Any]:
        """The answer to a request. Raises RuntimeError, with the process's last words, where there is none."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        answer = ""
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            pass
        if not answer:
            self.process.wait()
            self.errors.seek(0)
            words = self.errors.read().strip().splitlines() or [f"exit code {self.process.returncode}"]
            raise RuntimeError(words[-1])
        return json.loads(answer)

    def stop(self) -> None:
        """Ends the process."""
        self.process.communicate()
        self.errors.close()


def installed(distribution: str) -> bool:
    """Whether that distribution is installed; importing it would cost this process its memory."""
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def measure(expression: str, num: int, rounds: int) -> dict[str, list[dict[str, Any]] | str]:
    """The answers of each peer's rounds, or why it has none. Raises ValueError where peers disagree on a value."""
    processes = {peer: Process("_sweepers", peer, expression, num) for peer in PEERS if installed(PEERS[peer][0])}
    outcome: dict[str, list[dict[str, Any]] | str] = {peer: [] for peer in processes}
    try:
        # Round 0 compiles and touches the memory for the first time. No two rounds have the same points.
        for number in range(rounds + 1):
            start, stop = -5 - number / 64, 5 + number / 32
            values: dict[str, list[float]] = {}
            for peer in rotated(list(processes), number):
                answers = outcome[peer]
                if isinstance(answers, str):
                    continue
                try:
                    answer = processes[peer].ask([start, stop])
                except RuntimeError as error:
                    outcome[peer] = str(error)
                    continue
                values[peer] = answer["values"]
                if number:
                    answers.append(answer)
                time.sleep(PAUSE)
            compare(values, expression)
    finally:
        for process in processes.values():
            process.stop()
    return outcome


def compare(values: dict[str, list[float]], expression: str) -> None:
    """Raises ValueError unless all peers found the same values, up to float32's rounding of x and of the terms."""
    for peer, found in values.items():
        expected = values.get("gradcu.sweep", found)
        if not all(math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-4) for a, b in zip(found, expected, strict=True)):
            raise ValueError(f"{expression}: {peer} found {found}, gradcu.sweep {expected}")


def report(num: int, rounds: int) -> str:
    """The two tables, time and memory, and below them what could not run."""
    outcomes = {expression: measure(expression, num, rounds) for expression in FUNCTIONS}
    peers = list(next(iter(outcomes.values())))
    times, memory, failures = [], [], []
    for peer in peers:
        cells: list[tuple[str, str]] = []
        for expression, outcome in outcomes.items():
            answers = outcome[peer]
            if isinstance(answers, str):
                cells.append(("failed", "failed"))
                failures.append(f"- {peer}, {expression}: {answers}")
                continue
            taken = [answer["seconds"] * 1e3 for answer in answers]
            highest = max(answers, key=lambda answer: answer["memory"])
            cells.append(
                (
                    f"{min(taken):.1f} ({statistics.median(taken):.1f})",
                    f"{highest['memory']:.0f} ({highest['total']:.0f})",
                )
            )
        times.append([peer, *(cell[0] for cell in cells)])
        memory.append([peer, *(cell[1] for cell in cells)])
    parts = [
        table(["ms: best (median)", *FUNCTIONS], times),
        table(["MiB: for the sweep (of the process)", *FUNCTIONS], memory),
        "\n".join(failures),
    ]
    return "\n\n".join(part for part in parts if part)


def main() -> None:
    """Prints the machine and the tables, as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--num", type=int, default=10_000_000, help="points (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds (default: %(default)s)")
    options = parser.parse_args()
    print(f"{machine()}; {versions('numpy', 'torch', 'jax')}; {options.num} points, float32\n")
    print(report(options.num, options.rounds))


if __name__ == "__main__":
    main()

"""Time of a function of a tensor, forward and with its gradient, beside the libraries that compile such functions.

Run it with ``python -m benchmarks.compile``. Each library runs each function in a process of its own.
"""

import argparse
import math
import statistics
import time

from ._common import machine, rotated, table, versions
from ._compilers import PEERS
from ._processes import PAUSE, Process, installed
from ._sweepers import FUNCTIONS

# What takes longer to compile or to run has failed.
_LIMIT = 120.0

KINDS = {"forward": "forward", "both": "forward and backward"}


def measure(expression: str, num: int, rounds: int) -> dict[str, dict[str, list[float]] | str]:
    """The milliseconds of each peer's rounds, or why it has none. Raises ValueError where peers disagree on a value."""
    distributions = {peer: needed for peer, (needed, _) in PEERS.items()}
    processes = {peer: Process("_compilers", peer, expression, str(num)) for peer in installed(distributions, PEERS)}
    outcome: dict[str, dict[str, list[float]] | str] = {peer: {kind: [] for kind in KINDS} for peer in processes}
    try:
        # Round 0 compiles.
        for number in range(rounds + 1):
            for kind in KINDS:
                values: dict[str, list[float]] = {}
                for peer in rotated(list(processes), number):
                    times = outcome[peer]
                    if isinstance(times, str):
                        continue
                    try:
                        answer = processes[peer].ask(kind, _LIMIT)
                    except RuntimeError as error:
                        outcome[peer] = str(error)
                        continue
                    values[peer] = answer["values"]
                    if number:
                        times[kind].append(answer["seconds"] * 1e3)
                    time.sleep(PAUSE)
                compare(values, expression)
    finally:
        for process in processes.values():
            process.stop()
    return outcome


def compare(values: dict[str, list[float]], expression: str) -> None:
    """Raises ValueError unless all peers found the same values, up to float32's rounding."""
    for peer, found in values.items():
        expected = values.get("gradcu.compile", found)
        if not all(math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-4) for a, b in zip(found, expected, strict=True)):
            raise ValueError(f"{expression}: {peer} found {found}, gradcu.compile {expected}")


def report(num: int, rounds: int) -> str:
    """A table for each kind of call, with the fastest torch.compile's time over gradcu.compile's in the last line."""
    outcomes = {expression: measure(expression, num, rounds) for expression in FUNCTIONS}
    parts, failures = [], []
    for kind, title in KINDS.items():
        rows, best = [], {}
        for peer in next(iter(outcomes.values())):
            cells = []
            for expression, outcome in outcomes.items():
                times = outcome[peer]
                if isinstance(times, str):
                    cells.append("failed")
                    failures.append(f"- {peer}, {expression}: {times}")
                else:
                    cells.append(f"{min(times[kind]):.2f} ({statistics.median(times[kind]):.2f})")
                    best[peer, expression] = min(times[kind])
            rows.append([peer, *cells])
        for other in ("torch.compile", "torch.compile, vjp inside", "JAX jit"):
            ratios = [
                f"{best[other, expression] / best['gradcu.compile', expression]:.2f}"
                if {(other, expression), ("gradcu.compile", expression)} <= best.keys()
                else ""
                for expression in FUNCTIONS
            ]
            rows.append([f"{other} / gradcu.compile", *ratios])
        parts.append(table([f"{title}, {num} elements, ms: best (median)", *FUNCTIONS], rows))
    return "\n\n".join([*parts, *dict.fromkeys(failures)])


def main() -> None:
    """Prints the machine and the tables, as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compile", description=__doc__)
    parser.add_argument(
        "--num", type=int, nargs="+", default=[10_000_000, 1_000_000], help="elements (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=15, help="rounds (default: %(default)s)")
    options = parser.parse_args()
    print(f"{machine()}; {versions('numpy', 'torch', 'jax')}; float32")
    for num in options.num:
        print(f"\n{report(num, options.rounds)}")


if __name__ == "__main__":
    main()

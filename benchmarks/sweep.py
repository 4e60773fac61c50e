"""Time and memory of f and its derivatives over a linspace, beside the libraries that people use for it today.

Run it with ``python -m benchmarks.sweep``, or part of it with ``--only``. Each library runs each function in a process
of its own.
"""

import argparse
import itertools
from collections.abc import Callable, Sequence

from ._common import machine, table, usable_cores, versions
from ._rounds import Figures, measure
from ._sweepers import CHAIN, FILLS, FUNCTIONS, FURTHER, PEERS, REDUCED, WAVES, Job

OURS = ("gradcu, cc", "gradcu, numpy")
LIBRARIES = [name for name in PEERS if name not in REDUCED]
# More points' rows take more memory than many a machine has.
_MOST_KEPT = 10**8
# There are forty jobs, of which each starts its processes.
_ROUNDS_AN_ORDER = 2
Outcome = dict[str, Figures | str]


def peers(options: argparse.Namespace) -> str:
    """Every library on the four functions, for each number of points, dtype and order asked for."""
    parts = []
    for num, dtype, order in itertools.product(options.num, options.dtype, options.order):
        outcomes = {
            name: measure(Job(name, num, dtype, order), options.library, options.rounds, options.limit)
            for name in FUNCTIONS
        }
        parts.append(f"{num:.0e} points, {dtype}, order {order}")
        parts.append(comparison(outcomes))
        failures = [
            f"- {peer}, {name}: {found}"
            for name, outcome in outcomes.items()
            for peer, found in outcome.items()
            if isinstance(found, str)
        ]
        parts += ["\n".join(failures)] if failures else []
    return "\n\n".join(parts)


def comparison(outcomes: dict[str, Outcome]) -> str:
    """Times, what they come to as ratios, and memory, a column a function."""
    names = list(next(iter(outcomes.values())))

    def line(title: str, cell: Callable[[Outcome], str]) -> list[str]:
        return [title, *(cell(outcome) for outcome in outcomes.values())]

    rivals = [name for name in names if name not in OURS and name not in FILLS]
    times = [line(name, lambda outcome, name=name: in_ms(outcome[name])) for name in names]
    ratios = [
        line(f"fastest peer / {name}", lambda outcome, name=name: ratio(outcome, rivals, [name])) for name in OURS
    ]
    ratios += [line("PyTorch eager / gradcu, numpy", lambda outcome: ratio(outcome, ["PyTorch eager"], [OURS[1]]))]
    ratios += [
        line(f"gradcu, cc / {fill}", lambda outcome, fill=fill: ratio(outcome, [OURS[0]], [fill])) for fill in FILLS
    ]
    memory = [line(name, lambda outcome, name=name: in_mib(outcome[name])) for name in names if name not in FILLS]
    return "\n\n".join(
        (
            table(["ms: best (median)", *outcomes], times),
            table(["ratio of the best", *outcomes], ratios),
            table(["MiB: for the sweep (of the process)", *outcomes], memory),
        )
    )


def scaling(options: argparse.Namespace) -> str:
    """Time a point from 1e5 points to 1e9, of which the most are reduced alone, and on one core beside all."""
    rows = []
    for num in (10**5, 10**6, 10**7, 10**8, 10**9):
        compared = (*OURS, *REDUCED) if num <= _MOST_KEPT else REDUCED
        outcome = measure(Job(WAVES, num), compared, options.rounds, options.limit)
        rows.append([f"{num:.0e}", *(per_point(outcome.get(name, "-"), num) for name in (*OURS, *REDUCED))])
    cores = []
    for count in range(1, usable_cores() + 1):
        outcome = measure(Job(WAVES, 10**7), (*OURS, *REDUCED), options.rounds, options.limit, cores=count)
        cores.append([str(count), *(in_ms(outcome[name]) for name in (*OURS, *REDUCED))])
    return "\n\n".join(
        (
            f"{WAVES}, float32, order 1",
            table(["ns a point: best (median)", *OURS, *REDUCED], rows),
            table(["cores; ms for 1e+07 points: best (median)", *OURS, *REDUCED], cores),
        )
    )


def orders(options: argparse.Namespace) -> str:
    """Orders 1 to 8 on 1000 points, beside PyTorch's nested grad; and what these come to, function by function."""
    ours, theirs = "gradcu, cc", "PyTorch eager"
    compared = (ours, "gradcu, numpy", theirs)
    functions = (WAVES, CHAIN, *FURTHER)
    rounds = min(options.rounds, _ROUNDS_AN_ORDER)
    parts, found = [], []
    for function in functions:
        outcomes = {
            order: measure(
                Job(function, 1000, "float64", order), compared, rounds, options.limit, repeats=40 if order < 7 else 4
            )
            for order in range(1, 9)
        }
        rows = [
            [
                str(order),
                *(in_ms(outcome.get(name, "not installed"), digits=3) for name in compared),
                ratio(outcome, [theirs], [ours]),
            ]
            for order, outcome in outcomes.items()
        ]
        parts.append(f"{function}, float64, 1000 points")
        parts.append(table(["order; ms: best (median)", *compared, "PyTorch / cc"], rows))
        highest = {"order 8": outcomes[8][ours], "order 1": outcomes[1][ours]}
        found.append([function, ratio(outcomes[6], [theirs], [ours]), ratio(highest, ["order 8"], ["order 1"])])
    parts.append(table(["ratio of the best", "order 6: PyTorch / cc", "cc: order 8 / order 1"], found))
    return "\n\n".join(parts)


def overhead(options: argparse.Namespace) -> str:
    """What a sweep of 1000 points takes, once compiled, in microseconds."""
    compared = [name for name in LIBRARIES if name not in FILLS]
    outcomes = {
        name: measure(Job(name, 1000), compared, options.rounds, options.limit, repeats=100) for name in FUNCTIONS
    }
    rows = [
        [peer, *(in_ms(outcome[peer], scale=1e6) for outcome in outcomes.values())]
        for peer in next(iter(outcomes.values()))
    ]
    return table(["us for 1000 points: best (median)", *FUNCTIONS], rows)


PARTS: dict[str, Callable[[argparse.Namespace], str]] = {
    "peers": peers,
    "scaling": scaling,
    "orders": orders,
    "overhead": overhead,
}


def in_ms(found: Figures | str, scale: float = 1e3, digits: int = 1) -> str:
    """``"12.3 (13.4)"``: the best and the median."""
    if isinstance(found, str):
        return "-" if found == "-" else "failed"
    return f"{found.best * scale:.{digits}f} ({found.median * scale:.{digits}f})"


def per_point(found: Figures | str, num: int) -> str:
    """Nanoseconds a point."""
    return in_ms(found, scale=1e9 / num, digits=3)


def in_mib(found: Figures | str) -> str:
    """What the sweep added to the process, and what that had in all."""
    return "failed" if isinstance(found, str) else f"{found.added:.0f} ({found.total:.0f})"


def ratio(outcome: Outcome, above: Sequence[str], below: Sequence[str]) -> str:
    """The best of ``above`` by the best of ``below``."""
    first, second = (
        [found.best for name in names if isinstance(found := outcome.get(name), Figures)] for names in (above, below)
    )
    return f"{min(first) / min(second):.2f}" if first and second else "-"


def main() -> None:
    """Prints the machine and the tables, as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run (default: all)")
    parser.add_argument("--num", type=int, nargs="+", default=[10**7, 10**8], help="points, for the peers")
    parser.add_argument("--dtype", nargs="+", default=["float32", "float64"], help="dtypes, for the peers")
    parser.add_argument("--order", type=int, nargs="+", default=[1, 2, 4], help="orders, for the peers")
    parser.add_argument("--library", nargs="+", choices=LIBRARIES, default=LIBRARIES, help="libraries, of the peers")
    parser.add_argument("--rounds", type=int, default=15, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--limit", type=float, default=60, help="seconds for one round of a library, or all (default: %(default)s)"
    )
    options = parser.parse_args()
    print(f"{machine()}; {versions('numpy', 'torch', 'jax')}; {options.rounds} rounds")
    for name in options.only:
        print(f"\n{PARTS[name](options)}", flush=True)


if __name__ == "__main__":
    main()

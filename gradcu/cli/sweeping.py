"""``gradcu sweep``: its options, the sweep, and what is printed of it."""

from __future__ import annotations

import argparse
import json
import os
import textwrap
from collections.abc import Sequence
from typing import Any

from .. import __version__
from ..expression import CONSTANTS, functions
from ..sweeps import plot as plotting
from ..sweeps import store, sweep
from ..sweeps.capacity import bytes_on_disk, in_bytes
from ..sweeps.choice import ENGINES
from ..sweeps.reducing import REDUCTIONS
from .arguments import Parser, count, number
from .failures import BAD_INPUT, DONE, FAILED, Failure, failing_with
from .functions import function_of

_MANY = 10**9
_LINE = ("start", "stop", "num")


def parser() -> Parser:
    """The parser of its options."""
    made = Parser(
        prog="gradcu sweep",
        usage=(
            "gradcu sweep EXPRESSION --start A --stop B --num N [options]\n"
            "       gradcu sweep EXPRESSION A B N [options]"
        ),
        description=(
            "Evaluate a function of x, or of several variables, and its derivatives at evenly spaced points, and\n"
            "print what was found: extremes and where they are, NaN and infinities, sign changes of the slope."
        ),
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = made.add_argument
    add("function", metavar="EXPRESSION", help='an expression in x, such as "x**2 * sin(x)", or MODULE:FUNCTION')
    add("line", metavar="A B N", nargs="*", help="the first point, the last, and how many, without naming them")
    add("--start", metavar="A", help="the first point; a number or a constant such as -2*pi")
    add("--stop", metavar="B", help="the last point")
    add("--num", metavar="N", help="how many points, both ends included; 1e7 is a way to write it")
    add("--grid", metavar="U=A:B:N", action="append", help="in place of these, a variable and its points; repeat it")
    add("--param", metavar="P=V,V,...", action="append", help="a number of the function that takes each of the values")
    add("--order", metavar="K", default="1", help="how many derivatives, of variables together (default: 1)")
    add("--partials", metavar="NAMES", help="beside f compute only these of them, such as d_u,d_u_v, or d2")
    add("--dtype", default="float32", choices=("float16", "float32", "float64"), help="default: float32")
    add("--device", metavar="D", default="auto", help="auto, cpu, cuda or cuda:1 (default: auto, CUDA where it works)")
    add(
        "--engine",
        default="auto",
        choices=ENGINES,
        help="what computes (default: auto, the first that can; cuda on CUDA)",
    )
    add("--out", metavar="FILE", help="write x, f, d1, d2, ... to a .npz, a .npy of records, or a .zarr (needs zarr)")
    add("--resume", action="store_true", help="go on with a sweep to a .npy or .zarr that was stopped")
    add("--reduce", metavar="NAMES", help="keep no rows, only what they are reduced to, such as min,max,integral")
    add("--chunk", metavar="N", help="points of a block (default: what is convenient)")
    add("--plot", metavar="FILE", help="draw f and its derivatives to a .png, .svg or .pdf (needs matplotlib)")
    add("--json", action="store_true", help="print the figures as JSON and not as a table")
    add("--explain", action="store_true", help="compute nothing; print the lines, and the C, that would run")
    add("--version", action="version", version=f"gradcu {__version__}")
    return made


def _epilog() -> str:
    def wrapped(names: Sequence[str]) -> str:
        return textwrap.fill(" ".join(names), 96, initial_indent="  ", subsequent_indent="  ")

    return "\n".join(
        (
            "expressions may use x, or the names after --grid and --param, numbers, + - * / // % **, comparisons,",
            "& |, the constants",
            wrapped(tuple(CONSTANTS)),
            "and the functions",
            wrapped(tuple(functions())),
            "",
            "MODULE:FUNCTION is a Python function that takes a gradcu Tensor and returns one of the same shape,",
            "elementwise; the module is looked for in the current directory too.",
            "",
            "With --grid, repeated, every combination of the variables' points is a point of the sweep, and all",
            "partial derivatives up to the order are computed: d_u, d_v, d_u_u, d_u_v, d_v_v; or, beside f, those that",
            "--partials names. Several --param have equally many values, which go together.",
            "",
            "--reduce takes, with commas between,",
            wrapped(REDUCTIONS),
            "where histogram=64 has 64 bins, and histogram=64:-1:1 has them between -1 and 1; without these ends the",
            "points are gone through twice.",
            "",
            "examples:",
            '  gradcu sweep "x**3 - 3*x**2 + 4" -5 5 1e7',
            '  gradcu sweep "x**3 - 3*x**2 + 4" --start -5 --stop 5 --num 1e7 --order 2 --plot sweep.png',
            '  gradcu sweep "-exp(-x*x/8) * sin(3*x)" --start -2*pi --stop 2*pi --num 1e6 --dtype float64 --json',
            '  gradcu sweep "where(x < 0, 0, x)" --start -1 --stop 1 --num 1001 --out relu.npz',
            "  gradcu sweep mymodule:potential --start 0 --stop 10 --num 1e8 --out potential.npy --resume",
            '  gradcu sweep "exp(-x*x)" --start -6 --stop 6 --num 1e9 --reduce max,argmax,integral',
            '  gradcu sweep "sin(u) * v**2" --grid u=0:2*pi:1000 --grid v=-2:2:500 --order 2 --plot maps.png',
            '  gradcu sweep "sin(u) * v**2" --grid u=0:1:1000 --grid v=-2:2:500 --order 2 --partials d_u,d_u_v',
            '  gradcu sweep "sin(a * x)" --start 0 --stop 9 --num 1e6 --param a=1,2,3 --out waves.npz',
            "",
            "A plot shows the minimum and maximum of every pixel column, so no peak is lost. Files appear under their",
            "names once they are complete. Until then FILE.part has what is done of a .npy or .zarr, after Ctrl-C too:",
            "the same command with --resume goes on from there. In JSON, numbers that are not finite are strings.",
            "",
            "exit codes: 0 done, 1 failed while computing, 2 bad input, 130 interrupted",
        )
    )


def run(options: argparse.Namespace) -> int:
    """Sweeps, and prints and draws the result."""
    with failing_with(BAD_INPUT):
        _place_line(options)
        grid, params = _grid(options.grid), _params(options.param)
        function = function_of(options.function, [*(grid or "x"), *(params or ())])
        order = count("--order", options.order, least=0)
        partials = None if options.partials is None else [name.strip() for name in options.partials.split(",")]
        if options.explain:
            return _explain(function, order, partials, grid, params, options)
        start, stop, num = (None, None, None) if _is_grid(options) else _line(options)
        chunk = None if options.chunk is None else count("--chunk", options.chunk, least=1)
        if options.plot is not None:
            if options.reduce is not None:
                raise Failure("--plot needs the rows that --reduce does not keep")
            store.checked_path("plot", options.plot, plotting.SUFFIXES)
            plotting.require_matplotlib()
            # Whether there can be a picture, and a file of it, is better known before the work than after.
            plotting.check_drawable(tuple(grid or "x"), tuple(params or ()))
            store.ReplacedFile(options.plot).abandon()
        result = sweep(
            function, start, stop, num, grid=grid, params=params, order=order, partials=partials,
            dtype=options.dtype, device=options.device, engine=options.engine, out=options.out, resume=options.resume,
            reduce=_reductions(options.reduce), chunk=chunk,
        )  # fmt: skip
    with failing_with(FAILED):
        if options.plot is not None:
            result.plot(options.plot)
    summary = result.summary()
    if options.json:
        print(json.dumps(summary.as_dict() | {"out": options.out, "plot": options.plot}, indent=2, allow_nan=False))
    else:
        print(summary)
        written = [path for path in (options.out, options.plot) if path is not None]
        if written:
            print("\nwrote " + ", ".join(f"{path} ({in_bytes(_size(path))})" for path in written))
    return DONE


def _place_line(options: argparse.Namespace) -> None:
    """Puts the values behind the expression, which stand as in `gradcu.sweep`, where the options have theirs."""
    values = options.line
    if not values:
        return
    if len(values) != len(_LINE):
        raise Failure(
            f"behind the expression stand A B N, the first point, the last, and how many, not {' '.join(values)!r}; "
            "an expression with spaces in it needs quotes (see gradcu sweep --help)"
        )
    twice = [f"--{name}" for name in _LINE if getattr(options, name) is not None]
    if twice:
        raise Failure(f"{' '.join(values)!r} stands in place of {', '.join(twice)}; use one of them")
    for name, value in zip(_LINE, values, strict=True):
        setattr(options, name, value)


def _is_grid(options: argparse.Namespace) -> bool:
    """Whether there is a grid, and not also a line."""
    if options.grid is None:
        return False
    given = [f"--{name}" for name in _LINE if getattr(options, name) is not None]
    if given:
        raise Failure(f"--grid stands in place of {', '.join(given)}; use one of them (see gradcu sweep --help)")
    return True


def _line(options: argparse.Namespace) -> tuple[float, float, int]:
    start, stop = (number(f"--{name}", _given(options, name)) for name in ("start", "stop"))
    return start, stop, count("--num", _given(options, "num"), least=1)


def _grid(given: Sequence[str] | None) -> dict[str, tuple[float, float, int]] | None:
    """``["u=0:1:1000"]`` as `gradcu.sweep` takes it."""
    if given is None:
        return None
    grid = {}
    for name, text in _named("--grid", given, "u=0:1:1000"):
        parts = text.split(":")
        if len(parts) != 3:
            raise Failure(f"--grid {name} must be {name}=START:STOP:NUM, not {name}={text}")
        start, stop = (number(f"--grid {name}", part) for part in parts[:2])
        grid[name] = (start, stop, count(f"--grid {name}: NUM", parts[2], least=1))
    return grid


def _params(given: Sequence[str] | None) -> dict[str, list[float]] | None:
    """``["a=1,2"]`` as `gradcu.sweep` takes it."""
    if given is None:
        return None
    named = _named("--param", given, "a=1,2,3")
    return {name: [number(f"--param {name}", part) for part in text.split(",")] for name, text in named}


def _named(option: str, given: Sequence[str], example: str) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise Failure(f"{option} must be such as {example}, not {text!r}")
        if name.strip() in found:
            raise Failure(f"{option} {name.strip()} is given twice")
        found[name.strip()] = value
    return list(found.items())


def _given(options: argparse.Namespace, name: str) -> str:
    value = getattr(options, name)
    if value is None:
        missing = [f"--{other}" for other in _LINE if getattr(options, other) is None]
        raise Failure(f"the following arguments are required: {', '.join(missing)} (see gradcu sweep --help)")
    return value


def _reductions(text: str | None) -> Any:
    """``"min,histogram=64:-1:1"`` as `gradcu.sweep` takes it."""
    if text is None:
        return None
    reduce: dict[str, Any] = {}
    for part in text.split(","):
        name, given, rest = part.strip().partition("=")
        if not given:
            reduce[name] = None
            continue
        bins, *limits = rest.split(":")
        if name != "histogram" or len(limits) not in (0, 2):
            raise Failure(
                f"--reduce: {part!r} is none of {', '.join(REDUCTIONS)}, histogram=BINS, histogram=BINS:LOW:HIGH"
            )
        reduce[name] = {"bins": count("--reduce: histogram", bins, least=1)}
        if limits:
            reduce[name]["range"] = tuple(number("--reduce: histogram", limit) for limit in limits)
    return reduce


def _explain(function: Any, order: int, partials: Any, grid: Any, params: Any, options: argparse.Namespace) -> int:
    from ..sweeps.domain import domain_of
    from ..sweeps.explain import explain
    from ..sweeps.wanted import wanted_of

    num = None if options.num is None else count("--num", options.num, least=1)
    # Without points, which need not be given, it is about very many of them.
    line = (None, None, None) if _is_grid(options) else (0, 1, num or _MANY)
    domain = domain_of(*line, grid, None, params, options.dtype)
    print(explain(function, domain, wanted_of(domain, order, partials), options.engine))
    return DONE


def _size(path: str) -> int:
    return bytes_on_disk(path) if os.path.isdir(path) else os.path.getsize(path)

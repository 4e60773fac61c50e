"""The command line: ``gradcu sweep EXPRESSION --start A --stop B --num N``."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import json
import os
import re
import signal
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from . import __version__
from .expression import CONSTANTS, Expression, ExpressionError, functions
from .fuse import cache
from .sweeps import plot as plotting
from .sweeps import store, sweep
from .sweeps.capacity import in_bytes
from .sweeps.grid import whole_number

DONE, FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143

_MODULE_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command with these arguments, or with the process's own, and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with _plain_warnings(), _terminable():
            code = _main(given)
            # What cannot be written is better known now than at exit, where Python could only complain.
            print(end="", flush=True)
            return code
    except _Failure as failure:
        print(f"gradcu: error: {failure}", file=sys.stderr)
        return failure.code
    except (KeyboardInterrupt, _Terminated) as error:
        print("gradcu: stopped; no unfinished file is left behind", file=sys.stderr)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else TERMINATED
    except OSError as error:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # Whoever reads a pipe may leave early, as `head` does.
        if not isinstance(error, BrokenPipeError):
            print(f"gradcu: error: the output cannot be written: {_message(error)}", file=sys.stderr)
        return FAILED


class _Failure(Exception):  # noqa: N818
    """A message for standard error, and the exit code that goes with it."""

    def __init__(self, message: str, code: int = BAD_INPUT) -> None:
        super().__init__(message)
        self.code = code


class _Terminated(BaseException):
    """SIGTERM; like KeyboardInterrupt no Exception, so that no function catches it."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Failure(f"{message} (see {self.prog} --help)")


def _main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return DONE if arguments else BAD_INPUT
    if arguments[0] == "--version":
        print(f"gradcu {__version__}")
        return DONE
    command, *rest = arguments
    if command == "sweep":
        parser, run = _sweep_parser(), _sweep
        rest = _unambiguous(rest, parser)
    elif command == "cache":
        parser, run = _cache_parser(), _cache
    else:
        raise _Failure(f"unknown command {command!r}; there are: sweep, cache (see gradcu --help)")
    try:
        options = parser.parse_args(rest)
    except SystemExit as ended:
        # --help and --version print and leave.
        return int(ended.code or 0)
    return run(options)


def _overview() -> str:
    return textwrap.dedent(
        """\
        usage: gradcu sweep EXPRESSION --start A --stop B --num N [options]
               gradcu sweep --help
               gradcu cache [--clear]
               gradcu --version

        gradcu evaluates a function and its derivatives at very many points.

        commands:
          sweep    derivatives of a function over evenly spaced points: a table, a picture, a file
          cache    where compiled functions are kept, and how many bytes they take; --clear removes them"""
    )


def _sweep_parser() -> _Parser:
    parser = _Parser(
        prog="gradcu sweep",
        usage="gradcu sweep EXPRESSION --start A --stop B --num N [options]",
        description=(
            "Evaluate a function of x and its derivatives at evenly spaced points, and print what was found:\n"
            "extremes and where they are, NaN and infinities, sign changes of the first derivative."
        ),
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("function", metavar="EXPRESSION", help='an expression in x, such as "x**2 * sin(x)", or MODULE:FUNCTION')
    add("--start", metavar="A", required=True, help="the first point; a number or a constant such as -2*pi")
    add("--stop", metavar="B", required=True, help="the last point")
    add("--num", metavar="N", required=True, help="how many points, both ends included; 1e7 is a way to write it")
    add("--order", metavar="K", default="1", help="how many derivatives (default: 1)")
    add("--dtype", default="float32", choices=("float16", "float32", "float64"), help="default: float32")
    add("--device", metavar="D", default="auto", help="auto, cpu, cuda or cuda:1 (default: auto, CUDA where it works)")
    add("--out", metavar="FILE", help="write x, f, d1, d2, ... to a .npz, or to a .npy of records")
    add("--plot", metavar="FILE", help="draw f and its derivatives to a .png, .svg or .pdf (needs matplotlib)")
    add("--json", action="store_true", help="print the figures as JSON and not as a table")
    add("--version", action="version", version=f"gradcu {__version__}")
    return parser


def _epilog() -> str:
    def wrapped(names: Sequence[str]) -> str:
        return textwrap.fill(" ".join(names), 96, initial_indent="  ", subsequent_indent="  ")

    return "\n".join(
        (
            "expressions may use x, numbers, + - * / // % **, comparisons, & |, the constants",
            wrapped(tuple(CONSTANTS)),
            "and the functions",
            wrapped(tuple(functions())),
            "",
            "MODULE:FUNCTION is a Python function that takes a gradcu Tensor and returns one of the same shape,",
            "elementwise; the module is looked for in the current directory too.",
            "",
            "examples:",
            '  gradcu sweep "x**3 - 3*x**2 + 4" --start -5 --stop 5 --num 1e7 --order 2 --plot sweep.png',
            '  gradcu sweep "-exp(-x*x/8) * sin(3*x)" --start -2*pi --stop 2*pi --num 1e6 --dtype float64 --json',
            '  gradcu sweep "where(x < 0, 0, x)" --start -1 --stop 1 --num 1001 --out relu.npz',
            "  gradcu sweep mymodule:potential --start 0 --stop 10 --num 1e8 --out potential.npy",
            "",
            "A plot shows the minimum and maximum of every pixel column, so no peak is lost. Files appear under their",
            "names once they are complete. In JSON, numbers that are not finite are strings.",
            "",
            "exit codes: 0 done, 1 failed while computing, 2 bad input, 130 interrupted",
        )
    )


def _unambiguous(arguments: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """The same arguments in a form that argparse reads one way: ``--start=-1e3``, and what is no option after ``--``.

    argparse takes ``-1e3``, ``-2*pi`` and ``-x**2`` for options, and has no public way to ask which options there are.
    """
    options: list[str] = []
    others: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        action = parser._option_string_actions.get(argument.partition("=")[0])
        if argument == "--":
            others.extend(rest)
        elif action is None:
            name = re.match(r"--(?!x-)[a-z][a-z-]+(?==|$)", argument)
            if name is not None:
                parser.error(f"unknown option {name[0]}{_suggestion(name[0], parser)}")
            others.append(argument)
        elif action.nargs != 0 and "=" not in argument:
            value = next(rest, None)
            if value is None or value in parser._option_string_actions:
                parser.error(f"{argument} needs a value")
            options.append(f"{argument}={value}")
        else:
            options.append(argument)
    return [*options, "--", *others]


def _suggestion(name: str, parser: argparse.ArgumentParser) -> str:
    close = difflib.get_close_matches(name, parser._option_string_actions, 1)
    return f"; did you mean {close[0]}?" if close else ""


def _sweep(options: argparse.Namespace) -> int:
    with _failing_with(BAD_INPUT):
        function = _function(options.function)
        start, stop = (_number(f"--{name}", getattr(options, name)) for name in ("start", "stop"))
        num = _count("--num", options.num, least=1)
        order = _count("--order", options.order, least=0)
        if options.plot is not None:
            store.checked_path("plot", options.plot, plotting.SUFFIXES)
            plotting.require_matplotlib()
            # Whether the picture can be written is better known before the work than after.
            store.ReplacedFile(options.plot).abandon()
        result = sweep(
            function, start, stop, num, order=order, dtype=options.dtype, device=options.device, out=options.out
        )
    with _failing_with(FAILED):
        if options.plot is not None:
            result.plot(options.plot)
    summary = result.summary()
    if options.json:
        print(json.dumps(summary.as_dict() | {"out": options.out, "plot": options.plot}, indent=2, allow_nan=False))
    else:
        print(summary)
        written = [path for path in (options.out, options.plot) if path is not None]
        if written:
            print("\nwrote " + ", ".join(f"{path} ({in_bytes(os.path.getsize(path))})" for path in written))
    return DONE


def _cache_parser() -> _Parser:
    parser = _Parser(
        prog="gradcu cache",
        usage="gradcu cache [--clear]",
        description=(
            "Print where compiled functions are kept, and how many bytes they take. The environment variable\n"
            "GRADCU_CACHE_DIR names another directory."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--clear", action="store_true", help="remove them; they are compiled again when needed")
    return parser


def _cache(options: argparse.Namespace) -> int:
    with _failing_with(FAILED):
        count, size = cache.usage()
        if options.clear:
            cache.clear()
    files = f"{count:,} compiled function{'' if count == 1 else 's'}, {in_bytes(size)}"
    print(f"removed {files} from {cache.location()}" if options.clear else f"{cache.location()}: {files}")
    return DONE


def _function(text: str) -> Callable[[Any], Any]:
    if not _MODULE_FUNCTION.fullmatch(text):
        return Expression(text)
    module_name, _, path = text.partition(":")
    found = _module(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            raise _Failure(f"{text}: module {module_name!r} has no {path!r}")
        found = getattr(found, name)
    if not callable(found):
        raise _Failure(f"{text} is no function but {type(found).__name__}")
    return _Guarded(found, text)


def _module(name: str) -> Any:
    # As `python -m` does: the user's own modules are in the current directory.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{name}.".startswith(f"{missing}."):
            problem = f"there is no module {missing!r}, neither installed nor in the current directory"
        else:
            problem = f"module {name!r} cannot be imported: {_one_line(error)}"
        raise _Failure(problem) from error


class _Guarded:
    """The user's function; what it raises is a failure of its own, not bad input."""

    def __init__(self, function: Callable[[Any], Any], name: str) -> None:
        self._function = function
        self.__qualname__ = name

    def __call__(self, x: Any) -> Any:
        try:
            return self._function(x)
        except (Exception, SystemExit) as error:
            raise _Failure(f"{self.__qualname__} raised {_one_line(error)}", FAILED) from error


def _number(option: str, text: str) -> float:
    try:
        value = Expression(text).value
    except ExpressionError as error:
        raise _Failure(f"{option}: {error}") from error
    if value is None:
        raise _Failure(f"{option} must be a number, not {text!r}")
    return value


def _count(option: str, text: str, least: int) -> int:
    """A whole number, however it is written: 10000000, 10_000_000 or 1e7."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return whole_number(option, number, least)
    raise _Failure(f"{option} must be a whole number such as 1000 or 1e7, not {text!r}")


@contextlib.contextmanager
def _failing_with(code: int) -> Iterator[None]:
    """Turns errors that say what is wrong into the command's own, with this exit code."""
    try:
        yield
    except ExpressionError as error:
        raise _Failure(str(error), code) from error
    except (TypeError, ValueError, RuntimeError, MemoryError, OSError, ImportError) as error:
        raise _Failure(_message(error), code) from error


def _message(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings as one line each, without the place in gradcu that gave them."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        print(f"gradcu: warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Lets a SIGTERM unwind as Ctrl-C does, so that no temporary file stays behind."""

    def leave(number: int, frame: Any) -> NoReturn:
        raise _Terminated

    try:
        previous = signal.signal(signal.SIGTERM, leave)
    except ValueError:
        # Only the main thread may set a handler.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)

"""The command line: ``gradcu sweep EXPRESSION --start A --stop B --num N``."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence

from .. import __version__
from .arguments import unambiguous
from .failures import (
    BAD_INPUT,
    DONE,
    FAILED,
    INTERRUPTED,
    TERMINATED,
    Failure,
    Terminated,
    message,
    notes,
    plain_warnings,
    terminable,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command with these arguments, or with the process's own, and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with plain_warnings(), terminable():
            code = _main(given)
            # What cannot be written is better known now than at exit, where Python could only complain.
            print(end="", flush=True)
            return code
    except Failure as failure:
        print(f"gradcu: error: {failure}", file=sys.stderr)
        return failure.code
    except (KeyboardInterrupt, Terminated) as error:
        kept = "; ".join(notes(error)) or "no unfinished file is left behind"
        print(f"gradcu: stopped; {kept}", file=sys.stderr)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else TERMINATED
    except OSError as error:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # Whoever reads a pipe may leave early, as `head` does.
        if not isinstance(error, BrokenPipeError):
            print(f"gradcu: error: the output cannot be written: {message(error)}", file=sys.stderr)
        return FAILED


def _main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return DONE if arguments else BAD_INPUT
    if arguments[0] == "--version":
        print(f"gradcu {__version__}")
        return DONE
    name, *rest = arguments
    # Each command brings what it needs itself, so that Ctrl-C meanwhile finds the handlers of `main`.
    if name == "sweep":
        from . import sweeping as command
    elif name == "cache":
        from . import caching as command
    else:
        raise Failure(f"unknown command {name!r}; there are: sweep, cache (see gradcu --help)")
    parser = command.parser()
    try:
        options = parser.parse_args(unambiguous(rest, parser) if name == "sweep" else rest)
    except SystemExit as ended:
        # --help and --version print and leave.
        return int(ended.code or 0)
    return command.run(options)


def _overview() -> str:
    return textwrap.dedent(
        """\
        usage: gradcu sweep EXPRESSION --start A --stop B --num N [options]
               gradcu sweep EXPRESSION A B N [options]
               gradcu sweep --help
               gradcu cache [--clear]
               gradcu --version

        gradcu evaluates a function and its derivatives at very many points.

        commands:
          sweep    derivatives of a function over evenly spaced points: a table, a picture, a file
          cache    where compiled functions are kept, and how many bytes they take; --clear removes them"""
    )

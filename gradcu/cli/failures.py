"""How the command ends: exit codes, errors in one line, warnings in one line, signals."""

from __future__ import annotations

import contextlib
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

from ..expression import ExpressionError

DONE, FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class Failure(Exception):  # noqa: N818
    """A message for standard error, and the exit code that goes with it."""

    def __init__(self, message: str, code: int = BAD_INPUT) -> None:
        super().__init__(message)
        self.code = code


class Terminated(BaseException):
    """SIGTERM; like KeyboardInterrupt no Exception, so that no function catches it."""


@contextlib.contextmanager
def failing_with(code: int) -> Iterator[None]:
    """Turns errors that say what is wrong into the command's own, with this exit code."""
    try:
        yield
    except ExpressionError as error:
        raise Failure(str(error), code) from error
    except (TypeError, ValueError, RuntimeError, MemoryError, OSError, ImportError) as error:
        raise Failure(message(error), code) from error


def notes(error: BaseException) -> list[str]:
    """What a sweep that was stopped says of what it has left."""
    return list(getattr(error, "__notes__", ()))


def message(error: BaseException) -> str:
    """What an error says, in one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return "; ".join((" ".join(text.split()) or type(error).__name__, *notes(error)))


def one_line(error: BaseException) -> str:
    """An error of somebody else's code, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings as one line each, without the place in gradcu that gave them."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        print(f"gradcu: warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Lets a SIGTERM unwind as Ctrl-C does, so that no temporary file stays behind."""

    def leave(number: int, frame: Any) -> NoReturn:
        raise Terminated

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

"""Arguments as people write them: negative numbers, expressions that begin with a minus, counts such as 1e7."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import NoReturn

from ..expression import Expression, ExpressionError
from ..sweeps.grid import whole_number
from .failures import Failure


class Parser(argparse.ArgumentParser):
    """A parser whose errors are the command's."""

    def error(self, message: str) -> NoReturn:
        """Raises a Failure."""
        raise Failure(f"{message} (see {self.prog} --help)")


def unambiguous(arguments: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
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


def number(option: str, text: str) -> float:
    """A number, or an expression of constants."""
    try:
        value = Expression(text).value
    except ExpressionError as error:
        raise Failure(f"{option}: {error}") from error
    if value is None:
        raise Failure(f"{option} must be a number, not {text!r}")
    return value


def count(option: str, text: str, least: int) -> int:
    """A whole number, however it is written: 10000000, 10_000_000 or 1e7."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return whole_number(option, number, least)
    raise Failure(f"{option} must be a whole number such as 1000 or 1e7, not {text!r}")

"""What the tests of the command line share: it is run in this process, and its output looked at."""

import json
from typing import Any

import pytest

from gradcu.cli import main

CUBIC = ["x**3 - 3*x**2 + 4", "--start", "-5", "--stop", "5"]


def succeed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["sweep", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    return json.loads(succeed(capsys, *arguments, "--json"))


def fail(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> list[str]:
    """The lines of the error."""
    assert main(list(arguments)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("gradcu: error: ")
    return captured.err.rstrip("\n").split("\n")

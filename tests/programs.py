"""Small programs that run on PyTorch and on gradcu alike, and what came of them, in a form that can be compared.

A program is text in which ``torch`` is the library; what it leaves in ``result`` is its outcome, or the error it ends
with. PyTorch's outcomes are golden data, gradcu's are computed by the tests.
"""

from __future__ import annotations

import re
import textwrap
import warnings
from types import ModuleType
from typing import Any

import numpy as np


def outcome(source: str, library: ModuleType) -> dict[str, Any]:
    """Runs a program and describes its ``result``, its error, and the first sentences of its warnings."""
    namespace: dict[str, Any] = {"torch": library, "np": np}
    found: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(textwrap.dedent(source), namespace)  # noqa: S102 - the programs are the tests' own
            found["result"] = described(namespace.get("result"))
        except Exception as error:  # the kind of the error is the outcome
            found["error"] = [type(error).__name__, in_our_words(first_lines(str(error)))]
    if caught:
        found["warnings"] = [
            [warning.category.__name__, in_our_words(str(warning.message)).partition(". ")[0].rstrip(".")]
            for warning in caught
        ]
    return found


def described(value: Any) -> Any:
    """A value as text; the parts of containers one by one."""
    if isinstance(value, dict):
        return {key: described(part) for key, part in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "numel"):
        return [described(part) for part in value]
    return in_our_words(repr(value))


def first_lines(text: str) -> str:
    """An error's message without the C++ trace or the hint about anomaly detection that PyTorch may add."""
    return text.partition("\nException raised from")[0].partition(" Hint: ")[0]


def in_our_words(text: str) -> str:
    """PyTorch's text with the addresses masked and gradcu's name in place of its own."""
    text = re.sub(r"0x[0-9a-f]+", "0x...", text)
    return text.replace("torch.", "gradcu.")

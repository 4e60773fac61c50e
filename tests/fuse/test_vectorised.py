"""The compiler makes vector code of what has conditions, by its own report."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse import compiler as compilers
from gradcu.fuse.compiler import Compiler
from gradcu.fuse.program import Program
from gradcu.fuse.source import kernel_source
from gradcu.fuse.trace import program
from tests.cases import function

CONDITIONAL: dict[str, Callable[[Tensor], Tensor]] = {
    "softplus": gradcu.softplus,
    "logaddexp": lambda x: gradcu.logaddexp(x, 2 * x),
    "clamp between tensors": lambda x: gradcu.clamp(gradcu.sin(x), x * 0.5, x * x),
    "where": lambda x: gradcu.where(x > 0, gradcu.exp(x), gradcu.sin(x)),
    "leaky": lambda x: function("leaky_relu")(gradcu.tanh(x), 0.1),
    "relu of relu": lambda x: gradcu.relu(1 - gradcu.relu(gradcu.exp(x))),
    "maximum": lambda x: gradcu.maximum(gradcu.exp(x), gradcu.cos(x)),
}


def loops(made: Program, compiler: Compiler) -> dict[str, bool]:
    """Whether each loop over a tile is vectorised, by the first line in it that calls or stores something."""
    source = kernel_source(made, compiler)
    command = [*compiler.command, *compiler.flags, "-fopt-info-vec", "-S", "-x", "c", "-", "-o", "/dev/null"]
    report = subprocess.run(command, input=source, capture_output=True, text=True, check=True).stderr
    places = set(map(int, re.findall(r"^<stdin>:(\d+):\d+: optimized: loop vectorized", report, re.MULTILINE)))
    lines = source.splitlines()
    (start,) = (number for number, line in enumerate(lines, 1) if "void gradcu_tile(" in line)
    end = next(number for number in range(start, len(lines)) if lines[number] == "}")
    begins = [number for number in range(start, end) if lines[number - 1].startswith("    for (")]
    return {
        "\n".join(lines[begin : lines.index("    }", begin)]): bool(places & {begin, begin + 1, begin + 2})
        for begin in begins
    }


def reported(compiler: Compiler) -> None:
    """Skips the test where there is no such report."""
    if compiler.is_clang or not compiler.vector_math:
        pytest.skip("the report is gcc's, and calls are vectorised where the platform has a vector library")


@pytest.mark.parametrize("name", CONDITIONAL)
def test_conditions_are_no_branches(compiler: Compiler, name: str):
    reported(compiler)
    for dtype in ("float32", "float64"):
        found = loops(program(CONDITIONAL[name], np.dtype(dtype), 1), compiler)
        assert found
        assert all(found.values()), [text for text, vectorised in found.items() if not vectorised]


def test_a_function_that_goes_point_by_point_goes_alone(compiler: Compiler):
    reported(compiler)
    found = loops(program(lambda x: gradcu.lgamma(x) * gradcu.exp(x) + x, np.dtype("float64"), 0), compiler)
    assert {"gradcu_lgamma" in text: vectorised for text, vectorised in found.items()} == {True: False, False: True}


def test_own_functions_need_no_vector_library(compiler: Compiler, monkeypatch: pytest.MonkeyPatch):
    reported(compiler)
    monkeypatch.setattr(compilers, "_has_vector_library", lambda: False)
    without = Compiler(compiler.command)
    f = CONDITIONAL["relu of relu"]
    assert all(loops(program(lambda x: f(x) + gradcu.tanh(gradcu.sin(x)), np.dtype("float32"), 1), without).values())
    assert not all(loops(program(gradcu.tan, np.dtype("float32"), 0), without).values())

"""The compiler makes vector code of what has conditions, by its own report."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.compiler import Compiler
from gradcu.fuse.program import c_body
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


def loops(made: str, compiler: Compiler) -> bool:
    """Whether the loop over a tile is vectorised."""
    lines = made.splitlines()
    (start,) = (number for number, line in enumerate(lines, 1) if "void gradcu_tile(" in line)
    command = [*compiler.command, *compiler.flags, "-fopt-info-vec", "-S", "-x", "c", "-", "-o", "/dev/null"]
    report = subprocess.run(command, input=made, capture_output=True, text=True, check=True).stderr
    places = map(int, re.findall(r"^<stdin>:(\d+):\d+: optimized: loop vectorized", report, re.MULTILINE))
    return any(start < place <= start + 2 for place in places)


@pytest.mark.parametrize("name", CONDITIONAL)
def test_conditions_are_no_branches(compiler: Compiler, name: str):
    if compiler.is_clang or not compiler.vector_math:
        pytest.skip("the report is gcc's, and calls are vectorised where the platform has a vector library")
    for dtype in ("float32", "float64"):
        made = program(CONDITIONAL[name], np.dtype(dtype), 1)
        assert loops(kernel_source(c_body(made), len(made.outputs), made.dtype, compiler), compiler), made.lines


def test_a_loop_that_goes_point_by_point_is_seen(compiler: Compiler):
    if compiler.is_clang or not compiler.vector_math:
        pytest.skip("the report is gcc's, and calls are vectorised where the platform has a vector library")
    made = program(gradcu.lgamma, np.dtype("float64"), 0)
    assert not loops(kernel_source(c_body(made), 1, made.dtype, compiler), compiler)

"""Lowering: which lines are left of an expression; tests/fuse/test_blocks.py shows that they give eager's bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.trace import program

LINES: list[tuple[Callable[[Tensor], Tensor], list[str]]] = [
    (lambda x: x**3 + x**2, ["mul(x, x)", "mul(t0, x)", "add(t1, t0)"]),
    (lambda x: x**5, ["mul(x, x)", "mul(t0, t0)", "mul(t1, x)"]),
    (lambda x: x**-2, ["mul(x, x)", "div(1.0, t0)"]),
    (lambda x: x**-0.5, ["sqrt(x)", "div(1.0, t0)"]),
    (lambda x: gradcu.exp(-x * x / 8), ["mul(x, x)", "mul(t0, -0.125)", "exp(t1)"]),
    (lambda x: gradcu.exp(-x * x), ["mul(x, x)", "neg(t0)", "exp(t1)"]),
    (lambda x: (-x) * (-gradcu.sin(x)), ["sin(x)", "mul(x, t0)"]),
    (lambda x: gradcu.sin(x) + (-x) * x, ["sin(x)", "mul(x, x)", "sub(t0, t1)"]),
    (lambda x: gradcu.sin(x) - x / (-x), ["sin(x)", "div(x, x)", "add(t0, t1)"]),
    (lambda x: -x / 3, ["div(x, -3.0)"]),
    (lambda x: -(1 / x), ["div(-1.0, x)"]),
    (lambda x: -(-x / 3) * 3, ["div(x, 3.0)", "mul(t0, 3.0)"]),
    # -0.0 would come out as 0.0.
    (lambda x: -(x - 1), ["sub(x, 1.0)", "neg(t0)"]),
    (lambda x: -x - 1, ["neg(x)", "sub(t0, 1.0)"]),
]


@pytest.mark.parametrize(("f", "expected"), LINES)
def test_lines_that_are_left(f: Callable[[Tensor], Tensor], expected: list[str]):
    def shown(operand: object) -> str:
        return f"t{operand}" if isinstance(operand, int) else str(operand)

    lines = program(f, np.dtype("float64"), 0).lines
    assert [f"{line.op.name}({', '.join(map(shown, line.operands))})" for line in lines] == expected

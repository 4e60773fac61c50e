"""Functions of one variable made of the rows of the op table, and what eager and a fused program make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gradcu
from gradcu import Tensor
from gradcu.fuse.blocks import Blocks
from gradcu.fuse.trace import program
from tests.cases import CASES, Case, function
from tests.table import SPECIALS

ELEMENTWISE = [
    case
    for case in CASES
    if case.row.is_elementwise and case.sample.operands and all(operand.kind != "c" for operand in case.sample.operands)
]


def of_one_variable(case: Case) -> Callable[[Tensor], Tensor]:
    """The row's function with its first operand x and the others further functions of x."""

    def operand(kind: str, number: int, x: Tensor) -> Tensor:
        value = x if number == 0 else x * 0.75 + 0.125 if number == 1 else 0.5 - x * x
        return value > 0.25 if kind == "b" else gradcu.floor(value * 3).to(gradcu.int64) if kind == "i" else value

    def f(x: Tensor) -> Tensor:
        operands = [operand(made.kind, number, x) for number, made in enumerate(case.sample.operands)]
        args, kwargs = case.sample.filled(operands)
        return function(case.row.name)(*args, **kwargs)

    return f


def points(case: Case, dtype: str) -> np.ndarray:
    """Points of the row's own domain, of a line, and the special ones."""
    first = case.sample.operands[0]
    own = np.linspace(first.low, first.high, 57)
    with np.errstate(over="ignore"):
        return np.concatenate((own, np.linspace(-4, 4, 33), SPECIALS)).astype(dtype)


def eagerly(f: Callable[[Tensor], Tensor], x: np.ndarray, order: int) -> list[np.ndarray]:
    """The values of f and its derivatives by the autograd; zeros where nothing depends on x."""
    leaf = Tensor._wrap(x.copy())
    leaf.requires_grad = True
    value: Any = f(leaf)
    found = [value]
    for k in range(1, order + 1):
        if value is not None and value.requires_grad:
            # The last one is not differentiated, as in a sweep: rules on arrays may round a quotient otherwise.
            (value,) = gradcu.autograd.grad(
                value, leaf, gradcu.ones_like(value), create_graph=k < order, allow_unused=True
            )
        else:
            value = None
        found.append(value)
    return [np.zeros_like(x) if value is None else value.detach().numpy().astype(x.dtype) for value in found]


def fused(f: Callable[[Tensor], Tensor], x: np.ndarray, order: int) -> list[np.ndarray]:
    """The values of f and its derivatives by a program that NumPy runs."""
    rows = [np.empty_like(x) for _ in range(order + 1)]
    Blocks(program(f, x.dtype, order)).evaluate([x], x.shape, 0, x.size, rows)
    return rows

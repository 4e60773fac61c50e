"""Expressions: what a traced function computes for one element, as a graph of ops in which equal parts are one object.

A `Table` makes them, and what it folds away on the way gives the bits that the op would give:

- an op of constants alone is computed, by the op's own forward, in the operands' dtype;
- ``x * 1``, ``x / 1``, ``x - 0``, ``x + -0.0``, ``x ** 1``, ``-(-x)``, a copy and a conversion to the dtype of x are x;
  ``x * -1`` is ``-x``; ``x ** 0`` is 1;
- ``x ** 2`` is ``x * x``, ``x ** 4`` its square, and ``x ** -1`` is ``1 / x``, as the op itself computes them;
- ``a - (-b)`` is ``a + b``, and ``a + (-b)`` is ``a - b``;
- ``x / c`` is ``x * (1 / c)`` where c is a power of two, so that its reciprocal is exact; the reciprocal of x is
  ``1 / x``;
- ``0 * x`` is 0 only where x is a choice between constants that are finite and not negative.

``x + 0`` is not x, since -0.0 + 0 is 0.0, and ``0 * x`` is no 0 where x may be negative, infinite or nan. Sums and
products of the same two operands in either order are one object. Which nan a nan is, does not count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._op import OPS, Op
from .._silence import QUIET

_NOTHING: frozenset[str] = frozenset()


class Expr:
    """An op on expressions, an argument (which has a ``name``), a constant (a ``value``), or another expression held.

    ``varies`` names the arguments by which a derivative may pass: none does through constants, what is held, and other
    dtypes than floating ones. Expressions of one table are equal where they are the same object; one has no truth
    value.
    """

    __slots__ = ("dtype", "name", "op", "operands", "statics", "value", "varies")

    def __init__(
        self,
        op: Op | None,
        operands: tuple[Expr, ...],
        statics: tuple[Any, ...],
        dtype: np.dtype[Any],
        *,
        name: str | None = None,
        value: np.generic | None = None,
        varies: frozenset[str] = _NOTHING,
    ) -> None:
        self.op, self.operands, self.statics, self.dtype = op, operands, statics, dtype
        self.name, self.value, self.varies = name, value, varies

    def __bool__(self) -> bool:
        raise TypeError("an expression has no truth value")

    def __repr__(self) -> str:
        if self.op is None:
            return str(self.name or self.value) if not self.operands else f"held({self.operands[0]!r})"
        return f"{self.op.name}({', '.join([*map(repr, self.operands), *map(repr, self.statics)])})"


class Table:
    """Makes the expressions of one trace, and makes none twice."""

    __slots__ = ("_constants", "_exprs")

    def __init__(self) -> None:
        self._exprs: dict[Any, Expr] = {}
        self._constants: dict[Any, Expr] = {}

    def __len__(self) -> int:
        return len(self._exprs) + len(self._constants)

    def argument(self, name: str, dtype: np.dtype[Any]) -> Expr:
        """A new argument."""
        return Expr(None, (), (), dtype, name=name, varies=frozenset((name,)) if dtype.kind == "f" else _NOTHING)

    def constant(self, value: np.generic) -> Expr:
        """A constant: one object for equal bits in one dtype."""
        key = value.dtype, value.tobytes()
        found = self._constants.get(key)
        if found is None:
            found = self._constants[key] = Expr(None, (), (), value.dtype, value=value)
        return found

    def number(self, value: float, dtype: np.dtype[Any]) -> Expr:
        """A Python number as a constant, rounded to ``dtype`` as NumPy rounds it beside an array."""
        return self.constant(QUIET.run(dtype.type, value))

    def held(self, expr: Expr) -> Expr:
        """The same value, through which no derivative passes."""
        if not expr.varies:
            return expr
        return self._made(None, (expr,), (), expr.dtype, _NOTHING)

    def convert(self, expr: Expr, dtype: np.dtype[Any]) -> Expr:
        """The expression in another dtype."""
        return self.apply(OPS["to_dtype"], (expr,), (dtype,))

    def call(self, name: str, *operands: Expr) -> Expr:
        """The op of that name on expressions."""
        return self.apply(OPS[name], operands)

    def apply(self, op: Op, operands: Sequence[Expr], statics: tuple[Any, ...] = ()) -> Expr:
        """The op on expressions of one dtype, as the recorder leaves them; folded where the bits stay the same."""
        if all(operand.value is not None for operand in operands):
            return self._computed(op, operands, statics)
        fold = _FOLDS.get(op.name)
        if fold is not None:
            folded = fold(self, *operands, *statics)
            if folded is not None:
                return folded
        dtype = result_dtype(op, [operand.dtype for operand in operands], statics)
        varies = _NOTHING
        if dtype.kind == "f":
            varies = varies.union(*[operand.varies for operand in operands])
        return self._made(op, tuple(operands), statics, dtype, varies)

    def _made(
        self,
        op: Op | None,
        operands: tuple[Expr, ...],
        statics: tuple[Any, ...],
        dtype: np.dtype[Any],
        varies: frozenset[str],
    ) -> Expr:
        name = "" if op is None else op.name
        alike: Any = frozenset(operands) if name in _COMMUTATIVE else operands
        # Numbers of two types may be equal, and 0.0 and -0.0 are.
        key = name, alike, repr(statics)
        found = self._exprs.get(key)
        if found is None:
            found = self._exprs[key] = Expr(op, operands, statics, dtype, varies=varies)
        return found

    def _computed(self, op: Op, operands: Sequence[Expr], statics: tuple[Any, ...]) -> Expr:
        with np.errstate(all="ignore"):
            value = op.numpy(*(operand.value for operand in operands), *statics)
        return self.constant(np.atleast_1d(value)[0])


_MOST_DTYPES = 4096
_dtypes: dict[Any, np.dtype[Any]] = {}


def result_dtype(op: Op, dtypes: Sequence[np.dtype[Any]], statics: tuple[Any, ...]) -> np.dtype[Any]:
    """The dtype that the op's forward gives for these dtypes, found by asking it once.

    Floats of one dtype have a derivative of theirs. To ask some of these ops would take SciPy, which no kernel needs.
    """
    key = op, *dtypes, repr(statics) if statics else statics
    found = _dtypes.get(key)
    if found is None:
        operands = {dtype for dtype in dtypes if dtype.kind != "b"}
        if op.elementwise and op.differentiable and len(operands) == 1 and next(iter(operands)).kind == "f":
            result = operands.pop()
        else:
            with np.errstate(all="ignore"):
                result = op.numpy(*(np.ones(1, dtype) for dtype in dtypes), *statics).dtype
        if len(_dtypes) >= _MOST_DTYPES:
            _dtypes.clear()
        found = _dtypes[key] = result
    return found


_COMMUTATIVE = frozenset(("add", "mul"))


def is_number(expr: Expr, number: float) -> bool:
    """Whether the expression is this number; 0.0 and -0.0 are two."""
    value = expr.value
    return (
        value is not None
        and value.dtype.kind in "fiu"
        and value.item() == number
        and math.copysign(1.0, value.item()) == math.copysign(1.0, number)
    )


def is_op(expr: Expr, name: str) -> bool:
    """Whether the expression is this op's."""
    return expr.op is not None and expr.op.name == name


def _fold_sum(table: Table, a: Expr, b: Expr) -> Expr | None:
    for one, other in ((a, b), (b, a)):
        if is_number(other, -0.0) and other.dtype.kind == "f":
            return one
        if is_op(other, "neg"):
            return table.call("sub", one, other.operands[0])
    return None


def _fold_difference(table: Table, a: Expr, b: Expr) -> Expr | None:
    if is_number(b, 0.0):
        return a
    return table.call("add", a, b.operands[0]) if is_op(b, "neg") else None


def _fold_product(table: Table, a: Expr, b: Expr) -> Expr | None:
    for one, other in ((a, b), (b, a)):
        if is_number(other, 1):
            return one
        if is_number(other, -1) and other.dtype.kind == "f":
            return table.call("neg", one)
        if is_number(other, 0.0) and _finite_and_not_negative(one):
            return other
    return None


def _fold_quotient(table: Table, a: Expr, b: Expr) -> Expr | None:
    if is_number(b, 1) and a.dtype.kind == "f":
        return a
    if b.value is None or b.dtype.kind != "f":
        return None
    with np.errstate(all="ignore"):
        inverse = np.reciprocal(b.value)
    # Beyond the normal numbers a processor may flush the factor to 0.
    normal = np.isfinite(inverse) and abs(inverse) >= np.finfo(b.dtype).smallest_normal
    if math.frexp(b.value.item())[0] in (0.5, -0.5) and normal:
        return table.call("mul", a, table.constant(inverse))
    return None


def _fold_reciprocal(table: Table, x: Expr) -> Expr | None:
    return table.call("div", table.number(1, x.dtype), x) if x.dtype.kind == "f" else None


def _fold_power(table: Table, x: Expr, exponent: Any) -> Expr | None:
    if exponent == 0:
        return table.number(1, x.dtype)
    if exponent == 1:
        return x
    if exponent in (2, 4):
        square = table.call("mul", x, x)
        return square if exponent == 2 else table.call("mul", square, square)
    return table.call("div", table.number(1, x.dtype), x) if exponent == -1 else None


def _fold_conversion(table: Table, x: Expr, dtype: np.dtype[Any]) -> Expr | None:
    if x.dtype == dtype:
        return x
    if x.dtype.kind != "b":
        return None
    return table.call("where", x, table.number(1, dtype), table.number(0, dtype))


def _finite_and_not_negative(expr: Expr) -> bool:
    if expr.value is not None:
        return bool(np.isfinite(expr.value)) and not np.signbit(expr.value)
    choices = expr.operands[1:] if is_op(expr, "where") else expr.operands[:1] if is_op(expr, "relu_gate") else ()
    return bool(choices) and all(_finite_and_not_negative(choice) for choice in choices)


_FOLDS: dict[str, Callable[..., Expr | None]] = {
    "add": _fold_sum,
    "sub": _fold_difference,
    "rsub": lambda table, a, b: table.call("sub", a, b),
    "mul": _fold_product,
    "div": _fold_quotient,
    "reciprocal": _fold_reciprocal,
    "neg": lambda table, x: x.operands[0] if is_op(x, "neg") else None,
    "pow": _fold_power,
    "to_dtype": _fold_conversion,
    "clone": lambda table, x: x,
    "zeros_of": lambda table, x: table.number(0, x.dtype),
}

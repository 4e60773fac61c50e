"""Derivatives of any order: the Taylor coefficients of every expression in one variable, from the rules of the ops.

At a point x0 an expression y of x is the series y(x0 + h) = c_0 + c_1 h + c_2 h^2 + ..., with derivatives k! c_k. Sums,
products and quotients of series have recurrences (A. Griewank and A. Walther, Evaluating Derivatives, 2nd edition,
SIAM 2008, table 13.1). For any other op the rules give y' = r_1 u_1' + r_2 u_2' + ..., summed over its operands u,
where r is what the operand's rule makes of the cotangent 1: an expression of x, with a series of its own. So c_(k+1),
which is the coefficient k of y' by k + 1, takes coefficients up to k of expressions made of y and its operands: no
derivative is written here, and order n costs about n^2 operations an op, where differentiating n times costs some 3^n.

Choices act on each coefficient alone, by what the point x0 says: there the rule is given u' in place of 1, one
coefficient after the other. A coefficient that is zero whatever x is is None: a constant has none but the first.
Derivatives that a rule computes as zeros (of a sign, of a rounding) are numbers like others: nan times such a zero is
nan, as it is in the backward.

The coefficients are expressions themselves, of the other variables too, and have series in those: mixed derivatives
are the coefficients of coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._op import argument_names
from .expr import Expr, Table, is_number, is_op

Coefficient = Expr | None


class _Term:
    """One operand's part of a derivative: ``factor * u'``, or ``u' / divisor``; to be subtracted if ``negative``."""

    __slots__ = ("divisor", "factor", "negative", "operand", "quotients")

    def __init__(self, operand: Expr, factor: Expr) -> None:
        self.operand = operand
        self.negative = is_op(factor, "neg")
        if self.negative:
            factor = factor.operands[0]
        inverse = is_op(factor, "div") and is_number(factor.operands[0], 1)
        self.factor, self.divisor = (None, factor.operands[1]) if inverse else (factor, None)
        self.quotients: list[Coefficient] = []


class _Series:
    """The coefficients so far of an expression and of its derivative; an op's that has no recurrence has ``terms``.

    ``direct`` says that the derivative comes first: the coefficients of y' from the rules, or from those of operands
    where the expression is a linear function of them, and those of y from these.
    """

    __slots__ = ("coefficients", "derivative", "direct", "terms")

    def __init__(self) -> None:
        self.coefficients: list[Coefficient] = []
        self.derivative: list[Coefficient] = []
        self.terms: list[_Term] | None = None
        self.direct = False


class Taylor:
    """The series of a table's expressions in the argument of that name, all others kept as they are.

    ``payload`` makes of an expression what the rules' text runs on.
    """

    def __init__(self, table: Table, payload: Callable[[Expr], Any], variable: str) -> None:
        self._table, self._payload, self._variable = table, payload, variable
        self._series: dict[Expr, _Series] = {}

    def derivatives(self, y: Expr, count: int) -> list[Coefficient]:
        """y', y'', ..., as many as ``count``; None for what is zero everywhere."""
        for expr in in_order(y):
            # Operands first, so that no recursion goes deeper than one rule's expression.
            self.coefficient(expr, count)
            self.derivative(expr, count - 1)
        found = []
        for k in range(count):
            value = self.derivative(y, k)
            for factor in _factorial(k, y.dtype):
                value = self._scaled(value, factor)
            found.append(value)
        return found

    def coefficient(self, expr: Expr, k: int) -> Coefficient:
        """c_k of the expression."""
        if not self._varies(expr):
            return None if k else expr
        known = self._of(expr).coefficients
        while len(known) <= k:
            known.append(self._next(expr, len(known)))
        return known[k]

    def derivative(self, expr: Expr, k: int) -> Coefficient:
        """The coefficient k of the expression's derivative, which is (k + 1) c_(k + 1)."""
        if not self._varies(expr):
            return None
        series = self._of(expr)
        known = series.derivative
        while len(known) <= k:
            known.append(self._next_of_derivative(expr, series, len(known)))
        return known[k]

    def _varies(self, expr: Expr) -> bool:
        return self._variable in expr.varies

    def _is_linear(self, expr: Expr) -> bool:
        """Whether the expression is a linear function of its operands that vary."""
        if expr.op is None:
            return False
        if expr.op.name == "mul":
            return not all(map(self._varies, expr.operands))
        if expr.op.name == "div":
            return not self._varies(expr.operands[1])
        return expr.op.name in _RECURRENCES

    def _of(self, expr: Expr) -> _Series:
        series = self._series.get(expr)
        if series is None:
            series = self._series[expr] = _Series()
            if expr.op is not None and expr.op.name not in _RECURRENCES and _halves(expr) is None:
                series.terms = [] if is_selection(expr) else self._terms(expr)
                series.direct = True
            elif self._is_linear(expr):
                series.direct = any(self._varies(operand) and self._of(operand).direct for operand in expr.operands)
        return series

    def _terms(self, expr: Expr) -> list[_Term]:
        one = self._table.number(1, expr.dtype)
        operands = range(len(expr.operands))
        factors = {i: self._by_rule(expr, i, one) for i in operands if self._varies(expr.operands[i])}
        return [_Term(expr.operands[i], factor) for i, factor in factors.items() if factor is not None]

    def _by_rule(self, expr: Expr, number: int, cotangent: Expr) -> Coefficient:
        """What the op's rule makes of a cotangent; an operand without a rule counts as a constant, as in eager."""
        op = expr.op
        assert op is not None
        rule = op.rules.get(op.operands[number])
        if rule is None:
            return None
        values = dict(zip(op.operands, map(self._payload, expr.operands), strict=True))
        values |= dict(zip(op.statics, expr.statics, strict=True))
        values["out"] = self._payload(expr)
        found = rule(self._payload(cotangent), *(values[needed] for needed in argument_names(rule)[1:]))
        return self._cast(found.expr, expr)

    def _chosen(self, expr: Expr, k: int) -> Coefficient:
        """The coefficient k of a choice's derivative."""
        total: Coefficient = None
        for number, operand in enumerate(expr.operands):
            value = self._cast(self.derivative(operand, k), expr)
            if value is not None:
                total = self._sum(total, self._by_rule(expr, number, value))
        return total

    def _next(self, expr: Expr, k: int) -> Coefficient:
        if k == 0:
            return expr
        if expr.op is None:
            return self._table.number(1, expr.dtype) if k == 1 else None
        if self._of(expr).direct:
            return self._scaled(self.derivative(expr, k - 1), 1 / k)
        if self._is_linear(expr):
            return self._linear(expr, lambda operand: self.coefficient(operand, k))
        if is_op(expr, "mul"):
            return self._product(expr.operands[0], expr.operands[1], k)
        if is_op(expr, "div"):
            return self._ratio(expr, k)
        halves = _halves(expr)
        assert halves is not None
        first, second = (self._table.apply(expr.op, expr.operands, (half,)) for half in halves)
        return self._product(first, second, k)

    def _next_of_derivative(self, expr: Expr, series: _Series, k: int) -> Coefficient:
        if series.terms is None:
            if series.direct:
                return self._linear(expr, lambda operand: self.derivative(operand, k))
            return self._scaled(self.coefficient(expr, k + 1), k + 1)
        if is_selection(expr):
            return self._chosen(expr, k)
        total: Coefficient = None
        for term in series.terms:
            value = self._of_term(term, k)
            total = self._difference(total, value) if term.negative else self._sum(total, value)
        return total

    def _linear(self, expr: Expr, part: Callable[[Expr], Coefficient]) -> Coefficient:
        """What a linear op makes of these parts of its operands; a constant factor or divisor has none but itself."""
        assert expr.op is not None
        name, parts = expr.op.name, [part(operand) for operand in expr.operands]
        if name == "add":
            return self._sum(*parts)
        if name == "sub":
            return self._difference(*parts)
        if name == "neg":
            return self._difference(None, parts[0])
        if name == "to_dtype":
            return self._cast(parts[0], expr)
        given = [
            value if self._varies(operand) else operand for value, operand in zip(parts, expr.operands, strict=True)
        ]
        return None if None in given else self._table.apply(expr.op, [value for value in given if value is not None])

    def _of_term(self, term: _Term, k: int) -> Coefficient:
        if term.factor is not None:
            factor = term.factor
            return self._convolution(
                [self.coefficient(factor, j) for j in range(k + 1)],
                [self._cast(self.derivative(term.operand, j), factor) for j in range(k + 1)],
            )
        assert term.divisor is not None
        while len(term.quotients) <= k:
            divided = self._cast(self.derivative(term.operand, len(term.quotients)), term.divisor)
            term.quotients.append(self._quotient(divided, term.divisor, term.quotients))
        return term.quotients[k]

    def _product(self, a: Expr, b: Expr, k: int) -> Coefficient:
        left = [self.coefficient(a, j) for j in range(k + 1)]
        if a is not b:
            return self._convolution(left, [self.coefficient(b, j) for j in range(k + 1)])
        # Every product but the middle one occurs twice.
        half = self._scaled(self._convolution(left[: (k + 1) // 2], left[k // 2 + 1 :]), 2)
        return half if k % 2 else self._sum(half, self._times(left[k // 2], left[k // 2]))

    def _convolution(self, left: list[Coefficient], right: list[Coefficient]) -> Coefficient:
        """The sum of the products of each with its counterpart from the other end."""
        total: Coefficient = None
        for a, b in zip(left, reversed(right), strict=True):
            total = self._sum(total, self._times(a, b))
        return total

    def _quotient(self, numerator: Coefficient, divisor: Expr, before: list[Coefficient]) -> Coefficient:
        """The next coefficient of a quotient whose first ones are ``before``."""
        tail = [self.coefficient(divisor, j) for j in range(1, len(before) + 1)]
        rest = self._difference(numerator, self._convolution(before, tail))
        return None if rest is None else self._table.call("div", rest, divisor)

    def _sum(self, a: Coefficient, b: Coefficient) -> Coefficient:
        return (b if a is None else a) if a is None or b is None else self._table.call("add", a, b)

    def _difference(self, a: Coefficient, b: Coefficient) -> Coefficient:
        if b is None:
            return a
        return self._table.call("neg", b) if a is None else self._table.call("sub", a, b)

    def _times(self, a: Coefficient, b: Coefficient) -> Coefficient:
        return None if a is None or b is None else self._table.call("mul", a, b)

    def _scaled(self, value: Coefficient, factor: float) -> Coefficient:
        return None if value is None else self._table.call("mul", value, self._table.number(factor, value.dtype))

    def _cast(self, value: Coefficient, like: Expr) -> Coefficient:
        return None if value is None else self._table.convert(value, like.dtype)

    def _ratio(self, expr: Expr, k: int) -> Coefficient:
        a, b = expr.operands
        return self._quotient(self.coefficient(a, k), b, [self.coefficient(expr, j) for j in range(k)])


_RECURRENCES = frozenset(("add", "sub", "neg", "mul", "div", "to_dtype"))


_SELECTIONS = frozenset(("where", "relu_gate", "leaky_relu_gate"))

_LARGEST_DIRECT_POWER = 5


def _halves(expr: Expr) -> tuple[int, int] | None:
    """Exponents whose powers multiply to this one, where that takes fewer lines than rule after rule."""
    if not is_op(expr, "pow"):
        return None
    exponent = expr.statics[0]
    if isinstance(exponent, complex) or exponent <= _LARGEST_DIRECT_POWER or exponent != int(exponent):
        return None
    return int(exponent) // 2, int(exponent) - int(exponent) // 2


def _factorial(k: int, dtype: np.dtype[Any]) -> list[float]:
    """Factors whose product is k!, none of them beyond the range of ``dtype``."""
    limit, factors = float(np.finfo(dtype).max), [1.0]
    for factor in range(2, k + 1):
        if factors[-1] * factor > limit:
            factors.append(1.0)
        factors[-1] *= factor
    return factors


def is_selection(expr: Expr) -> bool:
    """Whether the expression is a choice between others, by what is not differentiated."""
    return expr.op is not None and expr.op.name in _SELECTIONS


def in_order(y: Expr) -> list[Expr]:
    """The expressions of which y is made, each after its operands."""
    found: dict[Expr, None] = {}
    stack = [(y, False)]
    while stack:
        expr, ready = stack.pop()
        if expr in found:
            continue
        if ready or not expr.operands:
            found[expr] = None
        else:
            stack.append((expr, True))
            stack.extend((operand, False) for operand in expr.operands)
    return list(found)

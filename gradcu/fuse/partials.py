"""Partial derivatives of what was traced, all of them up to a total order, each mixed one once.

The autograd itself takes the first two orders, so they are eager's to the last bit. With it each further order would
have some three times as many lines as the one before, so from the third on there are series: those in the first
variable, then those of their coefficients in the second, and so on, which takes no more products than a series in all
variables at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._backward import grad
from .._tensor import Tensor
from .expr import Expr
from .taylor import Coefficient, Taylor, in_order, is_selection

if TYPE_CHECKING:
    from .traced import Trace

Counts = tuple[int, ...]
"""A partial derivative: how often each variable is differentiated by."""

_WALKED = 2
"""The order up to which derivatives are the autograd's own."""


def multi_indices(variables: int, order: int) -> list[Counts]:
    """The partial derivatives up to that order: for each, how often each variable is differentiated by.

    Lower orders come first, and among those of one order the ones with more of the earlier variables.

    >>> multi_indices(2, order=2)
    [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    """
    return [counts for total in range(order + 1) for counts in _of_total(variables, total)]


def partials(
    trace: Trace, variables: Sequence[Tensor], y: Tensor, wanted: Sequence[Counts]
) -> list[Expr | None]:  # fmt: skip
    """The derivatives of y by the variables that are wanted, y itself among them; None for what is zero everywhere.

    Mixed ones are differentiated by earlier variables first.
    """
    order = max(map(sum, wanted))
    found = _walked(trace, variables, y, min(order, _WALKED))
    exprs = {counts: None if value is None else trace.expr(value._array) for counts, value in found.items()}
    if order > _WALKED:
        exprs = _by_series(trace, variables, found, order) | exprs
    return [exprs.get(counts) for counts in wanted]


def _of_total(variables: int, total: int) -> list[Counts]:
    if variables == 1:
        return [(total,)]
    return [(count, *rest) for count in range(total, -1, -1) for rest in _of_total(variables - 1, total - count)]


def _walked(trace: Trace, variables: Sequence[Tensor], y: Tensor, order: int) -> dict[Counts, Tensor | None]:
    found: dict[Counts, Tensor | None] = {(0,) * len(variables): y}
    for counts in multi_indices(len(variables), order - 1):
        value = found[counts]
        first = max((number for number, count in enumerate(counts) if count), default=0)
        slopes: Sequence[Tensor | None] = [None] * (len(variables) - first)
        if value is not None and value.requires_grad:
            ones = Tensor._wrap(trace.pending(trace.table.number(1, value.dtype)))
            # The partials of one order share parts of their graphs.
            slopes = grad(
                value, variables[first:], ones, retain_graph=True, create_graph=sum(counts) + 1 < order,
                allow_unused=True,
            )  # fmt: skip
        found |= {_raised(counts, number): slope for number, slope in enumerate(slopes, first)}
    return found


def _by_series(
    trace: Trace, variables: Sequence[Tensor], walked: dict[Counts, Tensor | None], order: int
) -> dict[Counts, Coefficient]:
    """The derivatives by series of y, or where there are choices of its first derivatives.

    Behind a choice it is the backward that says whether a singular branch not taken gives nan: the last one, by the
    last variable.
    """
    names = [trace.expr(variable._array).name for variable in variables]
    series = [Taylor(trace.table, trace.pending, name) for name in names if name is not None]
    y, *slopes = (_base(trace, walked[counts]) for counts in multi_indices(len(variables), order=1))
    if not any(slope is not None and any(map(is_selection, in_order(slope))) for slope in slopes):
        return _expanded(series, y, order)
    found: dict[Counts, Coefficient] = {}
    for number, slope in enumerate(slopes):
        rest = (0,) * (len(series) - number - 1)
        earlier = _expanded(series[: number + 1], slope, order - 1)
        found |= {_raised((*counts, *rest), number): value for counts, value in earlier.items()}
    return found


def _base(trace: Trace, value: Tensor | None) -> Coefficient:
    """The expression that a series begins with: constant where no gradient flows."""
    if value is None:
        return None
    expr = trace.expr(value._array)
    return expr if value.requires_grad else trace.table.held(expr)


def _expanded(series: Sequence[Taylor], base: Coefficient, order: int) -> dict[Counts, Coefficient]:
    """The derivatives of ``base`` by the variables of these series, up to a total order; without those that are 0."""
    if base is None:
        return {}
    if order == 0:
        return {(0,) * len(series): base}
    first, rest = series[0], series[1:]
    powers = dict(enumerate([base, *first.derivatives(base, order)]))
    if not rest:
        return {(count,): value for count, value in powers.items()}
    return {
        (count, *counts): value
        for count, power in powers.items()
        for counts, value in _expanded(rest, power, order - count).items()
    }


def _raised(counts: Counts, number: int) -> Counts:
    """One more derivative, by the variable of that number."""
    return (*counts[:number], counts[number] + 1, *counts[number + 1 :])

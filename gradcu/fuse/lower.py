"""Lowering: the ops of a trace as the lines of a program, after all derivatives are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .expr import Expr, Table, is_op


def lowered(table: Table, outputs: Sequence[Expr], given: Mapping[Expr, Expr] | None = None) -> list[Expr]:
    """The outputs with small powers as the products and roots that the op computes; what was held is its value alone.

    So ``x**3`` shares a product with ``x**2``. A `Table` leaves these powers alone because their rules, ``3 * x**2``
    and so on, are better derivatives than those of products, and, at -0.0, have other signs than those of roots.
    ``given`` has what to write in place of some expressions.
    """
    done: dict[Expr, Expr] = dict(given or {})
    stack = [(output, False) for output in outputs]
    while stack:
        expr, ready = stack.pop()
        if expr in done:
            continue
        if not expr.operands:
            done[expr] = expr
        elif ready:
            done[expr] = _line(table, expr, [done[operand] for operand in expr.operands])
        else:
            stack.append((expr, True))
            stack.extend((operand, False) for operand in expr.operands)
    return [done[output] for output in outputs]


def _line(table: Table, expr: Expr, operands: list[Expr]) -> Expr:
    if expr.op is None:
        return operands[0]
    power = _power(table, operands[0], expr.statics[0]) if is_op(expr, "pow") else None
    return table.apply(expr.op, operands, expr.statics) if power is None else power


def _power(table: Table, x: Expr, exponent: float) -> Expr | None:
    if exponent in (0.5, -0.5):
        root = table.call("sqrt", x)
        return root if exponent == 0.5 else table.call("div", table.number(1, x.dtype), root)
    if exponent not in (3, 5, -2):
        return None
    square = table.call("mul", x, x)
    if exponent == -2:
        return table.call("div", table.number(1, x.dtype), square)
    return table.call("mul", square if exponent == 3 else table.call("mul", square, square), x)

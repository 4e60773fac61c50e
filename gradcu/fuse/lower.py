"""Lowering: the ops of a trace as the lines of a program, after all derivatives are taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .expr import Expr, Table, is_op


def lowered(table: Table, outputs: Sequence[Expr], given: Mapping[Expr, Expr] | None = None) -> list[Expr]:
    """The outputs with small powers as the products and roots that the op computes; what was held is its value alone.

    So ``x**3`` shares a product with ``x**2``. A `Table` leaves these powers alone because their rules, ``3 * x**2``
    and so on, are better derivatives than those of products, and, at -0.0, have other signs than those of roots.
    Signs are taken out of products and quotients, to where they cost nothing: into a constant, or a sum that becomes a
    difference. ``given`` has what to write in place of some expressions.
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
    lowering = _LOWERINGS.get(expr.op.name)
    line = None if lowering is None else lowering(table, *operands, *expr.statics)
    return table.apply(expr.op, operands, expr.statics) if line is None else line


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


def _product(table: Table, a: Expr, b: Expr) -> Expr | None:
    return _without_signs(table, "mul", a, b)


def _quotient(table: Table, a: Expr, b: Expr) -> Expr | None:
    return _without_signs(table, "div", a, b)


def _without_signs(table: Table, name: str, a: Expr, b: Expr) -> Expr | None:
    """A product or quotient of negated operands: rounding is symmetric, so this keeps every bit but a nan's sign."""
    signs = [is_op(operand, "neg") and operand.dtype.kind == "f" for operand in (a, b)]
    if not any(signs):
        return None
    result = table.call(name, *(e.operands[0] if sign else e for e, sign in zip((a, b), signs, strict=True)))
    if all(signs):
        return result
    negative = _negative(table, result)
    return table.call("neg", result) if negative is None else negative


def _negative(table: Table, x: Expr) -> Expr | None:
    """The negative of a product with a constant, or of a quotient with one."""
    if x.op is None or x.op.name not in ("mul", "div") or x.dtype.kind != "f":
        return None
    if all(operand.value is None for operand in x.operands):
        return None
    # One of the two is no constant, or the table would have computed it.
    return table.apply(x.op, [e if e.value is None else table.call("neg", e) for e in x.operands])


_LOWERINGS: dict[str, Callable[..., Expr | None]] = {
    "pow": _power, "mul": _product, "div": _quotient, "neg": _negative,
}  # fmt: skip

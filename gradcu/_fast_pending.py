"""The recorder's short way for pointwise ops on values that are not computed yet, as a traced function has them.

A function that `gradcu.compile` runs begins with arrays, which become such values in its first ops.

It does what ``gradcu._record.apply`` does, without its questions, for Tensors of one floating-point dtype and Python
numbers, which need no promotion, no module and no device; whatever else comes goes to ``otherwise``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._graph import GRAD_ENABLED, Node, next_sequence
from ._op import Op, Plan
from ._pending import FUSING, Pending
from ._record import save
from ._tensor import Tensor

_new = object.__new__
_grad_enabled = GRAD_ENABLED.get
_MISSING = object()
_PLANS: dict[tuple[Op, int], Plan | None] = {}
"""Of an op and a call's key: see `_plan`."""


def on_pending(op: Op, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a pointwise op, of which pending operands go the short way, and those that become so.

    All others go to ``otherwise``.

    The op's ``prepare`` must leave floating-point operands, and numbers among the static arguments, as they are.
    """

    def function(*values: Any, **kwargs: Any) -> Any:
        if kwargs:
            return otherwise(*values, **kwargs)
        tensor = values[0] if type(values[0]) is Tensor else values[-1]
        if type(tensor) is not Tensor:
            return otherwise(*values)
        is_pending = isinstance(tensor._array, Pending)
        if not is_pending and FUSING.trace is None:
            return otherwise(*values)
        found = tensor._array.followed(op, values) if is_pending else None
        if found is None:
            found = _computed(op, values)
        return otherwise(*values) if found is None else found

    return function


def _computed(op: Op, values: tuple[Any, ...]) -> Tensor | None:
    """What the op makes of a call's values, recorded; None for a call that has to go the long way."""
    count, total = len(op.operands), len(op.defaults)
    if not count <= len(values) <= total:
        return None
    operands, statics = values[:count], values[count:]
    # What says what becomes of the op: the first pending operand, or where there is none, what records the arrays.
    taker: Any = None
    dtype: Any = None
    has_arrays = False
    arrays: list[Any] = []
    # Of each operand a digit: 0 for a number, 1 for a Tensor, 2 for one that requires grad.
    key = 0
    for operand in operands:
        kind = type(operand)
        if kind is Tensor:
            array = operand._array
            if dtype is None:
                dtype = array.dtype
                if dtype.kind != "f":
                    return None
            elif array.dtype is not dtype:
                return None
            if operand._view is not None:
                return None
            if isinstance(array, Pending):
                if taker is None:
                    taker = array
                elif type(array) is not type(taker):
                    return None
            elif type(array) is np.ndarray:
                has_arrays = True
            else:
                return None
            key = 3 * key + 1 + operand._requires_grad
        elif kind is float or kind is int:
            array = operand
            key *= 3
        else:
            return None
        arrays.append(array)
    if count < total:
        statics += tuple(op.defaults[len(values) :])
        for static in statics:
            if type(static) is not int and type(static) is not float:
                return None
    if has_arrays:
        trace = FUSING.trace
        if trace is None or (taker is not None and taker.trace is not trace):
            return None
        taker = trace
    if taker is None or not taker.takes(op, arrays):
        return None
    used: list[Any] = []
    for position, operand in enumerate(operands):
        array = operand
        if type(operand) is Tensor:
            # What is saved meets pending gradients, so nothing else may be among it.
            array = arrays[position] = taker.lifted(arrays[position], operand)
            if not operand._requires_grad:
                array = array.held()
        used.append(array)
    result = taker.computed(op, used, statics)
    out = _new(Tensor)
    out._array, out._edge, out._requires_grad, out._version_counter = result, None, False, [0]
    plan: Any = None
    if _grad_enabled():
        plan = _PLANS.get((op, key), _MISSING)
        if plan is _MISSING:
            plan = _PLANS[op, key] = _plan(op, key, statics)
    node = None if plan is None else _recorded(plan, operands, arrays, statics, out)
    taker.recorded((out,), node)
    return out


def _plan(op: Op, key: int, statics: tuple[Any, ...]) -> Plan | None:
    """The plan of a call, of whose key each operand has a digit; None where nothing is to be recorded."""
    count = len(op.operands)
    digits = [key // 3**position % 3 for position in reversed(range(count))]
    wanted = tuple(i for i, digit in enumerate(digits) if digit == 2 and op.flows_to(i))
    if not op.differentiable or not wanted:
        return None
    return op.plan(wanted, op.node_name(tuple(digit > 0 for digit in digits), statics), count)


def _recorded(plan: Plan, operands: tuple[Any, ...], arrays: list[Any], statics: tuple[Any, ...], out: Tensor) -> Node:
    """The node that made ``out``."""
    node = _new(plan.node_class)
    edges: list[Any] = [None] * len(operands)
    for i in plan.wanted:
        edge = operands[i]._edge
        edges[i] = operands[i] if edge is None else edge
    node.plan, node.sequence, node.edges, node.statics = plan, next_sequence(), tuple(edges), statics
    if plan.reads_shapes:
        node.operand_shapes = tuple(getattr(array, "shape", ()) for array in arrays)
    node.shape, node.dtype = out._array.shape, out._array.dtype
    node.saved = save(plan, operands, arrays, (out,)) if plan.saves else ()
    out._edge, out._requires_grad = node, True
    return node

"""The recorder's short way for pointwise ops on values that are not computed yet, as a traced function has them.

It does what ``gradcu._record.apply`` does, without its questions, for Tensors of one floating-point dtype and Python
numbers, which need no promotion, no module and no device; whatever else comes goes to ``otherwise``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._graph import GRAD_ENABLED, next_sequence
from ._op import Op
from ._pending import Pending
from ._record import save
from ._tensor import Tensor

_new = object.__new__
_grad_enabled = GRAD_ENABLED.get
_MISSING = object()


def on_pending(op: Op, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a pointwise op, of which pending operands go the short way and all others to ``otherwise``.

    The op's ``prepare`` must leave floating-point operands, and numbers among the static arguments, as they are.
    """
    count, total = len(op.operands), len(op.defaults)
    plans: dict[int, Any] = {}

    def made(key: int, statics: tuple[Any, ...]) -> Any:
        """The plan of a call, of whose key each operand has a digit; None where nothing is to be recorded."""
        digits = [key // 3**position % 3 for position in reversed(range(count))]
        wanted = tuple(i for i, digit in enumerate(digits) if digit == 2 and op.flows_to(i))
        name = op.node_name(tuple(digit > 0 for digit in digits), statics)
        plans[key] = plan = op.plan(wanted, name, count) if op.differentiable and wanted else None
        return plan

    def function(*values: Any, **kwargs: Any) -> Any:
        if kwargs or not count <= len(values) <= total:
            return otherwise(*values, **kwargs)
        operands, statics = values[:count], values[count:]
        first: Any = None
        arrays: list[Any] = []
        # Of each operand: 0 for a number, 1 for a Tensor, 2 for one that requires grad.
        key = 0
        for operand in operands:
            kind = type(operand)
            if kind is Tensor:
                array = operand._array
                if first is None:
                    if not isinstance(array, Pending) or array.dtype.kind != "f":
                        return otherwise(*values)
                    first = array
                elif type(array) is not type(first) or array.dtype is not first.dtype:
                    return otherwise(*values)
                if operand._view is not None:
                    return otherwise(*values)
                key = 3 * key + 1 + operand._requires_grad
            elif kind is float or kind is int:
                array = operand
                key *= 3
            else:
                return otherwise(*values)
            arrays.append(array)
        if count < total:
            statics += tuple(op.defaults[len(values) :])
            for static in statics:
                if type(static) is not int and type(static) is not float:
                    return otherwise(*values)
        if first is None or not first.takes(op, arrays):
            return otherwise(*values)
        used: list[Any] = []
        for position, operand in enumerate(operands):
            array = operand
            if type(operand) is Tensor:
                # What is saved meets pending gradients, so nothing else may be among it.
                array = arrays[position] = first.lifted(arrays[position], operand)
                if not operand._requires_grad:
                    array = array.held()
            used.append(array)
        result = first.computed(op, used, statics)
        out = _new(Tensor)
        out._array, out._edge, out._requires_grad, out._version_counter = result, None, False, [0]
        node = None
        if _grad_enabled():
            plan = plans.get(key, _MISSING)
            if plan is _MISSING:
                plan = made(key, statics)
            if plan is not None:
                node = _new(plan.node_class)
                edges: list[Any] = [None] * count
                for i in plan.wanted:
                    edge = operands[i]._edge
                    edges[i] = operands[i] if edge is None else edge
                node.plan, node.sequence, node.edges, node.statics = plan, next_sequence(), tuple(edges), statics
                if plan.reads_shapes:
                    node.operand_shapes = tuple(getattr(array, "shape", ()) for array in arrays)
                node.shape, node.dtype = result.shape, result.dtype
                node.saved = save(plan, operands, arrays, (out,)) if plan.saves else ()
                out._edge, out._requires_grad = node, True
        first.recorded((out,), node)
        return out

    return function

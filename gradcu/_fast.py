"""The recorder's fast path: closures for pointwise ops on Tensors and numbers of one floating dtype on the CPU.

They do what ``gradcu._record.apply`` does, without its questions, and hand over to ``otherwise`` whatever does not fit:
other dtypes, other devices, raw arrays, subclasses, and everything while a function is traced. A scalar chain spends
most of its time here and in the walker, so the closures say the same few lines each instead of calling a function for
them, which would cost a tenth of an op.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._graph import GRAD_ENABLED, UNVERSIONED, next_sequence
from ._op import Op
from ._pending import TRACES
from ._silence import QUIET, quietly
from ._tensor import Tensor

_new = object.__new__
_grad_enabled = GRAD_ENABLED.get
_ndarray = np.ndarray
_FLOAT32, _FLOAT64 = np.dtype("float32"), np.dtype("float64")
_scalar_dtype = {np.float32: _FLOAT32, np.float64: _FLOAT64}.get

_BINARY_CALLS: dict[int, tuple[tuple[int, ...], tuple[bool, bool]]] = {
    1: ((0,), (True, True)),
    2: ((1,), (True, True)),
    3: ((0, 1), (True, True)),
    4: ((0,), (True, False)),
    5: ((1,), (False, True)),
}
"""The calls of a binary op that may be recorded: which operands require grad, and which are Tensors."""


def unary(op: Op, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a pointwise op with one operand; its static arguments must be given by position."""
    forward = quietly(op.numpy)
    native = not hasattr(op.numpy, "__code__")
    quiet, traces = QUIET, TRACES
    differentiable = op.differentiable
    plan: Any = None
    keeps = keeps_output = False

    def function(input: Any) -> Any:
        nonlocal plan, keeps, keeps_output
        if type(input) is not Tensor or traces:
            return otherwise(input)
        array = input._array
        kind = type(array)
        dtype = array.dtype if kind is _ndarray else _scalar_dtype(kind)
        if dtype is not _FLOAT32 and dtype is not _FLOAT64:
            return otherwise(input)
        view = input._view
        if view is not None and view.seen != input._version_counter[0]:
            view.refresh(input)
        result = quiet.run(forward, array) if native else forward(array)
        out = _new(Tensor)
        out._array = result
        counter = out._version_counter = [0]
        if not differentiable or not input._requires_grad or not _grad_enabled():
            out._requires_grad, out._edge = False, None
            return out
        if plan is None:
            # Plans are made at the first use: all of them would be a sixth of the time that importing gradcu takes.
            plan = op.plan((0,), op.node_name((True,), tuple(op.defaults[1:])), 1)
            keeps, keeps_output = bool(plan.keeps), bool(plan.keeps_outputs)
        node = _new(plan.node_class)
        node.plan = plan
        node.sequence = next_sequence()
        edge = input._edge
        node.edges = (input if edge is None else edge,)
        node.statics = ()
        if keeps:
            own = input._version_counter
            node.saved = ((array, own, own[0]), (result, counter, 0) if keeps_output else None)
        else:
            node.saved = (None, (result, counter, 0)) if keeps_output else ()
        node.shape, node.dtype = result.shape, dtype
        out._requires_grad, out._edge = True, node
        return out

    return function


def unary_static(op: Op, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a pointwise op with one operand and one static number, such as ``pow(x, 2)``."""
    forward = quietly(op.numpy)
    quiet, traces = QUIET, TRACES
    native = not hasattr(op.numpy, "__code__")
    plan: Any = None
    keeps = keeps_output = False
    default = absent = op.defaults[1]

    def function(input: Any, number: Any = default, **kwargs: Any) -> Any:
        nonlocal plan, keeps, keeps_output
        if (type(number) is not int and type(number) is not float) or kwargs or type(input) is not Tensor or traces:
            return otherwise(input, *(() if number is absent else (number,)), **kwargs)
        array = input._array
        kind = type(array)
        dtype = array.dtype if kind is _ndarray else _scalar_dtype(kind)
        if dtype is not _FLOAT32 and dtype is not _FLOAT64:
            return otherwise(input, number)
        view = input._view
        if view is not None and view.seen != input._version_counter[0]:
            view.refresh(input)
        result = quiet.run(forward, array, number) if native else forward(array, number)
        out = _new(Tensor)
        out._array = result
        counter = out._version_counter = [0]
        if not input._requires_grad or not _grad_enabled():
            out._requires_grad, out._edge = False, None
            return out
        if plan is None:
            plan = op.plan((0,), str(op.node), 1)
            keeps, keeps_output = bool(plan.keeps), bool(plan.keeps_outputs)
        node = _new(plan.node_class)
        node.plan = plan
        node.sequence = next_sequence()
        edge = input._edge
        node.edges = (input if edge is None else edge,)
        node.statics = (number,)
        own = input._version_counter
        node.saved = (
            (array, own, own[0]) if keeps else None,
            (result, counter, 0) if keeps_output else None,
        )
        node.shape, node.dtype = result.shape, dtype
        out._requires_grad, out._edge = True, node
        return out

    return function


def binary(op: Op, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a pointwise op with two operands, either of which may be a Python number."""
    forward = quietly(op.numpy)
    native = not hasattr(op.numpy, "__code__")
    quiet, traces = QUIET, TRACES
    plans: dict[int, Any] = {0: None}

    def made(key: int) -> Any:
        """The plan by which operands require grad, and behind 3 by which one alone is a Tensor; None without rules."""
        targets, tensors = _BINARY_CALLS[key]
        targets = tuple(i for i in targets if op.differentiable and op.flows_to(i))
        plans[key] = plan = op.plan(targets, op.node_name(tensors, ()), 2) if targets else None
        return plan

    def function(input: Any, other: Any) -> Any:
        if traces:
            return otherwise(input, other)
        kind_a, kind_b = type(input), type(other)
        edge_a = edge_b = None
        counter_a = counter_b = UNVERSIONED
        if kind_a is Tensor:
            x = input._array
            kind = type(x)
            dtype = x.dtype if kind is _ndarray else _scalar_dtype(kind)
            if dtype is not _FLOAT32 and dtype is not _FLOAT64:
                return otherwise(input, other)
            counter_a = input._version_counter
            view = input._view
            if view is not None and view.seen != counter_a[0]:
                view.refresh(input)
            wants = input._requires_grad
            if kind_b is Tensor:
                y = other._array
                kind = type(y)
                if (y.dtype if kind is _ndarray else _scalar_dtype(kind)) is not dtype:
                    return otherwise(input, other)
                counter_b = other._version_counter
                view = other._view
                if view is not None and view.seen != counter_b[0]:
                    view.refresh(other)
                key = wants + 2 * other._requires_grad
            elif kind_b is float or kind_b is int:
                y = other
                key = 4 if wants else 0
            else:
                return otherwise(input, other)
        elif kind_b is Tensor and (kind_a is float or kind_a is int):
            x, y = input, other._array
            kind = type(y)
            dtype = y.dtype if kind is _ndarray else _scalar_dtype(kind)
            if dtype is not _FLOAT32 and dtype is not _FLOAT64:
                return otherwise(input, other)
            counter_b = other._version_counter
            view = other._view
            if view is not None and view.seen != counter_b[0]:
                view.refresh(other)
            key = 5 if other._requires_grad else 0
        else:
            return otherwise(input, other)
        try:
            result = quiet.run(forward, x, y) if native else forward(x, y)
        except ValueError:
            return otherwise(input, other)
        out = _new(Tensor)
        out._array = result
        counter = out._version_counter = [0]
        plan = plans[key] if key in plans else made(key)
        if plan is None or not _grad_enabled():
            out._requires_grad, out._edge = False, None
            return out
        node = _new(plan.node_class)
        node.plan = plan
        node.sequence = next_sequence()
        for i in plan.wanted:
            if i:
                edge_b = other._edge
                if edge_b is None:
                    edge_b = other
            else:
                edge_a = input._edge
                if edge_a is None:
                    edge_a = input
        node.edges = (edge_a, edge_b)
        node.statics = ()
        if plan.saves:
            node.saved = (
                (x, counter_a, counter_a[0]) if plan.keeps_first else None,
                (y, counter_b, counter_b[0]) if plan.keeps_second else None,
                (result, counter, 0) if plan.keeps_out else None,
            )
        else:
            node.saved = ()
        node.shape, node.dtype = result.shape, dtype
        out._requires_grad, out._edge = True, node
        return out

    return function


def whole(op: Op, native: Callable[..., Any], otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a reduction whose call with the operand alone, over all elements, is the C function ``native``.

    Such a call's canonical static arguments must be the defaults, and its rule must need no value but shapes.
    """
    statics = tuple(op.defaults[1:])
    plan = op.plan((0,), op.node_name((True,), statics), 1)
    assert not plan.saves
    quiet, traces = QUIET, TRACES

    def function(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 1 or type(args[0]) is not Tensor or traces:
            return otherwise(*args, **kwargs)
        input = args[0]
        array = input._array
        kind = type(array)
        dtype = array.dtype if kind is _ndarray else _scalar_dtype(kind)
        if dtype is not _FLOAT32 and dtype is not _FLOAT64:
            return otherwise(input)
        view = input._view
        if view is not None and view.seen != input._version_counter[0]:
            view.refresh(input)
        out = _new(Tensor)
        out._array = quiet.run(native, array)
        out._version_counter = [0]
        if not input._requires_grad or not _grad_enabled():
            out._requires_grad, out._edge = False, None
            return out
        node = _new(plan.node_class)
        node.plan = plan
        node.sequence = next_sequence()
        edge = input._edge
        node.edges = (input if edge is None else edge,)
        node.statics = statics
        node.saved = ()
        node.operand_shapes = (array.shape,)
        node.shape, node.dtype = (), dtype
        out._requires_grad, out._edge = True, node
        return out

    return function


def in_rules(op: Op, recorded: Callable[..., Any]) -> Callable[..., Any]:
    """A pointwise op as rules call it: raw NumPy operands go straight to its forward, the rest is ``recorded``."""
    forward = op.numpy
    raw = {np.ndarray, np.float32, np.float64, np.bool_}

    if len(op.operands) == 1:

        def one(x: Any, *statics: Any) -> Any:
            return forward(x, *statics) if type(x) in raw else recorded(x, *statics)

        return one

    def several(*operands: Any) -> Any:
        is_raw = False
        for operand in operands:
            kind = type(operand)
            if kind in raw:
                is_raw = True
            elif kind is Tensor:
                return recorded(*operands)
        return forward(*operands) if is_raw else recorded(*operands)

    return several

"""THE recorder: computes an op's forward and, where a gradient is wanted, adds its node to the graph.

Everything can go through `apply`. ``gradcu._fast`` makes the shorter way for pointwise ops on Tensors and Python
numbers of one floating-point dtype on the CPU, where the recorder would otherwise cost more than the arithmetic, and
``gradcu._fast_pending`` the same for values that are not computed yet.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ._anomaly import note_origin
from ._device import CPU, Place, device, device_of, naming_memory, xp_of
from ._dtype import get_default_dtype, result_type
from ._graph import GRAD_ENABLED, UNVERSIONED, Node, next_sequence
from ._op import Op, Plan
from ._pending import FUSING, TRACES, Pending
from ._refusing_views import new_view
from ._saved import pack
from ._silence import silenced
from ._tensor import Replay, Tensor, current_edge

_new = object.__new__
_grad_enabled = GRAD_ENABLED.get
NUMBERS = (bool, int, float, complex)
_RAW_CPU = (np.ndarray, np.generic)
_IN_HOST_MEMORY = (*_RAW_CPU, Pending)
_ON_CPU = (*_RAW_CPU, *NUMBERS, type(None))


def apply(op: Op, values: list[Any]) -> Any:
    """Runs ``op`` on the bound ``values`` of its parameters (operands first), of which at least one is a Tensor."""
    if op.view and not _takes_view(op, values[0]._array):
        return _apply_view(op, values[0], tuple(values[1:]))
    count = len(op.operands)
    operands: Sequence[Any] = values[0] if op.variadic else values[:count]
    statics = tuple(values[count:])
    arrays = [
        operand._array
        if isinstance(operand, Tensor)
        else operand.item()
        if isinstance(operand, np.generic)
        else operand
        for operand in operands
    ]
    pending = _taker(op, operands, arrays) if TRACES or _pending(arrays) is not None else None
    place = _common_device(op, arrays)
    if place is CPU:
        return _apply(op, np, operands, arrays, statics, pending)
    if pending is None:
        operands = [_joined(operand, array, place) for operand, array in zip(operands, arrays, strict=True)]
        arrays = [operand._array if isinstance(operand, Tensor) else operand for operand in operands]
    with place.context, naming_memory(op.name, place):
        return _apply(op, place.xp, operands, arrays, statics, pending)


def _joined(operand: Any, array: Any, place: device) -> Any:
    """An operand on ``place``, to which a 0-dim Tensor of the CPU is copied; its gradient comes back the same way."""
    if isinstance(operand, Tensor):
        return operand.to(place) if isinstance(array, _RAW_CPU) else operand
    return array


def _apply(op: Op, xp: Any, operands: Sequence[Any], arrays: list[Any], statics: tuple[Any, ...], pending: Any) -> Any:
    """The rest of `apply`, for operands on one device, with the array module ``xp`` or what takes them ``pending``."""
    arrays = promoted(op, arrays)
    if op.prepare is not None:
        statics = op.prepare(*([arrays] if op.variadic else arrays), *statics)
    if pending is not None:
        # What is saved meets pending gradients, so nothing else may be among it.
        arrays = [pending.lifted(array, operand) for array, operand in zip(arrays, operands, strict=True)]
        outputs = pending.computed(op, _held(arrays, operands), statics)
    else:
        outputs = _outputs(op, xp, arrays, statics)
        if not op.keeps_layout:
            outputs = _in_rows(xp, outputs)
    single = type(outputs) is not tuple
    results = tuple(Tensor._wrap(array) for array in ((outputs,) if single else outputs))
    node = record(op, operands, arrays, statics, results) if op.differentiable and _grad_enabled() else None
    if pending is not None:
        pending.recorded(results, node)
    return results[0] if single else results


def _taker(op: Op, operands: Sequence[Any], arrays: list[Any]) -> Any:
    """What says what becomes of the op, in place of its forward; without it, pending operands get their arrays here."""
    pending = _pending(arrays)
    if pending is None:
        trace = FUSING.trace
        return trace if trace is not None and trace.takes(op, arrays) else None
    if pending.takes(op, arrays):
        return pending
    for position, operand in enumerate(operands):
        if isinstance(arrays[position], Pending):
            arrays[position].settle(operand, op)
            arrays[position] = operand._memory()
    return None


def _takes_view(op: Op, array: Any) -> bool:
    return isinstance(array, Pending) and array.takes(op, (array,))


def _pending(arrays: Sequence[Any]) -> Pending | None:
    """The first that is not computed yet: it then says what becomes of the op."""
    for array in arrays:
        if isinstance(array, Pending):
            return array
    return None


def _held(arrays: Sequence[Any], operands: Sequence[Any]) -> list[Any]:
    """The operands of an op on pending values, which learn here where no gradient flows, as nodes do from edges."""
    return [
        array.held() if isinstance(operand, Tensor) and not operand.requires_grad else array
        for array, operand in zip(arrays, operands, strict=True)
    ]


def _apply_view(op: Op, source: Tensor, statics: tuple[Any, ...]) -> Any:
    """`apply` for an op that gives views of its one operand: nothing is promoted, computed or moved."""
    if isinstance(source._array, Pending):
        source._array.settle(source, op)
    array = source._memory()
    if op.prepare is not None:
        statics = op.prepare(array, *statics)
    if type(array) is np.ndarray:
        outputs = op.forward(np, array, *statics)
    else:
        place = device_of(array)
        with place.context:
            outputs = op.forward(place.xp, array, *statics)
    single = type(outputs) is not tuple
    results = tuple(Tensor._wrap(array) for array in ((outputs,) if single else outputs))
    _make_views(op, source, array, statics, results, single)
    if op.differentiable and _grad_enabled() and not source.is_inference():
        record(op, (source,), (array,), statics, results)
    return results[0] if single else results


def record(op: Op, operands: Sequence[Any], arrays: Sequence[Any], statics: tuple[Any, ...],
           results: tuple[Tensor, ...]) -> Node | None:  # fmt: skip
    """Adds the node that made ``results``, if any operand that a gradient can flow to requires one."""
    edges: list[Any] = []
    wanted: list[int] = []
    for position, operand in enumerate(operands):
        edge = None
        if isinstance(operand, Tensor) and op.flows_to(position):
            edge = current_edge(operand)
            if edge is None and operand._requires_grad:
                edge = operand
            if edge is not None:
                wanted.append(position)
        edges.append(edge)
    if not wanted or all(result._array.dtype.kind not in "fc" for result in results):
        return None
    # What makes real numbers of complex ones is not holomorphic, and so needs no other plan than for real ones.
    is_complex = any(result._array.dtype.kind == "c" for result in results)
    name = op.node
    if not isinstance(name, str):
        name = op.node_name(tuple(isinstance(operand, Tensor) for operand in operands), statics)
    plan = op.plan(tuple(wanted), name, len(edges), is_complex)
    node = _new(plan.node_class)
    node.plan, node.sequence, node.edges, node.statics = plan, next_sequence(), tuple(edges), statics
    if plan.reads_shapes:
        node.operand_shapes = tuple(getattr(array, "shape", ()) for array in arrays)
    if len(results) == 1:
        node.shape, node.dtype = results[0]._array.shape, results[0]._array.dtype
    else:
        node.output_count = len(results)
        node.shape = tuple(result._array.shape for result in results)
        node.dtype = tuple(result._array.dtype for result in results)
    node.saved = save(plan, operands, arrays, results)
    if TRACES:
        pack(node, operands, arrays, results)
        note_origin(node)
    if not isinstance(results[0]._array, _IN_HOST_MEMORY):
        node.place = Place(device_of(results[0]._array))
    for number, result in enumerate(results):
        if result._array.dtype.kind in "fc":
            result._edge = node if len(results) == 1 else (node, number)
            result._requires_grad = True
    return node


def save(plan: Plan, operands: Sequence[Any], arrays: Sequence[Any],
         results: tuple[Tensor, ...]) -> tuple[Any, ...]:  # fmt: skip
    """What the rules of a plan read of a call's operands and results, as a node keeps it."""
    if not plan.saves:
        return ()
    saved: list[Any] = [None] * (len(operands) + len(results))
    for i in plan.keeps:
        # A promoted operand is a copy, which nobody can change.
        own = isinstance(operands[i], Tensor) and arrays[i] is operands[i]._array
        counter = operands[i]._version_counter if own else UNVERSIONED
        saved[i] = (arrays[i], counter, counter[0])
    for i in plan.keeps_outputs:
        counter = results[i]._version_counter
        saved[len(operands) + i] = (results[i]._array, counter, counter[0])
    return tuple(saved)


def _common_device(op: Op, arrays: Sequence[Any]) -> device:
    """The operands' one device. A 0-dim CPU tensor may join tensors of another device."""
    for array in arrays:
        if not isinstance(array, _ON_CPU):
            break
    else:
        return CPU
    found: device | None = None
    for array in arrays:
        if array is None or isinstance(array, NUMBERS) or (isinstance(array, _RAW_CPU) and array.ndim == 0):
            continue
        place = device_of(array)
        if found is None:
            found = place
        elif found != place:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {found} and {place}! "
                f"(when checking arguments of {op.name})"
            )
    return CPU if found is None else found


def promoted(op: Op, arrays: list[Any]) -> list[Any]:
    """The operands in the dtype that PyTorch's promotion gives them; Python numbers stay numbers beside floats."""
    if op.promotion == "none":
        return arrays
    dtype = _common_float(arrays)
    if dtype is not None:
        return arrays
    dtype = result_type(*[array for array in arrays if array is not None])
    if op.promotion == "float":
        dtype = dtype if dtype.kind in "fc" else get_default_dtype()
    out: list[Any] = []
    for array in arrays:
        if array is None:
            out.append(None)
        elif not _is_number(array):
            out.append(array if array.dtype == dtype else _cast(array, dtype))
        elif dtype.kind in "fc" and not isinstance(array, bool):
            out.append(array)
        else:
            out.append(wrapped(array, dtype))
    return out


@silenced
def _cast(array: Any, dtype: np.dtype[Any]) -> Any:
    return array.astype(dtype)


def _common_float(arrays: list[Any]) -> np.dtype[Any] | None:
    """The dtype of operands that need no promotion: floats or complex of one dtype, beside Python ints and floats."""
    found = None
    for array in arrays:
        kind = type(array)
        if kind is int or kind is float or array is None:
            continue
        if kind is bool or kind is complex or (found is not None and array.dtype is not found):
            return None
        found = array.dtype
    return found if found is not None and found.kind in "fc" else None


def _outputs(op: Op, xp: Any, arrays: list[Any], statics: tuple[Any, ...]) -> Any:
    try:
        return _forward_silently(op, xp, arrays, statics)
    except ValueError:
        if op.elementwise:
            refuse_sizes(*arrays)
        raise


def _in_rows(xp: Any, outputs: Any) -> Any:
    """Results in row-major order, where NumPy has taken over the order of the operands, and PyTorch would not."""
    if type(outputs) is tuple:
        return tuple(_in_rows(xp, output) for output in outputs)
    return outputs if outputs.ndim < 2 or outputs.flags.c_contiguous else xp.ascontiguousarray(outputs)


def forward(op: Op, xp: Any, operands: Sequence[Any], statics: tuple[Any, ...]) -> Any:
    """What ``op`` makes of raw arrays of the module ``xp``, which are on the current device, and of numbers."""
    found = cuda_kernels().forward(op, xp, operands, statics) if xp is not np and op.elementwise else None
    return op.forward(xp, *([operands] if op.variadic else operands), *statics) if found is None else found


_forward_silently = silenced(forward)


@functools.cache
def cuda_kernels() -> Any:
    """The module of elementwise ops' kernels on CUDA, a part of the fused engine, which stands some layers above.

    It is loaded by its name, with the first of these kernels, so that nothing here imports it.
    """
    return import_module(".fuse.pointwise", __package__)


def refuse_sizes(*operands: Any) -> None:
    """Raises RuntimeError, in PyTorch's words, where the operands of an elementwise op can't be broadcast."""
    shape: tuple[int, ...] = ()
    for operand in operands:
        other = getattr(operand, "shape", ())
        for back in range(1, min(len(shape), len(other)) + 1):
            if shape[-back] != other[-back] and 1 not in (shape[-back], other[-back]):
                raise RuntimeError(
                    f"The size of tensor a ({shape[-back]}) must match the size of tensor b ({other[-back]}) at "
                    f"non-singleton dimension {max(len(shape), len(other)) - back}"
                )
        shape = np.broadcast_shapes(shape, other)


def wrapped(number: Any, dtype: np.dtype[Any]) -> Any:
    """A Python number as one of ``dtype``; an int beyond its range wraps around, as in PyTorch."""
    return np.asarray(number).astype(dtype)[()]


def _make_views(op: Op, source: Any, array: Any, statics: tuple[Any, ...], results: tuple[Tensor, ...],
                single: bool) -> None:  # fmt: skip
    """Ties the results that share memory with ``source`` to it: one version, and a way to make the view again.

    A view of what requires grad says that it does too, even where that was not recorded: it is a leaf then.
    """
    if source.is_inference():
        for result in results:
            if share_memory(result._array, array):
                result._version_counter = source._version_counter
        return
    parent = source._view
    base, before = (source, None) if parent is None else (parent.base, parent.replay)
    requires_grad = source.requires_grad
    for number, result in enumerate(results):
        if share_memory(result._array, array):
            replay = Replay(before, op.call, statics, None if single else number)
            result._version_counter = source._version_counter
            result._view = new_view(base, parent, replay, source._version_counter[0], several=not single)
            result._requires_grad = requires_grad and result._array.dtype.kind in "fc"


def share_memory(one: Any, other: Any) -> bool:
    """Whether two arrays, of which either may be a view, can have elements in common."""
    if isinstance(one, _RAW_CPU) or isinstance(other, _RAW_CPU):
        return isinstance(one, _RAW_CPU) and isinstance(other, _RAW_CPU) and np.may_share_memory(one, other)
    return one.data.mem is other.data.mem


def raw(op: Op, values: list[Any]) -> Any:
    """Runs ``op`` on raw arrays and numbers, as rules do; numbers alone give a number."""
    count = len(op.operands)
    operands = list(values[0]) if op.variadic else values[:count]
    statics = tuple(values[count:])
    arrays = [operand for operand in operands if operand is not None and not _is_number(operand)]
    if op.prepare is not None:
        statics = op.prepare(*([operands] if op.variadic else operands), *statics)
    if not arrays:
        return op.forward(np, *operands, *statics).item()
    pending = _pending(arrays)
    if pending is not None:
        if pending.takes(op, arrays):
            return pending.computed(op, operands, statics)
        operands = [operand.materialised() if isinstance(operand, Pending) else operand for operand in operands]
        arrays = [operand for operand in operands if operand is not None and not _is_number(operand)]
    return forward(op, xp_of(arrays[0]), operands, statics)


def _is_number(value: Any) -> bool:
    """Whether ``value`` is a Python number; NumPy's scalars are 0-d results, though some are subclasses of one."""
    return isinstance(value, NUMBERS) and not isinstance(value, np.generic)

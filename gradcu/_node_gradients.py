"""What one node gives back: the values that its rules read, and the gradients of its operands, in shape and dtype."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ._anomaly import RUNNING, Anomaly, refuse_nan, tell_origin
from ._graph import FREED_MESSAGE, GRAD_ENABLED, Node, version_error
from ._hooking import as_tensor
from ._record import cuda_kernels
from ._saved import Packed, revived
from ._silence import silenced
from ._tensor import Tensor
from .ops.convert import to_dtype
from .ops.shape import expand, sum_to


def values_of(node: Node, create_graph: bool) -> list[Any]:
    """Everything that the node's rules may name, in the order of its plan's numbers."""
    saved = node.saved
    plan = node.plan
    if saved is None:
        raise RuntimeError(FREED_MESSAGE)
    values: list[Any] = []
    for position, entry in enumerate(saved):
        if entry is None:
            values.append(None)
            continue
        value, counter, expected = entry
        if counter[0] != expected:
            if type(value) is Packed:
                value, counter = value.array(), [0]
            elif position < plan.operand_count:
                raise version_error(value, node.edges[position], counter, expected)
            else:
                raise version_error(value, node, counter[:1], expected)
        values.append(revived(node, position, value, counter) if create_graph else value)
    if not saved:
        values = [None] * (plan.operand_count + len(plan.op.outputs))
    values += node.statics
    if plan.reads_shapes:
        values += (plan.wanted, node.operand_shapes, *node.operand_shapes)
    return values


def _by_rules(node: Node, gradient: Any, create_graph: bool) -> list[Any]:
    """The gradients of all operands, aligned with the node's edges."""
    values = values_of(node, create_graph)
    out: list[Any] = [None] * len(node.edges)
    if node.place is not None and node.plan.op.elementwise and not create_graph:
        targets = tuple(step.target for step in node.plan.steps)
        found = by_kernel(node, targets, gradient, values)
        if found is not None:
            return [found[targets.index(position)] if position in targets else None for position in range(len(out))]
    for step in node.plan.steps:
        found = step.rule(gradient, *[values[i] for i in step.needs])
        if step.joint:
            return list(found)
        out[step.target] = found
    return out


def gradients_of(node: Node, grad_outputs: Sequence[Tensor]) -> Any:
    """What the backward of one node gives, without its hooks: a Tensor, or a tuple of them and of None."""
    if len(grad_outputs) != node.output_count:
        raise TypeError(f"expected {node.output_count} arguments, got {len(grad_outputs)} instead")
    create_graph = GRAD_ENABLED.get()
    given = [gradient if create_graph or gradient is None else gradient._array for gradient in grad_outputs]
    found = all_gradients(node, given[0] if node.output_count == 1 else given, create_graph)
    results = tuple(
        None if value is None or edge is None else as_tensor(_fitted_to(edge, value, node, position))
        for position, (edge, value) in enumerate(zip(node.edges, found, strict=True))
    )
    return results[0] if len(results) == 1 else results


@silenced
def all_gradients(node: Node, gradient: Any, create_graph: bool) -> Iterable[Any]:
    """The gradients of all operands, of any node."""
    if node.plan is None:
        return node.backward(gradient, create_graph)
    return _by_rules(node, gradient, create_graph)


def watched_gradients(node: Node, gradient: Any, create_graph: bool) -> Iterable[Any]:
    """`all_gradients`, under anomaly detection."""
    before, RUNNING.node = RUNNING.node, node
    try:
        values = list(all_gradients(node, gradient, create_graph))
        if Anomaly.check_nan:
            refuse_nan(node, values)
    except Exception:
        tell_origin(node)
        raise
    finally:
        RUNNING.node = before
    return values


def _fitted_to(edge: Any, value: Any, source: Node, position: int) -> Any:
    if type(edge) is tuple:
        node, number = edge
        return fitted(value, node.shape[number], node.dtype[number], source, position)
    target = edge if isinstance(edge, Node) else edge._array
    return fitted(value, target.shape, target.dtype, source, position)


def by_kernel(node: Node, targets: tuple[int, ...], gradient: Any, values: Sequence[Any]) -> list[Any] | None:
    """The gradients of the operands in ``targets`` of a node on a CUDA device; None where there is no kernel."""
    assert node.place is not None
    return cuda_kernels().gradients(node.plan, targets, node.place.device.xp, gradient, values)


def fitted(value: Any, shape: tuple[int, ...], dtype: Any, source: Node | None, position: int) -> Any:
    """A gradient in the shape and dtype of what it is the gradient of."""
    if value.dtype is not dtype and value.dtype != dtype:
        if value.dtype.kind == "c" and dtype.kind != "c":
            if source is not None and source.plan is None:
                raise RuntimeError(
                    f"Function {source.name()} returned an invalid gradient at index {position} - got gradcu."
                    f"{value.dtype} for an input of real numbers: take the real part of what its rule gives"
                )
            value = value.real
        value = to_dtype(value, dtype)
    found = value.shape
    if found == shape:
        return value
    if not found or broadcasts(found, shape):
        return expand(value, shape)
    if broadcasts(shape, found):
        return sum_to(value, shape)
    name = "the caller" if source is None else f"Function {source.name()}"
    raise RuntimeError(
        f"{name} returned an invalid gradient at index {position} - got {list(found)} but expected shape "
        f"compatible with {list(shape)}"
    )


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether ``shape`` broadcasts to ``target``."""
    lead = len(target) - len(shape)
    return lead >= 0 and all(length in (1, wanted) for length, wanted in zip(shape, target[lead:], strict=True))

"""``backward`` and ``grad``: what people ask of the walker."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._device import CPU, copied, device_of, frames_inside, naming_memory
from ._engine import Walk, accumulate
from ._graph import GRAD_ENABLED, LEAF_HOOKS, AccumulateGrad, GradientEdge, accumulator
from ._hooking import run_accumulated_hooks, run_node_hooks, run_node_prehooks
from ._tensor import Tensor, current_edge, retain_gradient

Tensors = Tensor | GradientEdge | Sequence[Tensor | GradientEdge]

# Threads that walk back to the same leaf must not lose each other's gradients. A finalizer may walk in between.
_ACCUMULATING = threading.RLock()

_ONES = {np.float32: np.float32(1), np.float64: np.float64(1)}


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Accumulates the gradients of ``tensors`` in the ``grad`` of the leaves, or of ``inputs``, that they depend on.

    Parameters are those of https://docs.pytorch.org/docs/stable/generated/torch.autograd.backward.html: a Tensor may be
    replaced by its gradient edge;
    ``grad_tensors`` are the cotangents, one a tensor and of its shape, and may be left out for tensors of one element;
    ``retain_graph`` keeps what the graph saved for another walk; ``create_graph`` records the walk, for higher orders.

    Raises RuntimeError where a tensor does not require grad, where a cotangent is missing or of the wrong shape, and
    where the graph was freed by an earlier walk.

    >>> import gradcu
    >>> x = gradcu.tensor(3.0, requires_grad=True)
    >>> gradcu.autograd.backward(x * x)
    >>> x.grad
    tensor(6.)
    """
    if create_graph:
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the parameter and its "
            "gradient which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid "
            "this. If you have to use this function, make sure to reset the .grad fields of your parameters to None "
            "after use to break the cycle and avoid the leak.",
            UserWarning,
            stacklevel=1 + frames_inside(),
        )
    roots = _roots(tuple(map(_tensor, _sequence(tensors))), grad_tensors, create_graph)
    targets = None
    wanted: tuple[Tensor, ...] = ()
    if inputs is not None:
        given = tuple(dict.fromkeys(_sequence(inputs)))
        wanted = tuple(map(_tensor, given))
        if not wanted:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        for position, tensor in enumerate(wanted):
            if not tensor.requires_grad:
                raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
            # Nobody could look at the gradient that a stand-in retains.
            if not tensor._retains_grad and not isinstance(given[position], GradientEdge):
                retain_gradient(tensor)
        targets = [_target(tensor) for tensor in wanted]
    keep_graph = create_graph if retain_graph is None else retain_graph
    walk = Walk(targets, keep_graph=keep_graph, create_graph=create_graph, store=_store)
    arrived = walk.run(roots)
    if targets is None:
        for leaf, value in arrived.items():
            _store(leaf, value, create_graph, leaf in walk.fresh)
    else:
        for leaf in wanted:
            # What is no leaf retained its gradient on the way.
            if leaf in arrived:
                _store(leaf, arrived[leaf], create_graph, False)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Returns the gradients of the sum of ``outputs``, weighted by ``grad_outputs``, with respect to ``inputs``.

    Parameters are those of https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad.html. One Tensor an
    input comes back, of its shape and dtype; with ``allow_unused`` None where nothing depends on the input, with
    ``materialize_grads`` zeros. With ``is_grads_batched`` the first dimension of each of ``grad_outputs`` counts rows,
    and so does that of the results; it takes a walk for each row. A Tensor may be replaced by its gradient edge.

    Raises RuntimeError where an input is not in the graph, besides the reasons of ``backward``.

    >>> import gradcu
    >>> x = gradcu.tensor(3.0, requires_grad=True)
    >>> (first,) = gradcu.autograd.grad(x**3, x, create_graph=True)
    >>> gradcu.autograd.grad(first, x)
    (tensor(18.),)
    """
    given = _sequence(inputs)
    wanted = tuple(map(_tensor, given))
    if not only_inputs:
        raise ValueError("only_inputs=False is not supported: call backward to accumulate in all leaves")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if is_grads_batched:
        return _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    roots = _roots(tuple(map(_tensor, _sequence(outputs))), grad_outputs, create_graph)
    for tensor in wanted:
        if not tensor.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    targets = [_target(tensor) for tensor in wanted]
    walk = Walk(targets, keep_graph=create_graph if retain_graph is None else retain_graph, create_graph=create_graph)
    arrived = walk.run(roots)
    found: list[Any] = []
    returned: set[int] = set()
    for position, (tensor, target) in enumerate(zip(wanted, targets, strict=True)):
        value = arrived.get(target)
        if value is None:
            if materialize_grads:
                if isinstance(given[position], GradientEdge):
                    raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
                with tensor.device.context, naming_memory("grad", tensor.device):
                    zeros = Tensor._wrap(tensor.device.xp.zeros(tensor.shape, tensor.dtype))
                # Zeros are their own derivatives: with ``create_graph`` they can be differentiated like the others.
                zeros.requires_grad = create_graph
                found.append(zeros)
                continue
            if not allow_unused:
                raise RuntimeError(
                    f"The differentiated Tensor at index {position} appears to not have been used in the graph. Set "
                    "allow_unused=True if this is the desired behavior."
                )
            found.append(None)
            continue
        found.append(value if isinstance(value, Tensor) else _owned(value, target in walk.fresh, returned))
    return tuple(found)


def _batched(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any,
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool | None,
    materialize_grads: bool,
) -> tuple[Any, ...]:
    """What `grad` gives for each row of ``grad_outputs``, stacked."""
    # Here, since a program may need no more than backward.
    from .ops.join import stack

    if grad_outputs is None:
        raise ValueError("is_grads_batched=True needs grad_outputs, of one row at least")
    rows = _sequence(grad_outputs)
    for position, (output, batch) in enumerate(zip(map(_tensor, _sequence(outputs)), rows, strict=False)):
        if batch.shape[1:] != output.shape or not batch.ndim:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                "dimension. The sizes of the remaining dimensions are expected to match the shape of corresponding "
                f"output, but a mismatch was detected: grad_output[{position}] has a shape of {batch.shape!r} and "
                f"output[{position}] has a shape of {output.shape!r}."
            )
    counts = sorted({batch.shape[0] for batch in rows})
    if len(counts) != 1 or not counts[0]:
        raise ValueError(f"is_grads_batched=True needs as many rows, 1 or more, of all grad_outputs, but got {counts}")
    keep_graph = create_graph if retain_graph is None else retain_graph
    found = [
        grad(
            outputs,
            inputs,
            tuple(batch[row] for batch in rows),
            keep_graph or row < counts[0] - 1,
            create_graph,
            allow_unused=allow_unused,
            materialize_grads=materialize_grads,
        )
        for row in range(counts[0])
    ]
    return tuple(None if column[0] is None else stack(column) for column in zip(*found, strict=True))


def _owned(value: Any, fresh: bool, returned: set[int]) -> Tensor:
    """A Tensor of a gradient whose memory no other result shares."""
    if not isinstance(value, np.generic) and (not fresh or id(value) in returned):
        value = copied(value)
    returned.add(id(value))
    return Tensor._wrap(value)


def _sequence(tensors: Any) -> tuple[Any, ...]:
    return (tensors,) if isinstance(tensors, (Tensor, GradientEdge)) else tuple(tensors)


def _tensor(given: Any) -> Tensor:
    """A Tensor as it is; for a gradient edge one that it leads to, without memory of its own."""
    if not isinstance(given, GradientEdge):
        return given
    node, edge = given.node, given.inner
    if isinstance(node, AccumulateGrad):
        return edge
    shape, dtype = (node.shape, node.dtype) if type(edge) is not tuple else (node.shape[edge[1]], node.dtype[edge[1]])
    place = CPU if node.place is None else node.place.device
    with place.context:
        tensor = Tensor._wrap(place.xp.broadcast_to(place.xp.zeros((), dtype), shape))
    tensor._edge, tensor._requires_grad = edge, True
    return tensor


def _target(tensor: Tensor) -> Any:
    edge = current_edge(tensor)
    return tensor if edge is None else edge


def _store(tensor: Tensor, value: Any, create_graph: bool, fresh: bool) -> None:
    """Adds a gradient to a leaf's ``grad``, and runs the hooks that are told of it."""
    node = None
    if LEAF_HOOKS and (tensor._node_hooks or tensor._node_prehooks):
        node = accumulator(tensor)
        value, fresh = run_node_prehooks(node, value, create_graph), False
    # Since it was recorded, the leaf may have been detached.
    if tensor._requires_grad:
        place = device_of(tensor._array)
        if place is CPU:
            with _ACCUMULATING:
                accumulate(tensor, value, create_graph, fresh=fresh)
        else:
            with _ACCUMULATING, place.context, naming_memory("AccumulateGrad", place):
                accumulate(tensor, value, create_graph, fresh=fresh)
    if LEAF_HOOKS and (tensor._accumulated_hooks or node is not None):
        # A hook may update the leaf in place, as optimisers do, which only an unrecorded operation can.
        token = GRAD_ENABLED.set(create_graph)
        try:
            run_accumulated_hooks(tensor)
            if node is not None:
                run_node_hooks(node, (), value, create_graph)
        finally:
            GRAD_ENABLED.reset(token)


def _roots(outputs: tuple[Tensor, ...], cotangents: Any, create_graph: bool) -> list[tuple[Any, Any]]:
    """Each output's edge with its cotangent: the one given, or 1 for an output of one element."""
    if cotangents is None and len(outputs) == 1 and not create_graph:
        # The commonest call, made short.
        edge = current_edge(outputs[0])
        one = _ONES.get(type(outputs[0]._array))
        if edge is not None and one is not None:
            return [(edge, one)]
    if cotangents is None or isinstance(cotangents, Tensor):
        given: tuple[Any, ...] = (cotangents,) * (len(outputs) if cotangents is None else 1)
    else:
        given = tuple(cotangents)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    roots: list[tuple[Any, Any]] = []
    for position, (output, cotangent) in enumerate(zip(outputs, given, strict=True)):
        edge = current_edge(output)
        if edge is None and not output._requires_grad:
            raise RuntimeError(f"element {position} of tensors does not require grad and does not have a grad_fn")
        array = output._array
        if cotangent is None:
            if array.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if array.dtype.kind == "c":
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got gradcu.{array.dtype}"
                )
            one: Any = _one_of(array)
            value: Any = Tensor._wrap(one) if create_graph else one
        else:
            value = _checked(cotangent, output, position, create_graph)
        roots.append((output if edge is None else edge, value))
    return roots


def _one_of(array: Any) -> Any:
    """1 in the shape, in the dtype and on the device of an array of one element."""
    place = device_of(array)
    if place is CPU and array.ndim == 0:
        return array.dtype.type(1)
    with place.context, naming_memory("backward", place):
        return place.xp.ones_like(array)


def _checked(cotangent: Any, output: Tensor, position: int, create_graph: bool) -> Any:
    if not isinstance(cotangent, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(cotangent).__name__}")
    if cotangent.shape != output.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{position}] has a shape of {cotangent.shape!r} and output[{position}] "
            f"has a shape of {output.shape!r}."
        )
    if (cotangent.dtype.kind == "c") != (output.dtype.kind == "c"):
        raise RuntimeError(
            f"For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{position}] has a dtype of gradcu.{cotangent.dtype} and output[{position}] has a dtype of "
            f"gradcu.{output.dtype}."
        )
    if cotangent.device != output.device:
        raise RuntimeError(
            f"invalid gradient at index {position} - expected device {output.device} but got {cotangent.device}"
        )
    return cotangent if create_graph else cotangent._array

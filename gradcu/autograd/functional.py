"""Derivatives of functions: Jacobians, Hessians, and their products with vectors.

Names, shapes and nesting are those of https://docs.pytorch.org/docs/stable/autograd.html#functional-higher-level-api:
what belongs to a tuple of inputs or outputs is a tuple, what belongs to a single Tensor stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from .._backward import grad
from .._tensor import Tensor
from ..ops.creation import unit_like, zeros_like
from ..ops.join import stack
from ..ops.shape import reshape
from ._modes import enable_grad

Tensors = Tensor | tuple[Tensor, ...]
Strategy = Literal["forward-mode", "reverse-mode"]
_Gradients = Sequence[Tensor | None]

_OUTPUTS = "outputs of the user-provided function"
_NO_GRAPH = (
    "Output {} of the user-provided function does not require gradients. The outputs must be computed in a "
    "differentiable manner from the input when running in strict mode."
)
_UNUSED = "The output of the user-provided function is independent of input {}. This is not allowed in strict mode."
_CONSTANT = (
    "The {what} of the user-provided function is independent of input {{}}. This is not allowed in strict mode when "
    "create_graph=True."
)
_LINEAR = (
    "While computing the hessian, found that the jacobian of the user-provided function with respect to input {} is "
    "independent of the input. This is not allowed in strict mode. You should ensure that your function is twice "
    "differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for "
    "example)."
)


@enable_grad
def vjp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns ``func(*inputs)``, and the product of ``v`` with the Jacobian of ``func`` at ``inputs``.

    ``v`` has the shapes of the outputs, the product those of the inputs; ``v`` may be left out for an output of one
    element. ``create_graph`` makes both differentiable.

    Raises TypeError for inputs or outputs that are no Tensors, RuntimeError for a ``v`` of another shape and, under
    ``strict``, for an output that does not depend on an input; else that gives zeros.

    >>> import gradcu
    >>> gradcu.autograd.functional.vjp(lambda x: x * x, gradcu.tensor([1.0, 2.0]), gradcu.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    single, points = _points(inputs, "vjp", create_graph)
    single_output, outputs = _as_tuple(func(*points), _OUTPUTS, "vjp")
    if strict:
        _require_graph(outputs, _NO_GRAPH)
    vectors = _vectors(v, outputs, single_output, "vjp", "user-provided function returns")
    found = _gradients(outputs, points, vectors, create_graph)
    product = _filled(found, points, strict, create_graph, "jacobian")
    return _given(outputs, single_output, create_graph), _given(product, single, create_graph)


@enable_grad
def jvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns ``func(*inputs)``, and the product of the Jacobian of ``func`` at ``inputs`` with ``v``.

    ``v`` has the shapes of the inputs, the product those of the outputs; ``v`` may be left out for an input of one
    element. Options and errors are those of ``vjp``. Computed by two walks backwards: the vector-Jacobian product is
    linear in its vector, so its own vector-Jacobian product with ``v`` is the one wanted
    (https://j-towns.github.io/2017/06/12/A-new-trick.html).

    >>> import gradcu
    >>> gradcu.autograd.functional.jvp(lambda x: x * x, gradcu.tensor([1.0, 2.0]), gradcu.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    single, points = _points(inputs, "jvp", create_graph)
    vectors = _vectors(v, points, single, "jvp", "input to the user-provided function is")
    single_output, outputs = _as_tuple(func(*points), _OUTPUTS, "jvp")
    if strict:
        _require_graph(outputs, _NO_GRAPH)
    cotangents = tuple(zeros_like(output) for output in outputs)
    for cotangent in cotangents:
        cotangent.requires_grad = True
    gradients = _gradients(outputs, points, cotangents, create_graph=True)
    if strict:
        _require_graph(gradients, _UNUSED)
    found = _gradients(gradients, cotangents, vectors, create_graph)
    product = _filled(found, outputs, strict, create_graph, "jacobian")
    return _given(outputs, single_output, create_graph), _given(product, single_output, create_graph)


@enable_grad
def jacobian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: Strategy = "reverse-mode",
) -> Any:
    """Returns the Jacobian of ``func`` at ``inputs``, of shape ``output.shape + input.shape``.

    ``strategy="forward-mode"`` takes a walk for each element of the inputs (see ``jvp``), which is quicker where there
    are fewer of them. It goes with neither ``create_graph`` (NotImplementedError) nor ``strict`` (RuntimeError), and
    another strategy is a ValueError.

    It is a Tensor for one input and one output, a tuple of them for a tuple of either, and a tuple (by output) of
    tuples (by input) for tuples of both. It takes a walk back through the graph for each element of the outputs;
    ``vectorize`` is accepted and changes nothing. ``create_graph`` makes the Jacobian differentiable.

    Raises TypeError for inputs or outputs that are no Tensors; RuntimeError for an output of complex numbers, of which
    `gradcu.view_as_real` gives the parts ("forward-mode" differentiates those too, along the real axis); and, under
    ``strict``, RuntimeError for an output that does not depend on an input; else that gives zeros.

    >>> import gradcu
    >>> gradcu.autograd.functional.jacobian(lambda x: x * x, gradcu.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    return _by(strategy, "strategy")(func, inputs, create_graph, strict, vectorize, "jacobian")


@enable_grad
def hessian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: Strategy = "reverse-mode",
) -> Any:
    """Returns the Hessian at ``inputs`` of ``func``, whose output is one element.

    It has the shape ``input.shape + input.shape`` for one input; for a tuple of inputs it is a tuple of tuples, the
    Tensor at ``[i][j]`` of shape ``inputs[i].shape + inputs[j].shape``. Options are those of ``jacobian``;
    ``outer_jacobian_strategy`` is that of the second derivative.

    Raises TypeError for inputs or an output that are no Tensors, RuntimeError for an output of more elements and, under
    ``strict``, where the first derivative does not depend on an input.

    >>> import gradcu
    >>> gradcu.autograd.functional.hessian(lambda x: (x * x * x).sum(), gradcu.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def gradient(*points: Tensor) -> Any:
        def scalar(*arguments: Tensor) -> Tensor:
            return reshape(_one_element(func(*arguments), strict, "hessian"), ())

        arguments = points[0] if isinstance(inputs, Tensor) else points
        found = _jacobian(scalar, arguments, True, False, vectorize, "hessian")
        if strict:
            _require_graph(found if isinstance(found, tuple) else (found,), _LINEAR)
        return found

    outer = _by(outer_jacobian_strategy, "outer_jacobian_strategy")
    return outer(gradient, inputs, create_graph, strict, vectorize, "hessian")


@enable_grad
def vhp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns ``func(*inputs)``, and the product of ``v`` with the Hessian of ``func`` at ``inputs``.

    The output of ``func`` is one element; ``v`` and the product have the shapes of the inputs, and ``v`` may be left
    out for an input of one element. Options and errors are those of ``vjp`` and ``hessian``.

    >>> import gradcu
    >>> gradcu.autograd.functional.vhp(lambda x: (x * x * x).sum(), gradcu.tensor([1.0, 2.0]), gradcu.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product(func, inputs, v, create_graph, strict, "vhp")


@enable_grad
def hvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns ``func(*inputs)``, and the product of the Hessian of ``func`` at ``inputs`` with ``v``.

    The Hessian of a function whose second derivatives are continuous is symmetric, so this is ``vhp``.

    >>> import gradcu
    >>> gradcu.autograd.functional.hvp(lambda x: (x * x * x).sum(), gradcu.tensor([1.0, 2.0]), gradcu.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product(func, inputs, v, create_graph, strict, "hvp")


def _jacobian(
    func: Callable[..., Any], inputs: Tensors, create_graph: bool, strict: bool, vectorize: bool, name: str
) -> Any:
    if strict and vectorize:
        raise RuntimeError(
            "gradcu.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. "
            "Please either set `strict=False` or `vectorize=False`."
        )
    single, points = _points(inputs, name, create_graph)
    single_output, outputs = _as_tuple(func(*points), _OUTPUTS, name)
    if strict:
        _require_graph(outputs, _NO_GRAPH)
    rows = tuple(
        _given(_derivatives(number, output, points, create_graph, strict), single, create_graph)
        for number, output in enumerate(outputs)
    )
    return rows[0] if single_output else rows


def _by(strategy: str, name: str) -> Callable[..., Any]:
    """What computes Jacobians so."""
    if strategy not in ("forward-mode", "reverse-mode"):
        raise ValueError(f'Expected {name} to be either "forward-mode" or "reverse-mode", not {strategy!r}.')
    return _jacobian if strategy == "reverse-mode" else _jacobian_by_columns


def _jacobian_by_columns(
    func: Callable[..., Any], inputs: Tensors, create_graph: bool, strict: bool, vectorize: bool, name: str
) -> Any:
    """`_jacobian`, by the product with each unit vector of the inputs: see `jvp`."""
    if create_graph:
        raise NotImplementedError('`create_graph=True` and "forward-mode" are not supported together')
    if strict:
        raise RuntimeError('`strict=True` and "forward-mode" are not supported together: set `strict=False`')
    single, points = _points(inputs, name, create_graph)
    single_output, outputs = _as_tuple(func(*points), _OUTPUTS, name)
    cotangents = tuple(zeros_like(output) for output in outputs)
    for cotangent in cotangents:
        cotangent.requires_grad = True
    gradients = _gradients(outputs, points, cotangents, create_graph=True)
    rows: list[list[Tensor]] = [[] for _ in outputs]
    for point, gradient in zip(points, gradients, strict=True):
        columns: list[list[Any]] = [[] for _ in outputs]
        for element in range(point._array.size):
            found = _gradients((gradient,), cotangents, (unit_like(point, element),), False, keep=True)
            for column, product in zip(columns, _filled(found, outputs, False, False, name), strict=True):
                column.append(product._memory())
        for row, column, output in zip(rows, columns, outputs, strict=True):
            row.append(_beside(column, output, point))
    given = tuple(_given(row, single, False) for row in rows)
    return given[0] if single_output else given


def _beside(columns: list[Any], output: Tensor, point: Tensor) -> Tensor:
    """The derivatives of an output by each element of a point, as one Jacobian."""
    whole = (*output._array.shape, *point._array.shape)
    place = output.device
    with place.context:
        joined = place.xp.stack(columns, axis=-1) if columns else place.xp.zeros(whole, output._array.dtype)
    return Tensor._wrap(joined.reshape(whole))


def _derivatives(
    number: int, output: Tensor, points: tuple[Tensor, ...], create_graph: bool, strict: bool
) -> list[Tensor]:
    """The Jacobians of output ``number`` by each of the points."""
    array = output._array
    if array.dtype.kind == "c":
        raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got gradcu.{array.dtype}")
    found: list[list[Any]] = [[] for _ in points]
    for element in range(array.size):
        gradients = _gradients((output,), points, (unit_like(output, element),), create_graph, keep=True)
        if strict:
            _require_all(gradients, f"Output {number} of the user-provided function is independent of input {{}}. This "
                                    "is not allowed in strict mode.")  # fmt: skip
        for column, gradient in zip(found, _filled(gradients, points, strict, create_graph, "jacobian"), strict=True):
            column.append(gradient if create_graph else gradient._array)
    return [_joined(column, array.shape, point, create_graph) for column, point in zip(found, points, strict=True)]


def _joined(column: list[Any], shape: tuple[int, ...], point: Tensor, create_graph: bool) -> Tensor:
    """The derivatives of all elements of an output by a point, as one Jacobian."""
    whole = (*shape, *point._array.shape)
    if create_graph and column:
        return reshape(stack(column), whole)
    place = point.device
    with place.context:
        joined = place.xp.stack(column) if column else place.xp.zeros(whole, point._array.dtype)
    return Tensor._wrap(joined.reshape(whole))


def _hessian_product(
    func: Callable[..., Any], inputs: Tensors, v: Tensors | None, create_graph: bool, strict: bool, name: str
) -> tuple[Any, Any]:
    single, points = _points(inputs, name, create_graph)
    vectors = _vectors(v, points, single, name, "input to the user-provided function is")
    output = _one_element(func(*points), strict, name)
    gradients = _gradients((output,), points, None, create_graph=True)
    if strict:
        _require_graph(gradients, _LINEAR)
    found = _gradients(gradients, points, vectors, create_graph)
    product = _filled(found, points, strict, create_graph, "hessian")
    return _given((output,), True, create_graph), _given(product, single, create_graph)


def _one_element(output: Any, strict: bool, name: str) -> Tensor:
    single, outputs = _as_tuple(output, _OUTPUTS, name)
    if strict:
        _require_graph(outputs, _NO_GRAPH)
    if not single:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outputs[0]._array.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    return outputs[0]


def _as_tuple(value: Any, what: str, name: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether ``value`` is a single Tensor, and the Tensors of it."""
    if isinstance(value, Tensor):
        return True, (value,)
    expected = f"The {what} given to {name} must be either a Tensor or a tuple of Tensors"
    if not isinstance(value, tuple):
        raise TypeError(f"{expected} but the given {what} has type {type(value)}.")
    for position, element in enumerate(value):
        if not isinstance(element, Tensor):
            raise TypeError(f"{expected} but the value at index {position} has type {type(element)}.")
    return False, value


def _points(inputs: Any, name: str, create_graph: bool) -> tuple[bool, tuple[Tensor, ...]]:
    """The inputs as Tensors to differentiate by: connected to the caller's graph only under ``create_graph``."""
    single, tensors = _as_tuple(inputs, "inputs", name)
    return single, tuple(_point(tensor, create_graph) for tensor in tensors)


def _point(tensor: Tensor, create_graph: bool) -> Tensor:
    if create_graph and tensor.requires_grad:
        return reshape(tensor, tensor._array.shape)
    point = _detached(tensor)
    point.requires_grad = True
    return point


def _vectors(v: Any, references: tuple[Tensor, ...], single: bool, name: str, needed: str) -> tuple[Tensor, ...] | None:
    if v is None:
        if not single or references[0]._array.size != 1:
            raise RuntimeError(f"The vector v can only be None if the {needed} a single Tensor with a single element.")
        return None
    single_v, vectors = _as_tuple(v, "v", name)
    if single and not single_v:
        raise RuntimeError("The given v should contain a single Tensor.")
    if len(vectors) != len(references):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(references)} but got {len(vectors)}.")
    for position, (vector, reference) in enumerate(zip(vectors, references, strict=True)):
        if vector.shape != reference.shape:
            entry = "" if single else f"Entry {position} in "
            raise RuntimeError(f"{entry}v has invalid size: should be {reference.shape} but got {vector.shape}.")
    return vectors


def _gradients(
    outputs: _Gradients,
    inputs: tuple[Tensor, ...],
    vectors: tuple[Tensor, ...] | None,
    create_graph: bool,
    keep: bool = False,
) -> _Gradients:
    """What ``grad`` gives, with None for whatever the outputs do not depend on."""
    pairs = [
        (output, vector)
        for output, vector in zip(outputs, vectors or [None] * len(outputs), strict=True)
        if output is not None and output.requires_grad
    ]
    if not pairs:
        return [None] * len(inputs)
    return grad(
        [output for output, _ in pairs],
        inputs,
        [vector for _, vector in pairs],
        retain_graph=keep or create_graph,
        create_graph=create_graph,
        allow_unused=True,
    )


def _require_graph(tensors: _Gradients, message: str) -> None:
    _require_all(tensors, _UNUSED)
    for position, tensor in enumerate(tensors):
        if tensor is not None and not tensor.requires_grad:
            raise RuntimeError(message.format(position))


def _require_all(gradients: _Gradients, message: str) -> None:
    for position, gradient in enumerate(gradients):
        if gradient is None:
            raise RuntimeError(message.format(position))


def _filled(
    gradients: _Gradients, references: tuple[Tensor, ...], strict: bool, create_graph: bool, what: str
) -> list[Tensor]:
    """The gradients with zeros for None; under ``strict`` that is refused, and so is a constant derivative."""
    if strict:
        _require_all(gradients, _UNUSED)
        if create_graph:
            _require_graph(gradients, _CONSTANT.format(what=what))
    return [
        zeros_like(reference) if gradient is None else gradient
        for gradient, reference in zip(gradients, references, strict=True)
    ]


def _detached(tensor: Tensor) -> Tensor:
    return Tensor._wrap(tensor._memory(), tensor._version_counter)


def _given(tensors: Sequence[Tensor], single: bool, create_graph: bool) -> Any:
    """What the caller gets: a Tensor or a tuple of them, outside the graph unless that is wanted."""
    given = tuple(tensors) if create_graph else tuple(_detached(tensor) for tensor in tensors)
    return given[0] if single else given


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

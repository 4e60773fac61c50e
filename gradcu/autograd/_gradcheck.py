"""gradcheck: derivatives compared with finite differences.

The numerical Jacobian comes from central differences, ``(f(x + eps) - f(x - eps)) / (2 eps)``, whose error is of order
eps**2 plus the rounding of f divided by eps; see https://docs.pytorch.org/docs/stable/notes/gradcheck.html.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._backward import grad
from .._device import copied
from .._tensor import Tensor
from ..ops.creation import on_device, unit_like, zeros_like
from ..ops.join import stack


class GradcheckError(RuntimeError):
    """What ``gradcheck`` and ``gradgradcheck`` raise where a derivative is wrong."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_batched_grad: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Compares the gradients of ``func`` at ``inputs`` with central finite differences of step ``eps``.

    ``func`` takes ``inputs`` (a Tensor, or a sequence of them and of anything else) and returns a Tensor or a tuple;
    the inputs that require grad, and the outputs that depend on them, are checked: true where ``|analytical -
    numerical| <= atol + rtol * |numerical|`` for every element. Walking back twice must give the same within
    ``nondet_tol``, and cotangents of zeros must give zeros; ``check_undefined_grad`` checks this also with one output's
    cotangent left out. ``check_batched_grad`` checks that ``is_grads_batched`` gives the rows that single cotangents
    give. ``fast_mode`` compares ``u @ Jacobian @ v`` for two random vectors in place of every element.
    Inputs should be float64; others are warned of, since their rounding alone exceeds the tolerances.

    Returns True, or raises GradcheckError, which names output and input and shows both Jacobians (a row for each
    element of the input, a column for each of the output); without ``raise_exception`` False is returned instead.
    Raises ValueError where no input requires grad, and AssertionError where a moved input gives outputs of another
    shape or dtype.

    >>> import gradcu
    >>> x = gradcu.tensor([0.5, 1.5], dtype=gradcu.float64, requires_grad=True)
    >>> gradcu.autograd.gradcheck(gradcu.sin, (x,))
    True
    """
    arguments = _as_tuple(inputs)
    _check_inputs(arguments)
    try:
        _check(func, arguments, eps, atol, rtol, nondet_tol, check_undefined_grad, fast_mode)
        if check_batched_grad:
            _check_batches(func, arguments)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_batched_grad: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Compares the second derivatives of ``func`` at ``inputs`` with finite differences of its first.

    That is ``gradcheck`` of the function that maps inputs and ``grad_outputs`` to the gradients of the inputs, recorded
    with ``create_graph``. Without ``grad_outputs``, numbers between -1 and 1 are taken, the same in every call. Options
    and errors are those of ``gradcheck``.

    >>> import gradcu
    >>> x = gradcu.tensor([0.5, 1.5], dtype=gradcu.float64, requires_grad=True)
    >>> gradcu.autograd.gradgradcheck(gradcu.sin, (x,))
    True
    """
    arguments = _as_tuple(inputs)
    given = None if grad_outputs is None else _as_tuple(grad_outputs)
    cotangents = _random_like(_differentiable(func(*arguments))) if given is None else given
    count = len(arguments)

    def gradients(*points: Any) -> tuple[Tensor, ...]:
        wanted = [point for point in points[:count] if _wants_gradient(point)]
        outputs = _differentiable(func(*points[:count]))
        found = grad(outputs, wanted, points[count:], create_graph=True, allow_unused=True)
        return tuple(gradient for gradient in found if gradient is not None)

    return gradcheck(
        gradients,
        (*arguments, *cotangents),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
    )


def _check(
    func: Callable[..., Any],
    arguments: tuple[Any, ...],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    check_undefined_grad: bool,
    fast_mode: bool,
) -> None:
    wanted = [position for position, argument in enumerate(arguments) if _wants_gradient(argument)]
    inputs = [arguments[position] for position in wanted]
    everything = _tensors(func(*arguments))
    numbers = [number for number, output in enumerate(everything) if output.requires_grad]
    outputs = tuple(everything[number] for number in numbers)
    if not numbers:
        _check_constant(func, arguments, wanted, eps)
        return
    if fast_mode:
        rows, columns = _directions(inputs), _directions(outputs)
        sides = [
            _along(func, arguments, position, numbers, eps, row) for position, row in zip(wanted, rows, strict=True)
        ]
        numerical = [[side @ column for side, column in zip(found, columns, strict=True)] for found in sides]
    else:
        numerical = [_numerical(func, arguments, position, numbers, eps) for position in wanted]
    for index, (number, output) in enumerate(zip(numbers, outputs, strict=True)):
        if fast_mode:
            analytical, again = (_projected(output, inputs, rows, columns[index]) for _ in range(2))
        else:
            analytical, again = _analytical(output, inputs), _analytical(output, inputs)
        for column, position in enumerate(wanted):
            expected, found = numerical[column][index], analytical[column]
            # The tolerance of a sum of elements is the sum of theirs.
            scale = np.abs(rows[column]).sum() * np.abs(columns[index]).sum() if fast_mode else 1.0
            if not np.allclose(found, expected, rtol=rtol, atol=atol * scale):
                raise GradcheckError(
                    f"Jacobian mismatch for output {number} with respect to input {position},\n"
                    f"numerical:{Tensor._wrap(expected)!r}\nanalytical:{Tensor._wrap(found)!r}\n"
                )
            if not np.allclose(found, again[column], rtol=0.0, atol=nondet_tol * scale):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    "gives different values, although analytical gradient matches numerical gradient.The tolerance for "
                    f"nondeterminism was {nondet_tol}."
                )
    if not _gives_zeros(outputs, inputs):
        raise GradcheckError("backward not multiplied by grad_output")
    if check_undefined_grad and len(outputs) > 1:
        for left_out in range(len(outputs)):
            if not _gives_zeros(outputs[:left_out] + outputs[left_out + 1 :], inputs):
                raise GradcheckError(
                    "Expected all input grads to be undefined or zero when all output grads are undefined or zero."
                )


def _check_inputs(arguments: tuple[Any, ...]) -> None:
    if not any(_wants_gradient(argument) for argument in arguments):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for position, argument in enumerate(arguments):
        if not _wants_gradient(argument):
            continue
        if argument.dtype.kind == "c":
            raise ValueError(f"gradcheck supports real inputs only, but input #{position} is {argument.dtype}")
        if argument.dtype != np.float64:
            warnings.warn(
                f"Input #{position} requires gradient and is not a double precision floating point or complex. This "
                "check will likely fail if all the inputs are not of double precision floating point or complex.",
                UserWarning,
                stacklevel=3,
            )


def _numerical(
    func: Callable[..., Any], arguments: tuple[Any, ...], position: int, numbers: list[int], eps: float
) -> list[Any]:
    """The Jacobian of each output in ``numbers`` by one argument, of shape (elements of it, elements of the output)."""
    size = arguments[position]._array.size
    rows: list[list[Any]] = [[] for _ in numbers]
    for element in range(size):
        place = np.unravel_index(element, arguments[position]._array.shape)
        for row, derivative in zip(rows, _differences(func, arguments, position, numbers, place, eps), strict=True):
            row.append(derivative)
    if size:
        return [np.stack(row) for row in rows]
    counts = [output._array.size for output in _tensors(func(*arguments))]
    return [np.zeros((0, counts[number])) for number in numbers]


def _differences(
    func: Callable[..., Any], arguments: tuple[Any, ...], position: int, numbers: list[int], place: Any, step: Any
) -> list[Any]:
    """The central difference of each output in ``numbers`` for a ``step`` of one argument at ``place``, flattened.

    It is divided by the step where that is a number, and by that of a unit vector where it is an array.
    """
    above = _moved(func, arguments, position, place, step)
    below = _moved(func, arguments, position, place, -step)
    length = step if isinstance(step, float) else float((step * step).sum()) ** 0.5
    found = []
    for number in numbers:
        for what in ("shape", "dtype"):
            one, other = getattr(above[number], what), getattr(below[number], what)
            if one != other:
                raise AssertionError(
                    f"Expected `func` to return outputs with the same {what} when inputs are perturbed by {length:g}, "
                    f"but got: {what}s {one} and {other}."
                )
        with np.errstate(all="ignore"):
            found.append((above[number] - below[number]).ravel() / (2 * length))
    return found


def _moved(func: Callable[..., Any], arguments: tuple[Any, ...], position: int, place: Any, step: Any) -> list[Any]:
    """The outputs, as NumPy arrays, after one argument was moved by ``step`` at ``place``."""
    # Each call gets its own copies, so that a function that changes its arguments doesn't spoil the next one.
    copies = [_copied(argument) for argument in arguments]
    memory = copies[position]._array
    with copies[position].device.context:
        memory[place] += step
    return [_on_cpu(output) for output in _tensors(func(*copies))]


def _directions(tensors: Sequence[Tensor]) -> list[Any]:
    """A random vector of length 1 for each Tensor, flat, the same in every call; positive, so that nothing cancels."""
    rng = np.random.default_rng(0)
    vectors = [rng.uniform(0.5, 1.0, tensor._array.size) for tensor in tensors]
    return [vector / max(float(np.linalg.norm(vector)), 1e-300) for vector in vectors]


def _along(
    func: Callable[..., Any], arguments: tuple[Any, ...], position: int, numbers: list[int], eps: float, vector: Any
) -> list[Any]:
    """The derivative of each output in ``numbers`` along a vector of length 1 in the space of one argument, flat."""
    if not vector.size:
        return [np.zeros(output._array.size) for output in _tensors(func(*arguments))]
    place = arguments[position].device
    with place.context:
        step = place.xp.asarray(eps * vector.reshape(arguments[position].shape))
    return _differences(func, arguments, position, numbers, ..., step)


def _projected(output: Tensor, inputs: Sequence[Tensor], rows: Sequence[Any], column: Any) -> list[Any]:
    """The product of each Jacobian of an output with two vectors."""
    cotangent = Tensor._wrap(on_device(column.reshape(output.shape).astype(output.dtype), output.device, copy=False))
    found = grad(output, inputs, cotangent, retain_graph=True, allow_unused=True)
    return [
        np.float64(0.0) if gradient is None else row @ _on_cpu(gradient).ravel()
        for row, gradient in zip(rows, found, strict=True)
    ]


def _check_batches(func: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Compares two rows of cotangents at once with each row alone."""
    inputs = [argument for argument in arguments if _wants_gradient(argument)]
    for number, output in enumerate(_differentiable(func(*arguments))):
        rows = _random_like((stack((output, output)).detach(),))[0].detach()
        found = grad(output, inputs, rows, True, allow_unused=True, is_grads_batched=True)
        for row in range(2):
            alone = grad(output, inputs, rows[row], True, allow_unused=True)
            for position, (one, other) in enumerate(zip(found, alone, strict=True)):
                if (one is None) != (other is None) or (
                    one is not None and not np.allclose(_on_cpu(one[row]), _on_cpu(other))
                ):
                    raise GradcheckError(
                        f"gradcheck or gradgradcheck failed while testing batched gradient computation for output "
                        f"{number} with respect to input {position}."
                    )


def _copied(argument: Any) -> Any:
    if not isinstance(argument, Tensor):
        return argument
    copy = Tensor._wrap(copied(argument._memory()))
    copy.requires_grad = argument.requires_grad
    return copy


def _analytical(output: Tensor, inputs: Sequence[Tensor]) -> list[Any]:
    """The Jacobian of an output by each input, by one walk back for each element of the output."""
    size = output._array.size
    jacobians = [np.zeros((tensor._array.size, size), tensor._array.dtype) for tensor in inputs]
    for element in range(size):
        found = grad(output, inputs, unit_like(output, element), retain_graph=True, allow_unused=True)
        for jacobian, gradient in zip(jacobians, found, strict=True):
            if gradient is not None:
                jacobian[:, element] = _on_cpu(gradient).ravel()
    return jacobians


def _check_constant(func: Callable[..., Any], arguments: tuple[Any, ...], wanted: list[int], eps: float) -> None:
    """Checks a function that has no graph at all: it must not depend on the inputs."""
    numbers = [number for number, output in enumerate(_tensors(func(*arguments))) if output.dtype.kind == "f"]
    for position in wanted:
        for jacobian in _numerical(func, arguments, position, numbers, eps):
            if np.any(jacobian != 0):
                raise GradcheckError("Numerical gradient for function expected to be zero")


def _gives_zeros(outputs: tuple[Tensor, ...], inputs: Sequence[Tensor]) -> bool:
    """Whether cotangents of zeros for these outputs, and none for others, give gradients of zeros, or none."""
    zeros = [zeros_like(output) for output in outputs]
    found = grad(outputs, inputs, zeros, retain_graph=True, allow_unused=True)
    return not any(gradient is not None and np.any(_on_cpu(gradient) != 0) for gradient in found)


def _random_like(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    rng = np.random.default_rng(0)
    out: list[Tensor] = []
    for tensor in tensors:
        values = rng.uniform(-1.0, 1.0, tensor._array.shape).astype(tensor._array.dtype)
        cotangent = Tensor._wrap(on_device(values, tensor.device, copy=False))
        cotangent.requires_grad = True
        out.append(cotangent)
    return tuple(out)


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _tensors(outputs: Any) -> tuple[Tensor, ...]:
    return tuple(output for output in _as_tuple(outputs) if isinstance(output, Tensor))


def _differentiable(outputs: Any) -> tuple[Tensor, ...]:
    return tuple(output for output in _tensors(outputs) if output.requires_grad)


def _wants_gradient(argument: Any) -> bool:
    return isinstance(argument, Tensor) and argument.requires_grad


def _on_cpu(tensor: Tensor) -> Any:
    array = tensor._memory()
    return array if isinstance(array, np.ndarray) else array.get()


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

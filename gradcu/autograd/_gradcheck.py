"""gradcheck: derivatives compared with finite differences.

The numerical Jacobian comes from central differences, ``(f(x + eps) - f(x - eps)) / (2 eps)``, whose error is of order
eps**2 plus the rounding of f divided by eps; see https://docs.pytorch.org/docs/stable/notes/gradcheck.html. A complex
input moves in two directions, x and y of x + iy, and the parts of a complex output are checked one after the other: by
z each has the gradient d/dx + i d/dy.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .._backward import grad
from .._device import copied
from .._tensor import Tensor
from ..ops.creation import on_device, unit_like, zeros_like


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
) -> bool:
    """Compares the gradients of ``func`` at ``inputs`` with central finite differences of step ``eps``.

    ``func`` takes ``inputs`` (a Tensor, or a sequence of them and of anything else) and returns a Tensor or a tuple;
    the inputs that require grad, and the outputs that depend on them, are checked: true where ``|analytical -
    numerical| <= atol + rtol * |numerical|`` for every element. Walking back twice must give the same within
    ``nondet_tol``, and cotangents of zeros must give zeros; ``check_undefined_grad`` checks this also with one output's
    cotangent left out.
    The real and the imaginary part of a complex output are checked as two outputs, by both parts of a complex input.
    Inputs should be float64 or complex128; others are warned of, since their rounding alone exceeds the tolerances.

    Returns True, or raises GradcheckError, which names output and input and shows both Jacobians (a row for each
    element of the input, a column for each of the output); without ``raise_exception`` False is returned instead.
    Raises ValueError where no input requires grad.

    >>> import gradcu
    >>> x = gradcu.tensor([0.5, 1.5], dtype=gradcu.float64, requires_grad=True)
    >>> gradcu.autograd.gradcheck(gradcu.sin, (x,))
    True
    """
    arguments = _as_tuple(inputs)
    _check_inputs(arguments)
    try:
        _check(func, arguments, eps, atol, rtol, nondet_tol, check_undefined_grad)
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
    )


def _check(
    func: Callable[..., Any],
    arguments: tuple[Any, ...],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    check_undefined_grad: bool,
) -> None:
    wanted = [position for position, argument in enumerate(arguments) if _wants_gradient(argument)]
    inputs = [arguments[position] for position in wanted]
    everything = _tensors(func(*arguments))
    numbers = [number for number, output in enumerate(everything) if output.requires_grad]
    outputs = tuple(everything[number] for number in numbers)
    if not numbers:
        _check_constant(func, arguments, wanted, eps)
        return
    numerical = [_numerical(func, arguments, position, numbers, eps) for position in wanted]
    for index, (number, output) in enumerate(zip(numbers, outputs, strict=True)):
        for part, cotangent in enumerate(_cotangents(output)):
            analytical = _analytical(output, inputs, cotangent)
            again = _analytical(output, inputs, cotangent)
            for column, position in enumerate(wanted):
                expected, found = numerical[column][index][part], analytical[column]
                if not np.allclose(found, expected, rtol=rtol, atol=atol):
                    raise GradcheckError(
                        f"{_considering(output, part)}Jacobian mismatch for output {number} with respect to input "
                        f"{position},\nnumerical:{Tensor._wrap(expected)!r}\nanalytical:{Tensor._wrap(found)!r}\n"
                    )
                if not np.allclose(found, again[column], rtol=0.0, atol=nondet_tol):
                    raise GradcheckError(
                        "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
                        "times gives different values, although analytical gradient matches numerical gradient.The "
                        f"tolerance for nondeterminism was {nondet_tol}."
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
        if argument.dtype not in (np.float64, np.complex128):
            warnings.warn(
                f"Input #{position} requires gradient and is not a double precision floating point or complex. This "
                "check will likely fail if all the inputs are not of double precision floating point or complex.",
                UserWarning,
                stacklevel=3,
            )


def _cotangents(output: Tensor) -> tuple[complex, ...]:
    """What makes a gradient that of an output, or that of the imaginary and then of the real part of a complex one."""
    return (1j, 1) if output.dtype.kind == "c" else (1,)


def _considering(output: Tensor, part: int) -> str:
    if output.dtype.kind != "c":
        return ""
    return f"While considering the {('imaginary', 'real')[part]} part of complex outputs only, "


def _numerical(
    func: Callable[..., Any], arguments: tuple[Any, ...], position: int, numbers: list[int], eps: float
) -> list[tuple[Any, ...]]:
    """The Jacobians of each output in ``numbers`` by one argument, of shape (elements of it, elements of the output).

    A real output has one, a complex one those of its parts.
    """
    outputs = _tensors(func(*arguments))
    rows: list[list[Any]] = [[] for _ in numbers]
    for element in range(arguments[position]._array.size):
        slopes = _slopes(func, arguments, position, element, eps)
        if arguments[position].dtype.kind == "c":
            turned = _slopes(func, arguments, position, element, eps * 1j)
        else:
            turned = [np.zeros(()) for _ in slopes]
        for row, number in zip(rows, numbers, strict=True):
            row.append(tuple(_combined(slopes[number], turned[number], outputs[number], arguments[position])))
    return [
        tuple(np.stack(part) for part in zip(*row, strict=True))
        if row
        else tuple(np.zeros((0, outputs[number]._array.size)) for _ in _cotangents(outputs[number]))
        for row, number in zip(rows, numbers, strict=True)
    ]


def _combined(slope: Any, turned: Any, output: Tensor, argument: Tensor) -> Iterator[Any]:
    """The gradients of an output's parts by one element of an argument: d/dx, and d/dx + i d/dy of a complex one."""
    for part in (np.imag, np.real) if output.dtype.kind == "c" else (np.real,):
        yield part(slope) + 1j * part(turned) if argument.dtype.kind == "c" else part(slope)


def _slopes(
    func: Callable[..., Any], arguments: tuple[Any, ...], position: int, element: int, step: complex
) -> list[Any]:
    """How fast each output changes while one element of one argument goes in the direction of ``step``."""
    above = _moved(func, arguments, position, element, step)
    below = _moved(func, arguments, position, element, -step)
    with np.errstate(all="ignore"):
        return [(one - other).ravel() / (2 * abs(step)) for one, other in zip(above, below, strict=True)]


def _moved(
    func: Callable[..., Any], arguments: tuple[Any, ...], position: int, element: int, step: complex
) -> list[Any]:
    """The outputs, as NumPy arrays, after one element of one argument was moved by ``step``."""
    # Each call gets its own copies, so that a function that changes its arguments doesn't spoil the next one.
    copies = [_copied(argument) for argument in arguments]
    memory = copies[position]._array
    place = np.unravel_index(element, memory.shape)
    with copies[position].device.context:
        memory[place] += step
    return [_on_cpu(output) for output in _tensors(func(*copies))]


def _copied(argument: Any) -> Any:
    if not isinstance(argument, Tensor):
        return argument
    copy = Tensor._wrap(copied(argument._memory()))
    copy.requires_grad = argument.requires_grad
    return copy


def _analytical(output: Tensor, inputs: Sequence[Tensor], cotangent: complex) -> list[Any]:
    """The Jacobian of an output, or of a part of it, by each input: one walk back for each element of the output."""
    size = output._array.size
    jacobians = [np.zeros((tensor._array.size, size), tensor._array.dtype) for tensor in inputs]
    for element in range(size):
        unit = unit_like(output, element) * cotangent
        found = grad(output, inputs, unit, retain_graph=True, allow_unused=True)
        for jacobian, gradient in zip(jacobians, found, strict=True):
            if gradient is not None:
                jacobian[:, element] = _on_cpu(gradient).ravel()
    return jacobians


def _check_constant(func: Callable[..., Any], arguments: tuple[Any, ...], wanted: list[int], eps: float) -> None:
    """Checks a function that has no graph at all: it must not depend on the inputs."""
    numbers = [number for number, output in enumerate(_tensors(func(*arguments))) if output.dtype.kind in "fc"]
    for position in wanted:
        for jacobians in _numerical(func, arguments, position, numbers, eps):
            if any(np.any(jacobian != 0) for jacobian in jacobians):
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
        values = rng.uniform(-1.0, 1.0, tensor._array.shape)
        if tensor.dtype.kind == "c":
            values = values + 1j * rng.uniform(-1.0, 1.0, tensor._array.shape)
        values = values.astype(tensor._array.dtype)
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

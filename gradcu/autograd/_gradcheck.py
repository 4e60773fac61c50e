"""gradcheck: derivatives compared with finite differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._backward import grad
from .._tensor import Tensor
from ..ops.creation import on_device, unit_like, zeros_like
from ..ops.join import stack
from ._finite_differences import as_tuple, derivatives_along, jacobians, on_cpu, tensors_of


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
    give. ``fast_mode`` compares ``u @ Jacobian @ v`` for two random vectors in place of every element, where all inputs
    and outputs are real. The real and the imaginary part of a complex output are checked as two outputs, by both parts
    of a complex input. Inputs should be float64 or complex128; others are warned of, since their rounding alone exceeds
    the tolerances.

    Returns True, or raises GradcheckError, which names output and input and shows both Jacobians (a row for each
    element of the input, a column for each of the output); without ``raise_exception`` False is returned instead.
    Raises ValueError where no input requires grad, and AssertionError where a moved input gives outputs of another
    shape or dtype.

    >>> import gradcu
    >>> x = gradcu.tensor([0.5, 1.5], dtype=gradcu.float64, requires_grad=True)
    >>> gradcu.autograd.gradcheck(gradcu.sin, (x,))
    True
    """
    arguments = as_tuple(inputs)
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
    arguments = as_tuple(inputs)
    given = None if grad_outputs is None else as_tuple(grad_outputs)
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
    everything = tensors_of(func(*arguments))
    numbers = [number for number, output in enumerate(everything) if output.requires_grad]
    outputs = tuple(everything[number] for number in numbers)
    if not numbers:
        _check_constant(func, arguments, wanted, eps)
        return
    real = not any(tensor.dtype.kind == "c" for tensor in (*inputs, *outputs))
    compared = _along_vectors if fast_mode and real else _element_by_element
    for side in compared(func, arguments, wanted, numbers, outputs, eps):
        if not np.allclose(side.found, side.expected, rtol=rtol, atol=atol * side.scale):
            raise GradcheckError(
                f"{side.considering}Jacobian mismatch for output {side.output} with respect to input {side.input},\n"
                f"numerical:{Tensor._wrap(side.expected)!r}\nanalytical:{Tensor._wrap(side.found)!r}\n"
            )
        if not np.allclose(side.found, side.again, rtol=0.0, atol=nondet_tol * side.scale):
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
        if argument.dtype not in (np.float64, np.complex128):
            warnings.warn(
                f"Input #{position} requires gradient and is not a double precision floating point or complex. This "
                "check will likely fail if all the inputs are not of double precision floating point or complex.",
                UserWarning,
                stacklevel=3,
            )


@dataclass(frozen=True, slots=True)
class _Sides:
    """What is compared of one output, or of a part of it, by one input, and what was found the second time."""

    output: int
    input: int
    expected: Any
    found: Any
    again: Any
    considering: str = ""
    scale: float = 1.0


def _element_by_element(
    func: Callable[..., Any], arguments: tuple[Any, ...], wanted: list[int], numbers: list[int],
    outputs: tuple[Tensor, ...], eps: float,
) -> Iterator[_Sides]:  # fmt: skip
    inputs = [arguments[position] for position in wanted]
    numerical = [jacobians(func, arguments, position, numbers, eps) for position in wanted]
    for index, (number, output) in enumerate(zip(numbers, outputs, strict=True)):
        for part, (cotangent, considering) in enumerate(_parts(output)):
            found, again = _analytical(output, inputs, cotangent), _analytical(output, inputs, cotangent)
            for column, position in enumerate(wanted):
                expected = numerical[column][index][part]
                yield _Sides(number, position, expected, found[column], again[column], considering)


def _along_vectors(
    func: Callable[..., Any], arguments: tuple[Any, ...], wanted: list[int], numbers: list[int],
    outputs: tuple[Tensor, ...], eps: float,
) -> Iterator[_Sides]:  # fmt: skip
    inputs = [arguments[position] for position in wanted]
    rows, columns = _directions(inputs), _directions(outputs)
    slopes = [
        derivatives_along(func, arguments, position, numbers, eps, row)
        for position, row in zip(wanted, rows, strict=True)
    ]
    for index, (number, output) in enumerate(zip(numbers, outputs, strict=True)):
        found, again = (_projected(output, inputs, rows, columns[index]) for _ in range(2))
        for column, position in enumerate(wanted):
            expected = slopes[column][index] @ columns[index]
            # The tolerance of a sum of elements is the sum of theirs.
            scale = float(np.abs(rows[column]).sum() * np.abs(columns[index]).sum())
            yield _Sides(number, position, expected, found[column], again[column], scale=scale)


def _parts(output: Tensor) -> tuple[tuple[complex, str], ...]:
    """The cotangents of an output, or of the imaginary and then of the real part of a complex one, and their names."""
    if output.dtype.kind != "c":
        return ((1, ""),)
    considering = "While considering the {} part of complex outputs only, "
    return (1j, considering.format("imaginary")), (1, considering.format("real"))


def _directions(tensors: Sequence[Tensor]) -> list[Any]:
    """A random vector of length 1 for each Tensor, flat, the same in every call; positive, so that nothing cancels."""
    rng = np.random.default_rng(0)
    vectors = [rng.uniform(0.5, 1.0, tensor._array.size) for tensor in tensors]
    return [vector / max(float(np.linalg.norm(vector)), 1e-300) for vector in vectors]


def _projected(output: Tensor, inputs: Sequence[Tensor], rows: Sequence[Any], column: Any) -> list[Any]:
    """The product of each Jacobian of an output with two vectors."""
    cotangent = Tensor._wrap(on_device(column.reshape(output.shape).astype(output.dtype), output.device, copy=False))
    found = grad(output, inputs, cotangent, retain_graph=True, allow_unused=True)
    return [
        np.float64(0.0) if gradient is None else row @ on_cpu(gradient).ravel()
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
                    one is not None and not np.allclose(on_cpu(one[row]), on_cpu(other))
                ):
                    raise GradcheckError(
                        f"gradcheck or gradgradcheck failed while testing batched gradient computation for output "
                        f"{number} with respect to input {position}."
                    )


def _analytical(output: Tensor, inputs: Sequence[Tensor], cotangent: complex) -> list[Any]:
    """The Jacobian of an output, or of a part of it, by each input: one walk back for each element of the output."""
    size = output._array.size
    found_by_input = [np.zeros((tensor._array.size, size), tensor._array.dtype) for tensor in inputs]
    for element in range(size):
        unit = unit_like(output, element) * cotangent
        found = grad(output, inputs, unit, retain_graph=True, allow_unused=True)
        for jacobian, gradient in zip(found_by_input, found, strict=True):
            if gradient is not None:
                jacobian[:, element] = on_cpu(gradient).ravel()
    return found_by_input


def _check_constant(func: Callable[..., Any], arguments: tuple[Any, ...], wanted: list[int], eps: float) -> None:
    """Checks a function that has no graph at all: it must not depend on the inputs."""
    numbers = [number for number, output in enumerate(tensors_of(func(*arguments))) if output.dtype.kind in "fc"]
    for position in wanted:
        for parts in jacobians(func, arguments, position, numbers, eps):
            if any(np.any(part != 0) for part in parts):
                raise GradcheckError("Numerical gradient for function expected to be zero")


def _gives_zeros(outputs: tuple[Tensor, ...], inputs: Sequence[Tensor]) -> bool:
    """Whether cotangents of zeros for these outputs, and none for others, give gradients of zeros, or none."""
    zeros = [zeros_like(output) for output in outputs]
    found = grad(outputs, inputs, zeros, retain_graph=True, allow_unused=True)
    return not any(gradient is not None and np.any(on_cpu(gradient) != 0) for gradient in found)


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


def _differentiable(outputs: Any) -> tuple[Tensor, ...]:
    return tuple(output for output in tensors_of(outputs) if output.requires_grad)


def _wants_gradient(argument: Any) -> bool:
    return isinstance(argument, Tensor) and argument.requires_grad


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

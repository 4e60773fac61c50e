"""Complex numbers: their parts as views, what makes them of real ones, and conjugates.

The gradient of a real L by z = x + iy is dL/dx + i dL/dy, as in PyTorch. So the two parts of a gradient are the
gradients of the two parts, and the views of one kind of numbers as the other are each other's rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._calls import argument_error
from .._define import function, structured
from .._dtype import scalar_name
from .._tensor import Tensor
from ._arguments import require_tensor
from .arrange import transpose
from .compare import eq
from .creation import ones_like
from .trigonometry import cos, sin

_COMPLEX_OF = {np.dtype("float32"): np.dtype("complex64"), np.dtype("float64"): np.dtype("complex128")}


def _check_complex(x: Any) -> tuple[()]:
    if x.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return ()


@structured(view=True, method=False, holomorphic=False, prepare=_check_complex, dx=lambda g: _of_pairs(g))
def view_as_real(xp: Any, x: Any) -> Any:
    """The same memory as real numbers: a last dimension of length 2 has the real and the imaginary parts.

    Raises RuntimeError for real Tensors.

    >>> import gradcu
    >>> gradcu.view_as_real(gradcu.tensor([1 + 2j, 3j]))
    tensor([[1., 2.],
            [0., 3.]])
    """
    return x[..., None].view(x.real.dtype)


def _check_pairs(x: Any) -> tuple[()]:
    if x.dtype not in _COMPLEX_OF:
        raise RuntimeError(
            "view_as_complex is only supported for float and double tensors, but got a tensor of scalar type: "
            + scalar_name(x.dtype)
        )
    if not x.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if x.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    *steps, last = (step // x.dtype.itemsize for step in x.strides)
    if last != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(step % 2 for step in steps):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if not isinstance(x, np.ndarray) and x.data.ptr % (2 * x.dtype.itemsize):
        # The CPU reads numbers at any address, a GPU only at multiples of their size.
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    return ()


@structured(view=True, method=False, holomorphic=False, prepare=_check_pairs, dx=lambda g: view_as_real(g))
def view_as_complex(xp: Any, x: Any) -> Any:
    """The same memory as complex numbers, of which the last dimension, of length 2, has the two parts.

    Raises RuntimeError for other dtypes than float32 and float64, for another length, and where the two parts of a
    number are not neighbours in memory.

    >>> import gradcu
    >>> gradcu.view_as_complex(gradcu.tensor([[1.0, 2.0], [0.0, 3.0]]))
    tensor([1.+2.j, 0.+3.j])
    """
    return x.view(_COMPLEX_OF[x.dtype])[..., 0]


def _of_pairs(pairs: Any) -> Any:
    """The complex numbers of a gradient by pairs of parts, which may lie in memory in any way."""
    return complex_of(pairs[..., 0], pairs[..., 1])


def real_of(x: Any) -> Any:
    """The real parts of complex numbers, as a view, for rules."""
    return view_as_real(x)[..., 0]


def imag_of(x: Any) -> Any:
    """The imaginary parts of complex numbers, as a view, for rules."""
    return view_as_real(x)[..., 1]


@function(method=False)
def real(input: Tensor) -> Tensor:
    """The real parts of ``input``, as a view; real numbers themselves.

    Of a Tensor also ``tensor.real``, which can be assigned to.

    >>> import gradcu
    >>> gradcu.real(gradcu.tensor([1 + 2j, 3j]))
    tensor([1., 0.])
    """
    require_tensor("real", input)
    return real_of(input) if input._array.dtype.kind == "c" else input


@function(method=False)
def imag(input: Tensor) -> Tensor:
    """The imaginary parts of ``input``, as a view.

    Of a Tensor also ``tensor.imag``, which can be assigned to. Raises RuntimeError for real Tensors.

    >>> import gradcu
    >>> gradcu.imag(gradcu.tensor([1 + 2j, 3j]))
    tensor([2., 3.])
    """
    require_tensor("imag", input)
    if input._array.dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return imag_of(input)


def _check_parts(function: str, names: tuple[str, str]) -> Callable[..., tuple[()]]:
    def prepare(*parts: Any) -> tuple[()]:
        for position, (name, part) in enumerate(zip(names, parts, strict=True)):
            if not hasattr(part, "dtype"):
                raise argument_error(function, name, position, part)
        _check_dtypes(*parts)
        return ()

    return prepare


def _check_dtypes(first: Any, second: Any) -> None:
    names = [scalar_name(value.dtype) for value in (first, second)]
    if not {first.dtype, second.dtype} <= _COMPLEX_OF.keys():
        raise RuntimeError(f"Expected both inputs to be Float or Double tensors but got {names[0]} and {names[1]}")
    if names[0] != names[1]:
        raise RuntimeError(
            f"Expected object of scalar type {names[0]} but got scalar type {names[1]} for second argument"
        )


@structured(
    "complex",
    method=False,
    prepare=_check_parts("complex", ("real", "imag")),
    holomorphic=False,
    dreal=lambda g: real_of(g),
    dimag=lambda g: imag_of(g),
)
def complex_of(xp: Any, real: Any, imag: Any) -> Any:
    """The complex numbers of these real and imaginary parts, broadcast: complex64 of float32, complex128 of float64.

    Raises RuntimeError for other dtypes, and for two different ones.

    >>> import gradcu
    >>> gradcu.complex(gradcu.tensor([1.0, 2.0]), gradcu.tensor([3.0, 4.0]))
    tensor([1.+3.j, 2.+4.j])
    """
    return _joined(xp, real, imag)


def _joined(xp: Any, real: Any, imag: Any) -> Any:
    out = xp.empty(np.broadcast_shapes(real.shape, imag.shape), _COMPLEX_OF[real.dtype])
    out.real, out.imag = real, imag
    return out


@structured(
    method=False,
    prepare=_check_parts("polar", ("abs", "angle")),
    dabs=lambda g, angle: g * complex_of(cos(angle), sin(angle)),
    dangle=lambda g, out: g * (out * 1j),
)
def polar(xp: Any, abs: Any, angle: Any) -> Any:
    """The complex numbers of these absolute values and angles in radians, broadcast: ``abs * exp(1j * angle)``.

    The gradient by ``abs`` is that of this formula, also where ``abs`` is 0 or below; PyTorch's has the sign of the
    result, not of ``exp(1j * angle)``. Raises RuntimeError for other dtypes than float32 and float64, and for two
    different ones.

    >>> import gradcu
    >>> gradcu.polar(gradcu.tensor([1.0, 2.0]), gradcu.tensor([0.0, 0.5]))
    tensor([1.0000+0.0000j, 1.7552+0.9589j])
    """
    return _joined(xp, abs * xp.cos(angle), abs * xp.sin(angle))


def _conjugation(name: str) -> Callable[..., Any]:
    """One of the two ops that PyTorch has: with a copy, and as a view."""

    @structured(name, holomorphic=False, public=False, dx=lambda g: conj_physical(g))
    def conjugate(xp: Any, x: Any) -> Any:
        """The complex conjugate."""
        return xp.conjugate(x)

    return conjugate


conj_physical, conj = _conjugation("conj_physical"), _conjugation("conj")


@function(name="conj_physical")
def _conj_physical(input: Tensor) -> Tensor:
    """The complex conjugate of ``input``, elementwise, in new memory; real numbers themselves.

    >>> import gradcu
    >>> gradcu.conj_physical(gradcu.tensor([1 + 2j, 3j]))
    tensor([1.-2.j, 0.-3.j])
    """
    require_tensor("conj_physical", input)
    return conj_physical(input) if input._array.dtype.kind == "c" else input


@function(name="conj")
def _conj(input: Tensor) -> Tensor:
    """The complex conjugate of ``input``, elementwise; real numbers themselves.

    The result has memory of its own. PyTorch's is a view, in which later changes of ``input`` are seen.

    >>> import gradcu
    >>> gradcu.conj(gradcu.tensor([1 + 2j, 3j]))
    tensor([1.-2.j, 0.-3.j])
    """
    require_tensor("conj", input)
    return conj(input) if input._array.dtype.kind == "c" else input


@function()
def resolve_conj(input: Tensor) -> Tensor:
    """``input`` itself: a conjugate is always computed. PyTorch's may be a view that is still to be conjugated.

    >>> import gradcu
    >>> gradcu.tensor([1 + 2j]).conj().resolve_conj()
    tensor([1.-2.j])
    """
    require_tensor("resolve_conj", input)
    return input


@function()
def is_conj(input: Tensor) -> bool:
    """Whether ``input`` is a view that is still to be conjugated, which no Tensor of gradcu is.

    >>> import gradcu
    >>> gradcu.tensor([1 + 2j]).conj().is_conj()
    False
    """
    require_tensor("is_conj", input)
    return False


@function()
def adjoint(input: Tensor) -> Tensor:
    """The conjugate of ``input``, or of each matrix of a batch, transposed; of real numbers a view.

    Raises RuntimeError for fewer than 2 dimensions.

    >>> import gradcu
    >>> gradcu.adjoint(gradcu.tensor([[1 + 2j, 3j]]))
    tensor([[1.-2.j],
            [0.-3.j]])
    """
    require_tensor("adjoint", input)
    if input._array.ndim < 2:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input._array.ndim}-D tensor."
        )
    return _conj(transpose(input, -2, -1))


@function()
def isreal(input: Tensor) -> Tensor:
    """Where the imaginary part of ``input`` is 0, elementwise: a bool Tensor.

    >>> import gradcu
    >>> gradcu.isreal(gradcu.tensor([1 + 0j, 1j]))
    tensor([ True, False])
    """
    require_tensor("isreal", input)
    if input._array.dtype.kind == "c":
        return eq(imag_of(input), 0)
    return ones_like(input, dtype=np.dtype("bool"))

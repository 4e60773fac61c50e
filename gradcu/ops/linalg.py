"""Products of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._calls import argument_error
from .._define import function, structured
from .._device import is_cupy_array
from .._dtype import scalar_name
from .._tensor import Tensor
from .arithmetic import mul
from .arrange import transpose
from .reduce import sum
from .shape import reshape

_C_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "uint16": "short unsigned int",
    "uint32": "unsigned int",
    "uint64": "long unsigned int",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "float16": "c10::Half",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}


def _require_arrays(name: str, second: str, a: Any, b: Any) -> None:
    """Refuses a Python number in the place of a Tensor."""
    for position, (operand, value) in enumerate((("input", a), (second, b))):
        if not hasattr(value, "ndim"):
            raise argument_error(name, operand, position, value)


def _refuse_bool(array: Any, kernel: str) -> None:
    if array.dtype == np.bool_ and array.size:
        raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _check_vectors(a: Any, b: Any) -> None:
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise RuntimeError(
            "dot : expected both vectors to have same dtype, but found "
            f"{scalar_name(a.dtype)} and {scalar_name(b.dtype)}"
        )
    if len(a) != len(b):
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{len(a)}] and src [{len(b)}] to have the same number of "
            f"elements, but got {len(a)} and {len(b)} elements respectively"
        )
    _refuse_bool(a, "dot")


def _check_matrix_vector(rows: int, inner: int, matrix: Any, vector: Any) -> None:
    """Refuses a product of a matrix of this size with a vector, which may be part of a larger product."""
    if inner != len(vector):
        raise RuntimeError(f"size mismatch, got input ({rows}), mat ({rows}x{inner}), vec ({len(vector)})")
    if matrix.dtype != vector.dtype:
        names = scalar_name(matrix.dtype), scalar_name(vector.dtype)
        raise RuntimeError(
            f"addmv input tensors must have the same dtype, but got {names[1]}, {names[0]}, and {names[1]}"
        )
    _refuse_bool(matrix, "addmv_impl_cpu")


def _check_matrices(shape1: tuple[int, ...], shape2: tuple[int, ...], first: Any, second: Any) -> None:
    """Refuses a product of matrices of these shapes, which may be part of a larger product."""
    if shape1[1] != shape2[0]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({_sizes(shape1)} and {_sizes(shape2)})")
    if first.dtype != second.dtype:
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{_C_NAMES[first.dtype.name]} != {_C_NAMES[second.dtype.name]}"
        )
    _refuse_bool(first, "addmm_impl_cpu_")


def _check_batches(count: int, count2: int, a: Any, b: Any) -> None:
    if count != count2 or a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{count}, {a.shape[-1]}] "
            f"but got: [{count2}, {b.shape[-2]}]."
        )
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(a.dtype)} but found {scalar_name(b.dtype)}")
    _refuse_bool(a, "bmm")


def _dot_statics(a: Any, b: Any, name: str = "dot", second: str = "tensor") -> tuple[()]:
    _require_arrays(name, second, a, b)
    _check_vectors(a, b)
    return ()


def _mv_statics(a: Any, b: Any) -> tuple[()]:
    _require_arrays("mv", "vec", a, b)
    if a.ndim != 2 or b.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {a.ndim}, {b.ndim}")
    _check_matrix_vector(a.shape[0], a.shape[1], a, b)
    return ()


def _mm_statics(a: Any, b: Any) -> tuple[()]:
    _require_arrays("mm", "mat2", a, b)
    for array, name in ((a, "self"), (b, "mat2")):
        if array.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix")
    _check_matrices(a.shape, b.shape, a, b)
    return ()


def _bmm_statics(a: Any, b: Any) -> tuple[()]:
    _require_arrays("bmm", "mat2", a, b)
    for array, name in ((a, "batch1"), (b, "batch2")):
        if array.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    _check_batches(len(a), len(b), a, b)
    return ()


@structured(prepare=_dot_statics, dinput=lambda g, tensor: g * tensor, dtensor=lambda g, input: g * input)
def dot(xp: Any, input: Any, tensor: Any) -> Any:
    """The dot product of two 1-D Tensors of one length and dtype: a 0-d Tensor.

    Raises RuntimeError for other shapes and for different dtypes.

    >>> import gradcu
    >>> gradcu.dot(gradcu.tensor([2, 3]), gradcu.tensor([2, 1]))
    tensor(7)
    """
    return xp.dot(input, tensor)


@structured(
    prepare=lambda input, other: _dot_statics(input, other, "vdot", "other"),
    holomorphic=False,
    dinput=lambda g, other: g.conj() * other,
    dother=lambda g, input: g * input,
)
def vdot(xp: Any, input: Any, other: Any) -> Any:
    """The dot product of two 1-D Tensors of one length and dtype, of which the first is conjugated: a 0-d Tensor.

    Raises RuntimeError for other shapes and for different dtypes.

    >>> import gradcu
    >>> gradcu.vdot(gradcu.tensor([1j, 2]), gradcu.tensor([1j, 1]))
    tensor(3.+0.j)
    """
    return xp.dot(input.conj(), other)


def _mv_vec_vjp(g: Any, input: Any) -> Any:
    return mv(transpose(input, 0, 1), g)


@structured(prepare=_mv_statics, dinput=lambda g, vec: reshape(g, (-1, 1)) * vec, dvec=_mv_vec_vjp)
def mv(xp: Any, input: Any, vec: Any) -> Any:
    """The product of a matrix, n x m, and a vector of length m, of one dtype: a vector of length n.

    Raises RuntimeError for other shapes and for different dtypes.

    >>> import gradcu
    >>> gradcu.mv(gradcu.tensor([[1.0, 2.0], [3.0, 4.0]]), gradcu.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    return xp.dot(input, vec)


def _mm_input_vjp(g: Any, mat2: Any) -> Any:
    return mm(g, transpose(mat2, 0, 1))


def _mm_mat2_vjp(g: Any, input: Any) -> Any:
    return mm(transpose(input, 0, 1), g)


@structured(prepare=_mm_statics, dinput=_mm_input_vjp, dmat2=_mm_mat2_vjp)
def mm(xp: Any, input: Any, mat2: Any) -> Any:
    """The product of two matrices of one dtype, n x m and m x p: a matrix, n x p.

    Raises RuntimeError for other shapes and for different dtypes.

    >>> import gradcu
    >>> a = gradcu.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> gradcu.mm(a, a)
    tensor([[ 7., 10.],
            [15., 22.]])
    """
    return xp.dot(input, mat2)


def _bmm_input_vjp(g: Any, mat2: Any) -> Any:
    return bmm(g, transpose(mat2, 1, 2))


def _bmm_mat2_vjp(g: Any, input: Any) -> Any:
    return bmm(transpose(input, 1, 2), g)


@structured(prepare=_bmm_statics, dinput=_bmm_input_vjp, dmat2=_bmm_mat2_vjp)
def bmm(xp: Any, input: Any, mat2: Any) -> Any:
    """The products of as many pairs of matrices, b x n x m and b x m x p: b x n x p.

    Raises RuntimeError for other shapes and for different dtypes.

    >>> import gradcu
    >>> gradcu.bmm(gradcu.ones(5, 2, 3), gradcu.ones(5, 3, 4)).shape
    gradcu.Size([5, 2, 4])
    """
    return xp.matmul(input, mat2)


@structured(public=False, node="SqueezeBackward4", da=lambda g, b: mv(b, g), db=lambda g, a: reshape(a, (-1, 1)) * g)
def vm(xp: Any, a: Any, b: Any) -> Any:
    """The product of a vector and a matrix."""
    return xp.dot(a, b)


def _matrix(x: Any, x_shape: tuple[int, ...], column: bool) -> Any:
    """An operand of `matmul` as a matrix or more of them: a vector is a row on the left and a column on the right."""
    return x if len(x_shape) > 1 else reshape(x, (-1, 1) if column else (1, -1))


def _stacked(g: Any, a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> Any:
    """A cotangent of `matmul` with the dimensions that vectors among the operands left out."""
    shape = g.shape
    if len(a_shape) == 1:
        return reshape(g, (*shape[:-1], 1, shape[-1]))
    return reshape(g, (*shape, 1)) if len(b_shape) == 1 else g


def _left_vjp(g: Any, b: Any, a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> Any:
    found = stacked_matmul(_stacked(g, a_shape, b_shape), transpose(_matrix(b, b_shape, True), -2, -1))
    return found if len(a_shape) > 1 else sum(found, tuple(range(len(b_shape) - 1)))


def _right_vjp(g: Any, a: Any, a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> Any:
    found = stacked_matmul(transpose(_matrix(a, a_shape, False), -2, -1), _stacked(g, a_shape, b_shape))
    return found if len(b_shape) > 1 else sum(found, (*range(len(a_shape) - 2), -1))


@structured("matmul", statics=1, public=False, node=lambda node: node, da=_left_vjp, db=_right_vjp)
def stacked_matmul(xp: Any, a: Any, b: Any, node: str = "UnsafeViewBackward0") -> Any:
    """The product where an operand has more than two dimensions, which PyTorch reshapes to two or three.

    ``node`` is the name of the last node of PyTorch's way through it.
    """
    return xp.matmul(a, b)


def _check_stacks(a: Any, b: Any) -> None:
    """Refuses operands of which one has more than two dimensions."""
    if b.ndim == 1:
        _check_matrix_vector(math.prod(a.shape[:-1]), a.shape[-1], a, b)
    elif b.ndim == 2:
        _check_matrices((math.prod(a.shape[:-1]), a.shape[-1]), b.shape, a, b)
    elif a.ndim == 1 and b.ndim == 3:
        _check_matrix_vector(b.shape[0] * b.shape[2], b.shape[1], b, a)
    else:
        batch = _batch_shape(a.shape[:-2], b.shape[:-2])
        count = math.prod(batch)
        row = a[None] if a.ndim == 1 else a
        _check_batches(count, count, row, b)


def _batch_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that two batch shapes broadcast to. Raises RuntimeError where they do not."""
    ndim = max(len(a), len(b))
    pairs = list(zip((1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b, strict=True))
    for position, (left, right) in reversed(list(enumerate(pairs))):
        if left != right and 1 not in (left, right):
            raise RuntimeError(
                f"The size of tensor a ({left}) must match the size of tensor b ({right}) at non-singleton dimension "
                f"{position}"
            )
    return tuple(left if right == 1 else right for left, right in pairs)


@function()
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product of two Tensors of one dtype.

    Two vectors give their dot product; two matrices the matrix product; a vector counts as a row on the left and as a
    column on the right, and that dimension is left out of the result. More dimensions are those of a stack of matrices,
    and broadcast.

    Raises RuntimeError where the shapes do not fit, for different dtypes and for a 0-d operand.

    >>> import gradcu
    >>> x = gradcu.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> x @ gradcu.tensor([1.0, 1.0])
    tensor([3., 7.])
    """
    for position, (name, value) in enumerate((("input", input), ("other", other))):
        if not isinstance(value, Tensor):
            raise argument_error("matmul", name, position, value)
    ranks = a, b = input._array.ndim, other._array.ndim
    if not a or not b:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a}D and {b}D")
    if ranks == (2, 2):
        return mm(input, other)
    if ranks == (2, 1):
        return mv(input, other)
    if ranks == (1, 1):
        return dot(input, other)
    if ranks == (1, 2):
        _check_matrices((1, len(input._array)), other._array.shape, input._array, other._array)
        return vm(input, other)
    _check_stacks(input._array, other._array)
    # PyTorch multiplies the transposes where the matrix on the left wants a gradient, and copies the result back.
    turned = a == 2 and input.requires_grad
    return stacked_matmul(input, other, "CloneBackward0" if turned else "UnsafeViewBackward0")


@function(name="__matmul__", namespace=False)
def _matmul_operator(self: Tensor, other: Any) -> Any:
    """``self @ other``."""
    return matmul(self, _constant(other)) if _is_operand(other) else NotImplemented


@function(name="__rmatmul__", namespace=False)
def _reflected_matmul_operator(self: Tensor, other: Any) -> Any:
    """``other @ self``."""
    return matmul(_constant(other), self) if _is_operand(other) else NotImplemented


def _is_operand(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray) or is_cupy_array(value)


def _constant(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else Tensor._wrap(value)


@function()
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The outer product of two vectors of lengths n and m: the n x m matrix of all products.

    Raises RuntimeError for other shapes.

    >>> import gradcu
    >>> gradcu.outer(gradcu.tensor([1, 2]), gradcu.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    for position, (name, value) in enumerate((("input", input), ("vec2", vec2))):
        if not isinstance(value, Tensor):
            raise argument_error("outer", name, position, value)
        if value._array.ndim != 1:
            label = name if position else "self"
            raise RuntimeError(f"outer: Expected 1-D argument {label}, but got {value._array.ndim}-D")
    return mul(reshape(input, (len(input._array), 1)), vec2)

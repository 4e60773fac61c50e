"""Products that are added to something, and products of more kinds: inner, tensor, Kronecker and cross products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._define import function, structured
from .._dtype import scalar_name
from .._tensor import Tensor
from ._arguments import expanded_shape, require_tensor
from .arithmetic import mul
from .arrange import permute, t, transpose
from .creation import held
from .diagonals import diagonal_placed
from .dims import one_dim
from .linalg import bmm, matmul, mm, mv
from .reduce import sum
from .shape import expand, reshape, unsafe_view


def _check_factors(name: str, shape_of: Callable[[Any, Any, Any], tuple[int, ...]]) -> Any:
    """A ``prepare`` for ``beta * input + alpha * (a @ b)``, whose shape is ``shape_of(input, a, b)``."""

    def prepare(x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> tuple[Any, Any]:
        shape = shape_of(x, a, b)
        if x.dtype != a.dtype or a.dtype != b.dtype:
            one, other = (a, b) if a.dtype == x.dtype else (x, a)
            raise RuntimeError(
                f"self and mat2 must have the same dtype, but got {scalar_name(one.dtype)} and "
                f"{scalar_name(other.dtype)}"
            )
        expanded_shape(x, shape)
        if x.dtype.kind not in "iub":
            return beta, alpha
        if name == "addr" and (isinstance(beta, float) or isinstance(alpha, float)):
            wrong = "beta" if isinstance(beta, float) else "alpha"
            raise RuntimeError(f"For integral input tensors, argument {wrong} must not be a floating point number.")
        return int(held(beta, x.dtype)), int(held(alpha, x.dtype))

    return prepare


def _shape_of_product(x: Any, a: Any, b: Any) -> tuple[int, ...]:
    for label, matrix in (("mat1", a), ("mat2", b)):
        if matrix.ndim != 2:
            raise RuntimeError(f"{label} must be a matrix, got {matrix.ndim}-D tensor")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
        )
    return a.shape[0], b.shape[1]


def _shape_of_vector(x: Any, a: Any, b: Any) -> tuple[int, ...]:
    if x.ndim > 1 or a.ndim != 2 or b.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {x.ndim}, {a.ndim}, {b.ndim}")
    if a.shape[1] != b.shape[0] or (x.size != 1 and x.size != a.shape[0]):
        raise RuntimeError(f"size mismatch, got input ({x.size}), mat ({a.shape[0]}x{a.shape[1]}), vec ({b.shape[0]})")
    return a.shape[:1]


def _shape_of_outer(x: Any, a: Any, b: Any) -> tuple[int, ...]:
    for label, vector in (("vec1", a), ("vec2", b)):
        if vector.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {label}, but got {vector.ndim}-D")
    return a.shape[0], b.shape[0]


def _shape_of_batch(x: Any, a: Any, b: Any) -> tuple[int, ...]:
    for label, batch in (("batch1", a), ("batch2", b)):
        if batch.ndim != 3:
            raise RuntimeError(f"{label} must be a 3D tensor")
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]}, {a.shape[2]}] but got: "
            f"[{b.shape[0]}, {b.shape[1]}]."
        )
    return a.shape[0], a.shape[1], b.shape[2]


def _combined(x: Any, product: Any, beta: Any, alpha: Any) -> Any:
    """``beta * x + alpha * product``; what is multiplied by 0 is left out, even where it is nan, as in PyTorch."""
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product.copy()
    found = (x if beta == 1 else x * beta) + product
    return found.astype(x.dtype, copy=False)


@structured(
    statics=2,
    prepare=_check_factors("addmm", _shape_of_product),
    dx=lambda g, beta: g * beta,
    dmat1=lambda g, mat2, alpha: mm(g, t(mat2)) * alpha,
    dmat2=lambda g, mat1, alpha: mm(t(mat1), g) * alpha,
)
def addmm(xp: Any, x: Any, mat1: Any, mat2: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    """Beta * input + alpha * (mat1 @ mat2), for matrices; ``input`` is broadcast.

    Raises RuntimeError where shapes or dtypes do not fit.

    >>> import gradcu
    >>> gradcu.addmm(gradcu.ones(2), gradcu.eye(2), gradcu.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[2., 3.],
            [4., 5.]])
    """
    return _combined(x, xp.dot(mat1, mat2), beta, alpha)


@structured(
    statics=2,
    prepare=_check_factors("addmv", _shape_of_vector),
    dx=lambda g, beta: g * beta,
    dmat=lambda g, vec, alpha: reshape(g, (-1, 1)) * vec * alpha,
    dvec=lambda g, mat, alpha: mv(t(mat), g) * alpha,
)
def addmv(xp: Any, x: Any, mat: Any, vec: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    """Beta * input + alpha * (mat @ vec), for a matrix and a vector; ``input`` is broadcast.

    Raises RuntimeError where shapes or dtypes do not fit.

    >>> import gradcu
    >>> gradcu.addmv(gradcu.ones(2), gradcu.eye(2), gradcu.tensor([1.0, 2.0]))
    tensor([2., 3.])
    """
    return _combined(x, xp.dot(mat, vec), beta, alpha)


@structured(
    statics=2,
    promotion="same",
    prepare=_check_factors("addr", _shape_of_outer),
    dx=lambda g, beta: g * beta,
    dvec1=lambda g, vec2, alpha: mv(g, vec2) * alpha,
    dvec2=lambda g, vec1, alpha: mv(t(g), vec1) * alpha,
)
def addr(xp: Any, x: Any, vec1: Any, vec2: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    """Beta * input + alpha * outer(vec1, vec2); ``input`` is broadcast.

    Raises RuntimeError where shapes or dtypes do not fit.

    >>> import gradcu
    >>> gradcu.addr(gradcu.zeros(2, 2), gradcu.tensor([1.0, 2.0]), gradcu.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    return _combined(x, vec1[:, None] * vec2, beta, alpha)


@structured(
    statics=2,
    prepare=_check_factors("baddbmm", _shape_of_batch),
    dx=lambda g, beta: g * beta,
    dbatch1=lambda g, batch2, alpha: bmm(g, transpose(batch2, 1, 2)) * alpha,
    dbatch2=lambda g, batch1, alpha: bmm(transpose(batch1, 1, 2), g) * alpha,
)
def baddbmm(xp: Any, x: Any, batch1: Any, batch2: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    """Beta * input + alpha * bmm(batch1, batch2); ``input`` is broadcast.

    Raises RuntimeError where shapes or dtypes do not fit.

    >>> import gradcu
    >>> gradcu.baddbmm(gradcu.ones(1), gradcu.ones(2, 1, 3), gradcu.ones(2, 3, 1)).flatten()
    tensor([4., 4.])
    """
    return _combined(x, xp.matmul(batch1, batch2), beta, alpha)


def _one_gradient_each(g: Any, count: int) -> Any:
    return expand(reshape(g, (1, *g.shape)), (count, *g.shape))


@structured(
    statics=2,
    prepare=_check_factors("addbmm", lambda x, a, b: _shape_of_batch(x, a, b)[1:]),
    dx=lambda g, beta: g * beta,
    dbatch1=lambda g, batch2, alpha: bmm(_one_gradient_each(g, batch2.shape[0]), transpose(batch2, 1, 2)) * alpha,
    dbatch2=lambda g, batch1, alpha: bmm(transpose(batch1, 1, 2), _one_gradient_each(g, batch1.shape[0])) * alpha,
)
def addbmm(xp: Any, x: Any, batch1: Any, batch2: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    """Beta * input + alpha * the sum of bmm(batch1, batch2) over the pairs; ``input`` is broadcast.

    Raises RuntimeError where shapes or dtypes do not fit.

    >>> import gradcu
    >>> gradcu.addbmm(gradcu.ones(1, 1), gradcu.ones(2, 1, 3), gradcu.ones(2, 3, 1))
    tensor([[7.]])
    """
    return _combined(x, xp.matmul(batch1, batch2).sum(0, dtype=x.dtype), beta, alpha)


@function(method=False)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Input @ weight.T + bias: ``weight`` is m x n, the last dimension of ``input`` n long, and of the result m.

    ``weight`` may also be a vector of length n, which leaves that dimension out. Raises RuntimeError where shapes or
    dtypes do not fit.

    >>> import gradcu
    >>> gradcu.linear(gradcu.ones(3), gradcu.ones(2, 3), gradcu.tensor([0.0, 1.0]))
    tensor([3., 4.])
    """
    for position, (name, value) in enumerate((("input", input), ("weight", weight))):
        require_tensor("linear", value, name, position)
    turned = t(weight)
    if bias is None:
        return matmul(input, turned)
    if weight.ndim != 2:
        return matmul(input, turned) + bias
    if input.ndim == 2:
        return addmm(bias, input, turned)
    rows = reshape(input, (-1, input._array.shape[-1]))
    return reshape(addmm(bias, rows, turned), (*input._array.shape[:-1], weight._array.shape[0]))


@function(method=False)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The sums of the products of ``a`` and ``b`` over dimensions that they share.

    ``dims`` is how many: the last of ``a`` and the first of ``b``; or two sequences that name them. Raises RuntimeError
    where their lengths differ.

    >>> import gradcu
    >>> gradcu.tensordot(gradcu.ones(2, 3), gradcu.ones(3, 4), 1).shape
    gradcu.Size([2, 4])
    """
    for position, (name, value) in enumerate((("a", a), ("b", b))):
        require_tensor("tensordot", value, name, position)
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        pair: Any = (range(-dims, 0), range(dims))
    else:
        pair = tuple((one,) if isinstance(one, int) else tuple(one) for one in dims)
    ours, theirs = ([one_dim(x.ndim, d, "tensordot") for d in named] for x, named in zip((a, b), pair, strict=True))
    if len(ours) != len(theirs):
        raise RuntimeError("both dimension lists should have same length")
    for one, other in zip(ours, theirs, strict=True):
        # A length of 1 is broadcast.
        if a.shape[one] == 1:
            b = sum(b, (other,), True, b.dtype)
        elif b.shape[other] == 1:
            a = sum(a, (one,), True, a.dtype)
    shape_a, shape_b = a._array.shape, b._array.shape
    for one, other, *named in zip(ours, theirs, *pair, strict=True):
        if shape_a[one] != shape_b[other]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {shape_a[one]} in dim {named[0]} and second "
                f"has size {shape_b[other]} in dim {named[1]}"
            )
    rest_a, rest_b = ([d for d in range(x.ndim) if d not in named] for x, named in ((a, ours), (b, theirs)))
    count = math.prod(shape_a[d] for d in ours)
    left = reshape(permute(a, (*rest_a, *ours)), (math.prod(shape_a[d] for d in rest_a), count))
    right = reshape(permute(b, (*theirs, *rest_b)), (count, math.prod(shape_b[d] for d in rest_b)))
    return reshape(mm(left, right), (*(shape_a[d] for d in rest_a), *(shape_b[d] for d in rest_b)))


@function()
def inner(input: Tensor, other: Tensor) -> Tensor:
    """The sums of the products along the last dimensions; for vectors their dot product.

    Raises RuntimeError where the last dimensions differ in length, and for different dtypes.

    >>> import gradcu
    >>> gradcu.inner(gradcu.tensor([1.0, 2.0]), gradcu.tensor([[3.0, 4.0], [5.0, 6.0]]))
    tensor([11., 17.])
    """
    for position, (name, value) in enumerate((("input", input), ("other", other))):
        require_tensor("inner", value, name, position)
    if not input.ndim or not other.ndim:
        return mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input._array.shape)} and {list(other._array.shape)}"
        )
    return tensordot(input, other, ((-1,), (-1,)))


@function()
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: every element of ``input`` times all of ``other``, as blocks of one array.

    >>> import gradcu
    >>> gradcu.kron(gradcu.tensor([1, 10]), gradcu.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    for position, (name, value) in enumerate((("input", input), ("other", other))):
        require_tensor("kron", value, name, position)
    ndim = max(input.ndim, other.ndim)
    left, right = ((1,) * (ndim - x.ndim) + x._array.shape for x in (input, other))
    apart = tuple(n for one in left for n in (one, 1)), tuple(n for one in right for n in (1, one))
    product = mul(reshape(input, apart[0]), reshape(other, apart[1]))
    return unsafe_view(product, tuple(n * m for n, m in zip(left, right, strict=True)))


@structured(
    "trace",
    prepare=lambda x: _check_matrix(x),
    dx=lambda g, x_shape: diagonal_placed(expand(reshape(g, (1,)), (min(x_shape),)), x_shape, 0, 0, 1),
)
def trace(xp: Any, x: Any) -> Any:
    """The sum of a matrix's diagonal. Integers and bools give int64. Raises RuntimeError for what is no matrix.

    >>> import gradcu
    >>> gradcu.trace(gradcu.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    return xp.trace(x, dtype=None if x.dtype.kind in "fc" else "int64")


def _check_matrix(x: Any) -> tuple[()]:
    if x.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {x.ndim}")
    return ()


def _cross_dim(a: Any, b: Any, dim: Any) -> tuple[int]:
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(a.dtype)} but found {scalar_name(b.dtype)}")
    if a.ndim != b.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if dim is None:
        # PyTorch's default is the first dimension of length 3.
        dim = next((d for d, n in enumerate(a.shape) if n == 3 and b.shape[d] == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    at = one_dim(a.ndim, dim, "cross")
    if a.shape[at] != 3 or b.shape[at] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.shape[at]} and {b.shape[at]}"
        )
    return (at,)


def _cross_left(g: Any, b: Any, dim: int) -> Any:
    return cross(b, g, dim)


def _cross_right(g: Any, a: Any, dim: int) -> Any:
    return cross(g, a, dim)


@structured(
    "cross",
    statics=1,
    node="LinalgCrossBackward0",
    prepare=_cross_dim,
    da=_cross_left,
    db=_cross_right,
)
def cross(xp: Any, a: Any, b: Any, dim: Any = None) -> Any:
    """The cross products of vectors of length 3 along ``dim``, or along the first dimension of that length; broadcast.

    Raises RuntimeError where that dimension is not 3 long.

    >>> import gradcu
    >>> gradcu.cross(gradcu.tensor([1.0, 0.0, 0.0]), gradcu.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    one, other = (xp.moveaxis(x, dim, 0) for x in (a, b))
    parts = [one[i] * other[j] - one[j] * other[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return xp.stack(parts, axis=dim)

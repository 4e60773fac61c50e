"""Writing and adding at numbered places: scatter, index_add, index_copy, index_fill; and take, which reads there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._define import function, structured
from .._dtype import scalar_name
from .._graph import GRAD_ENABLED
from .._tensor import Tensor
from ._arguments import require_tensor
from ._index_arrays import add_at, adding_kernels, places_along
from .creation import held
from .dims import one_dim
from .index import getitem
from .pick import gathered, gathered_from, selected
from .reduce import sum
from .shape import reshape


def _scatter_statics(name: str) -> Callable[..., tuple[int]]:
    def prepare(x: Any, index: Any, src: Any, dim: Any) -> tuple[int]:
        at = one_dim(x.ndim, dim, name)
        if index.size and index.dtype.name not in ("int32", "int64"):
            raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
        if hasattr(src, "dtype") and src.ndim and src.dtype != x.dtype:
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        if max(index.ndim, 1) != max(x.ndim, 1):
            raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
        shape = src.shape if hasattr(src, "dtype") and src.ndim else index.shape
        if len(shape) != index.ndim:
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
        if any(n > m for d, (n, m) in enumerate(zip(index.shape, x.shape, strict=False)) if d != at) or any(
            n > m for n, m in zip(index.shape, shape, strict=False)
        ):
            source = f" and to be no larger size than src {list(shape)}" if getattr(src, "ndim", 0) else ""
            raise RuntimeError(
                f"Expected index {list(index.shape)} to be no larger than self {list(x.shape)} apart from dimension "
                f"{at}{source}"
            )
        length = x.shape[at] if x.ndim else 1
        outside = (index < 0) | (index >= length)
        if outside.any():
            raise RuntimeError(f"index {int(index[outside][0])} is out of bounds for dimension {at} with size {length}")
        return (at,)

    return prepare


def _vectors(*arrays: Any) -> list[Any]:
    """The arrays with a dimension at least; numbers stay what they are."""
    return [array.reshape(array.shape or (1,)) if hasattr(array, "dtype") else array for array in arrays]


def _without_places(g: Any, index: Any, dim: int) -> Any:
    return scattered_along(g, index, 0.0, dim)


@structured(
    "scatter",
    statics=1,
    node=lambda tensors: f"ScatterBackward{int(not tensors[2])}",
    public=False,
    prepare=_scatter_statics("scatter"),
    dx=_without_places,
    dsrc=lambda g, index, dim: gathered(g, index, dim),
)
def scattered_along(xp: Any, x: Any, index: Any, src: Any, dim: int) -> Any:
    """``x`` with ``src`` at the places that ``index`` names along ``dim``."""
    out, index, src = _vectors(xp.array(x), index, src)
    out[places_along(xp, index, dim)] = src
    return out.reshape(x.shape)


@structured(
    "scatter_add",
    statics=1,
    public=False,
    prepare=_scatter_statics("scatter_add"),
    dx=lambda g: g,
    dsrc=lambda g, index, dim: gathered(g, index, dim),
)
def added_along(xp: Any, x: Any, index: Any, src: Any, dim: int) -> Any:
    """``x`` with ``src`` added at the places that ``index`` names along ``dim``."""
    out, index, src = _vectors(xp.array(x, order="C"), index, src)
    kernels = adding_kernels(xp)
    if kernels is not None and out.dtype.kind == "f":
        kernels.add_along(out, index, dim, src)
    else:
        add_at(xp, out, places_along(xp, index, dim), src)
    return out.reshape(x.shape)


def _part_for(index: Tensor, src: Any) -> Any:
    """What ``index`` takes of a source that may be larger."""
    if not isinstance(src, Tensor) or src._array.shape == index._array.shape or src.ndim != index.ndim:
        return src
    if any(n > m for n, m in zip(index.shape, src.shape, strict=True)):
        return src
    return getitem(src, tuple(slice(n) for n in index._array.shape))


@structured(
    statics=2,
    public=False,
    prepare=lambda x, index, src, dim, way: (*_scatter_statics("scatter")(x, index, src, dim), way),
)
def combined_along(xp: Any, x: Any, index: Any, src: Any, dim: int, way: str) -> Any:
    """``x`` with ``src`` added to, or multiplied with, what is at the places that ``index`` names along ``dim``."""
    out, index, src = _vectors(xp.array(x), index, src)
    getattr(xp, way).at(out, places_along(xp, index, dim), src)
    return out.reshape(x.shape)


@function()
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """``input`` with ``src``, a Tensor or a number, at numbered places: for dim 0, out[index[i, j], j] = src[i, j].

    ``index``, of int64 or int32, has as many dimensions as ``input`` and is nowhere longer than ``src``, nor, apart
    from ``dim``, than ``input``. Of several that go to one place any may stay, and the gradient is right only for
    those that do. With ``reduce`` "add" or "multiply" they are added to, or multiplied with, what is there, without a
    gradient. Raises RuntimeError where shapes or dtypes do not fit or an index is out of bounds.

    >>> import gradcu
    >>> gradcu.scatter(gradcu.zeros(3), 0, gradcu.tensor([2, 0]), gradcu.tensor([5.0, 6.0]))
    tensor([6., 0., 5.])
    """
    require_tensor("scatter", input)
    require_tensor("scatter", index, "index", 2)
    src = value if src is None else src
    if not isinstance(src, Tensor):
        src = held(src, input.dtype).item()
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        for tensor in (input, src):
            if GRAD_ENABLED.get() and isinstance(tensor, Tensor) and tensor.requires_grad:
                raise RuntimeError(f"scatter with reduce={reduce!r} has no gradient: use scatter_add, or detach()")
        return combined_along(input, index, _part_for(index, src), dim, reduce)
    return scattered_along(input, index, _part_for(index, src), dim)


@function()
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``input`` with ``src`` added at numbered places: for dim 0, out[index[i, j], j] += src[i, j].

    The shapes are those of `scatter`; what goes to one place is added up. Raises RuntimeError where shapes or dtypes do
    not fit or an index is out of bounds.

    >>> import gradcu
    >>> gradcu.scatter_add(gradcu.zeros(3), 0, gradcu.tensor([2, 2]), gradcu.tensor([5.0, 6.0]))
    tensor([ 0.,  0., 11.])
    """
    require_tensor("scatter_add", input)
    for position, (name, tensor) in enumerate((("index", index), ("src", src)), 2):
        require_tensor("scatter_add", tensor, name, position)
    return added_along(input, index, _part_for(index, src), dim)


def _check_slices(name: str, x: Any, index: Any, source: Any, dim: Any) -> int:
    at = one_dim(x.ndim, dim, name)
    if index.dtype.name not in ("int32", "int64"):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if index.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector")
    length = x.shape[at] if x.ndim else 1
    outside = (index < -length) | (index >= length)
    if outside.any():
        error = RuntimeError if name == "index_add" else IndexError
        raise error(f"index {int(index[outside][0])} is out of bounds for dimension {at} with size {length}")
    if source is not None:
        if source.dtype != x.dtype:
            raise RuntimeError(
                f"{name}(): self ({scalar_name(x.dtype)}) and source ({scalar_name(source.dtype)}) must have the same "
                "scalar type"
            )
        count = source.shape[at] if source.ndim > at else 1
        if count != index.size:
            raise RuntimeError(
                f"{name}_(): Number of indices ({index.size}) should be equal to source.size(dim): ({count}), for dim: "
                f"{at}"
            )
        rest = {shape[:at] + shape[at + 1 :] for shape in (x.shape, source.shape)}
        if source.ndim != x.ndim or len(rest) > 1:
            raise RuntimeError(
                "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
                f"{list(x.shape)} source.shape = {list(source.shape)}"
            )
    return at


def _slices(x: Any, index: Any, dim: int) -> tuple[Any, ...]:
    """The index of whole slices along ``dim``."""
    return (*(slice(None),) * (dim if x.ndim else 0), index.reshape(-1))


@structured(
    "index_add",
    statics=2,
    public=False,
    prepare=lambda x, index, source, dim, alpha: (
        _check_slices("index_add", x, index, source, dim),
        int(held(alpha, x.dtype)) if x.dtype.kind in "iu" else alpha,
    ),
    dx=lambda g: g,
    dsource=lambda g, index, dim, alpha: selected(g, index, dim) * alpha,
)
def added_slices(xp: Any, x: Any, index: Any, source: Any, dim: int, alpha: Any) -> Any:
    """``x`` with ``alpha * source`` added to the slices that ``index`` names."""
    out, values = _vectors(xp.array(x), source)
    add_at(xp, out, _slices(out, index, dim), values if alpha == 1 else values * alpha)
    return out.reshape(x.shape)


def _unfilled(g: Any, index: Any, dim: int) -> Any:
    return filled_slices(g, index, 0.0, dim)


@structured(
    "index_copy",
    statics=1,
    public=False,
    prepare=lambda x, index, source, dim: (_check_slices("index_copy", x, index, source, dim),),
    dx=_unfilled,
    dsource=lambda g, index, dim: selected(g, index, dim),
)
def copied_slices(xp: Any, x: Any, index: Any, source: Any, dim: int) -> Any:
    """``x`` with ``source`` in place of the slices that ``index`` names."""
    out, values = _vectors(xp.array(x), source)
    out[_slices(out, index, dim)] = values
    return out.reshape(x.shape)


@structured(
    "index_fill",
    statics=1,
    node=lambda tensors: f"IndexFillBackward{int(tensors[2])}",
    public=False,
    prepare=lambda x, index, value, dim: (_check_slices("index_fill", x, index, None, dim),),
    dx=_unfilled,
    # An index that is repeated fills its slice once.
    dvalue=lambda g, index, dim: sum(g - _unfilled(g, index, dim)),
)
def filled_slices(xp: Any, x: Any, index: Any, value: Any, dim: int) -> Any:
    """``x`` with ``value`` in the slices that ``index`` names."""
    (out,) = _vectors(xp.array(x))
    out[_slices(out, index, dim)] = value
    return out.reshape(x.shape)


@function()
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """``input`` with ``alpha * source`` added to the slices along ``dim`` that ``index``, a vector, names.

    What goes to one slice is added up. Raises RuntimeError where shapes or dtypes do not fit and for an index out of
    range.

    >>> import gradcu
    >>> gradcu.index_add(gradcu.zeros(3), 0, gradcu.tensor([2, 2]), gradcu.tensor([5.0, 6.0]))
    tensor([ 0.,  0., 11.])
    """
    require_tensor("index_add", input)
    for position, (name, tensor) in enumerate((("index", index), ("source", source)), 2):
        require_tensor("index_add", tensor, name, position)
    return added_slices(input, index, source, dim, alpha)


@function()
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """``input`` with ``source`` in place of the slices along ``dim`` that ``index``, a vector, names.

    Raises RuntimeError where shapes or dtypes do not fit, IndexError for an index out of range.

    >>> import gradcu
    >>> gradcu.index_copy(gradcu.zeros(3), 0, gradcu.tensor([2, 0]), gradcu.tensor([5.0, 6.0]))
    tensor([6., 0., 5.])
    """
    require_tensor("index_copy", input)
    for position, (name, tensor) in enumerate((("index", index), ("source", source)), 2):
        require_tensor("index_copy", tensor, name, position)
    return copied_slices(input, index, source, dim)


@function()
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with ``value``, a number or a 0-dim Tensor, in the slices along ``dim`` that ``index`` names.

    Raises RuntimeError for a ``value`` with dimensions, IndexError for an index out of range.

    >>> import gradcu
    >>> gradcu.index_fill(gradcu.zeros(3), 0, gradcu.tensor([2, 0]), 5.0)
    tensor([5., 0., 5.])
    """
    require_tensor("index_fill", input)
    require_tensor("index_fill", index, "index", 2)
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    if not isinstance(value, Tensor):
        value = held(value, input.dtype).item()
    return filled_slices(input, index, value, dim)


def _check_numbers(x: Any, index: Any) -> tuple[()]:
    if index.dtype.name != "int64":
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {scalar_name(index.dtype)}")
    if ((index < -x.size) | (index >= x.size)).any():
        raise IndexError("out of range: tried to access an index that is not there")
    return ()


def _put_back(g: Any, index: Any, x_shape: tuple[int, ...]) -> Any:
    count = math.prod(x_shape)
    numbers = reshape(index, (-1,))
    return reshape(gathered_from(reshape(g, (-1,)), numbers + count * (numbers < 0), (count,), 0), x_shape)


@structured("take", prepare=_check_numbers, dx=_put_back)
def take(xp: Any, x: Any, index: Any) -> Any:
    """The elements of ``input`` whose numbers in row-major order ``index``, of int64, names, in the shape of ``index``.

    Negative numbers count from the end. Raises RuntimeError for another dtype, IndexError out of range.

    >>> import gradcu
    >>> gradcu.take(gradcu.tensor([[1, 2], [3, 4]]), gradcu.tensor([0, -1]))
    tensor([1, 4])
    """
    return x.reshape(-1)[index]

"""Indexing: ``x[index]``, its adjoint, and the functional half of ``x[index] = value``.

The rules are PyTorch's, which are NumPy's advanced indexing (https://numpy.org/doc/stable/user/basics.indexing.html)
but for two things: an integer selects before index arrays do, also beside them, and slices have positive steps.
"""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from .._define import function, structured
from .._device import CPU, device, device_of, is_cupy_array
from .._dtype import scalar_name
from .._op import OPS
from .._record import apply, raw
from .._tensor import Tensor
from ._arguments import require_tensor, type_name, without_leading_ones
from ._index_arrays import add_at, put_at, taken
from .dims import one_dim

_FULL = slice(None)


class Index:
    """An index, understood: ``x[basic]`` is a view, of which ``[advanced]``, where there is any, makes a copy.

    ``basic`` always holds an ellipsis, so that NumPy gives a view and no scalar. ``distinct`` says that no element is
    selected twice; ``node`` is the name of the node that records it.
    """

    __slots__ = ("advanced", "basic", "distinct", "node")

    def __init__(self, basic: Any, advanced: Any = None, distinct: bool = True, node: str = "IndexBackward0") -> None:
        self.basic, self.advanced, self.distinct, self.node = basic, advanced, distinct, node


def understood(x: Any, index: Any) -> Index:
    """The `Index` that ``index`` is to an array ``x``. Raises IndexError, or ValueError for a slice's step."""
    kind = type(index)
    if kind is Index:
        return index
    shape = x.shape
    if kind is int and shape:
        length = shape[0]
        if not -length <= index < length:
            raise IndexError(f"index {index} is out of bounds for dimension 0 with size {length}")
        return Index((index, ...), node="SelectBackward0")
    return _Parser(shape, _keys(index), device_of(x)).parse()


def _keys(index: Any) -> tuple[Any, ...]:
    """The parts of an index; a list that holds more than numbers counts as a tuple, as in PyTorch and in old NumPy."""
    if isinstance(index, tuple):
        return index
    if isinstance(index, list) and len(index) < 32:
        for key in index:
            if key is None or key is ... or isinstance(key, slice | Tensor | np.ndarray | list | tuple):
                warnings.warn(
                    "Using a non-tuple sequence for multidimensional indexing is deprecated; use x[tuple(seq)] instead "
                    "of x[seq]",
                    UserWarning,
                    stacklevel=2,
                )
                return tuple(index)
    return (index,)


class _Parser:
    """Reads the parts of an index from left to right."""

    def __init__(self, shape: tuple[int, ...], keys: tuple[Any, ...], place: device) -> None:
        self.shape, self.place = shape, place
        self.keys = [_simplified(key) for key in keys]
        self.basic: list[Any] = []
        self.advanced: list[Any] = []
        self.distinct = True
        self.node = "AliasBackward0"
        self.at = 0  # the dimension that the next part indexes
        self.added = 0  # how many dimensions stand before it that are not the operand's

    def parse(self) -> Index:
        keys, shape = self.keys, self.shape
        if not shape and len(keys) == 1:
            if type(keys[0]) is int:
                raise IndexError(
                    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                    "convert a 0-dim tensor to a number"
                )
            if type(keys[0]) is slice:
                raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        used = sum(_dims_used(key) for key in keys)
        if used > len(shape):
            raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
        ellipses = sum(key is ... for key in keys)
        if ellipses > 1:
            raise IndexError("an index can only have a single ellipsis ('...')")
        for key in keys:
            self._read(key, len(shape) - used)
        if not ellipses:
            self.basic.append(...)
        if not self.advanced or all(key is _FULL for key in self.advanced):
            return Index(tuple(self.basic), node=self.node)
        return Index(tuple(self.basic), tuple(self.advanced), self.distinct)

    def _read(self, key: Any, rest: int) -> None:
        if type(key) is int:
            length = self.shape[self.at]
            if not -length <= key < length:
                raise IndexError(
                    f"index {key} is out of bounds for dimension {self.at + self.added} with size {length}"
                )
            self.basic.append(key)
            self.at += 1
            self.node = "SelectBackward0"
        elif key is None:
            self.basic.append(None)
            self.advanced.append(_FULL)
            self.added += 1
            self.node = "UnsqueezeBackward0"
        elif key is ...:
            self.basic.append(...)
            self.advanced += [_FULL] * rest
            self.at += rest
        elif type(key) is slice:
            self.basic.append(key)
            self.advanced.append(_FULL)
            # Beside other parts, PyTorch passes over a slice that takes everything.
            to_end = key.stop is None or key.stop >= self.shape[self.at]
            if len(self.keys) == 1 or key.start or not to_end or key.step not in (None, 1):
                self.node = "SliceBackward0"
            self.at += 1
        elif key.dtype == bool:
            self._check_place(key)
            self._read_mask(key)
        else:
            self._check_place(key)
            self._check_bounds(key)
            self.basic.append(_FULL)
            self.advanced.append(key)
            self.at += 1
            self.distinct = False

    def _check_place(self, key: Any) -> None:
        place = device_of(key)
        if place is not CPU and place is not self.place:
            raise RuntimeError(
                f"indices should be either on cpu or on the same device as the indexed tensor ({self.place}), "
                f"got {place}"
            )

    def _check_bounds(self, key: Any) -> None:
        """NumPy refuses what is out of bounds. Nobody does on a CUDA device, where it can't be told without waiting."""
        length = self.shape[self.at]
        if self.place is CPU or device_of(key) is not CPU or not key.size:
            return
        wrong = key[(key < -length) | (key >= length)]
        if wrong.size:
            raise IndexError(f"index {wrong.flat[0]} is out of bounds for dimension {self.at} with size {length}")

    def _read_mask(self, mask: Any) -> None:
        if mask.ndim == 0:
            self.basic.append(None)
            self.advanced.append(np.zeros(int(mask), np.int64))
            self.added += 1
            return
        for number, length in enumerate(mask.shape):
            if self.shape[self.at + number] != length:
                raise IndexError(
                    f"The shape of the mask {list(mask.shape)} at index {number} does not match the shape of the "
                    f"indexed tensor {list(self.shape)} at index {self.at + number}"
                )
        self.basic += [_FULL] * mask.ndim
        with device_of(mask).context:
            self.advanced += mask.nonzero()
        self.at += mask.ndim


def _simplified(key: Any) -> Any:
    """A part of an index as an int, None, an ellipsis, a checked slice, a mask, or int64 indices nobody else holds."""
    if type(key) is int or key is None or key is ...:
        return key
    if isinstance(key, slice):
        step = None if key.step is None else _slice_bound(key.step)
        if step is not None and step <= 0:
            raise ValueError("step must be greater than zero" if step else "slice step cannot be zero")
        start, stop = (bound if bound is None else _slice_bound(bound) for bound in (key.start, key.stop))
        return slice(start, stop, step)
    if isinstance(key, bool | np.bool_):
        return np.asarray(key, dtype=bool)
    if isinstance(key, np.integer):
        return int(key)
    if isinstance(key, Tensor):
        if key._array.dtype.name not in ("bool", "uint8", "int32", "int64"):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        array = key._array
    elif isinstance(key, list | tuple | range | np.ndarray) or is_cupy_array(key):
        array: Any = np.asarray(key) if isinstance(key, list | tuple | range) else key
        array = array if array.size or array is key else array.astype(np.int64)
        if array.dtype.kind not in "biu":
            raise IndexError(f"arrays and lists used as indices must be of integer or bool type, not {array.dtype}")
    else:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type_name(key)})"
        )
    if array.dtype == np.uint8:
        warnings.warn(
            "indexing with dtype gradcu.uint8 is now deprecated, please use a dtype gradcu.bool instead.",
            UserWarning,
            stacklevel=2,
        )
        array = array != 0
    if array.dtype == bool:
        return array
    if array.ndim == 0:
        return int(array)
    with device_of(array).context:
        return array.astype(np.int64)


def _slice_bound(bound: Any) -> int:
    if not hasattr(bound, "__index__"):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return operator.index(bound)


def _dims_used(key: Any) -> int:
    """How many of the operand's dimensions a part of an index is about."""
    if key is None or key is ...:
        return 0
    return key.ndim if not isinstance(key, int | slice) and key.dtype == bool else 1


def _selected(xp: Any, x: Any, index: Index) -> Any:
    part = x[index.basic]
    if index.advanced is None:
        return part
    try:
        return taken(xp, part, _on(xp, index.advanced))
    except IndexError as error:
        raise _index_error(error, index) from None


def _index_error(error: IndexError, index: Index) -> IndexError:
    """NumPy's error in PyTorch's words."""
    if not str(error).startswith("shape mismatch"):
        return IndexError(str(error).replace("for axis", "for dimension"))
    shapes = ", ".join(str(list(key.shape)) for key in index.advanced if key is not _FULL)
    return IndexError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}")


def _on(xp: Any, advanced: Any) -> Any:
    """The index arrays in the memory of the array module ``xp``."""
    return tuple(key if key is _FULL else xp.asarray(key) for key in advanced)


@structured(
    "getitem",
    statics=1,
    view=True,
    public=False,
    node=lambda index: index.node,
    prepare=lambda x, index: (understood(x, index),),
    dx=lambda g, x_shape, index: scattered(g, x_shape, index),
)
def _getitem(xp: Any, x: Any, index: Any) -> Any:
    """The elements of ``x`` that ``index`` selects."""
    return _selected(xp, x, index)


_GETITEM = OPS["getitem"]


def getitem(x: Any, index: Any) -> Any:
    """``x[index]`` of a Tensor, recorded, or of an array: a view where ``index`` has no array, list or mask in it.

    Raises IndexError where ``index`` has too many parts, is out of bounds or of a wrong type, ValueError for a slice
    whose step is not positive.
    """
    return apply(_GETITEM, [x, index]) if isinstance(x, Tensor) else raw(_GETITEM, [x, index])


@structured(public=False, statics=2, node="IndexPutBackward0", dg=lambda g, index: getitem(g, index))
def scattered(xp: Any, g: Any, shape: tuple[int, ...], index: Index) -> Any:
    """Zeros of ``shape`` to which ``g`` was added at ``index``: the adjoint of `getitem`."""
    out = xp.zeros(shape, g.dtype)
    part = out[index.basic]
    if index.advanced is None:
        part[...] = g
    elif index.distinct:
        part[_on(xp, index.advanced)] = g
    else:
        add_at(xp, part, _on(xp, index.advanced), g)
    return out


def _kept_vjp(g: Any, index: Index, accumulate: bool) -> Any:
    return g if accumulate else index_put(g, 0.0, index)


@structured(
    "index_put",
    statics=2,
    public=False,
    prepare=lambda x, value, index, accumulate: (understood(x, index), accumulate),
    dx=_kept_vjp,
    dvalue=lambda g, index: getitem(g, index),
)
def index_put(xp: Any, x: Any, value: Any, index: Any, accumulate: bool = False) -> Any:
    """``x`` after its part at ``index`` was replaced with ``value``, which broadcasts to it; or increased by it."""
    out = xp.array(x)
    part = out[index.basic]
    where = ... if index.advanced is None else _on(xp, index.advanced)
    if hasattr(value, "astype"):
        value = without_leading_ones(value.astype(x.dtype), part.ndim)
    try:
        if accumulate:
            add_at(xp, part, where, value)
        elif index.distinct:
            part[where] = value
        else:
            put_at(xp, part, where, value)
    except IndexError as error:
        raise _index_error(error, index) from None
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of "
            f"shape {list(part[where].shape)}"
        ) from None
    return out


@function(name="index_put")
def _index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` with the elements at ``indices``, a tuple of integer or bool Tensors, replaced with ``values``.

    ``values`` broadcasts to the elements. With ``accumulate`` it is added to them, again for every index that is
    repeated; without, the last one of a repeated index stays. Raises IndexError for indices out of bounds,
    RuntimeError where ``values`` has another dtype or does not broadcast.

    >>> import gradcu
    >>> at = gradcu.tensor([0, 0])
    >>> gradcu.index_put(gradcu.zeros(2), (at,), gradcu.tensor(1.0), accumulate=True)
    tensor([2., 0.])
    """
    require_tensor("index_put", input)
    require_tensor("index_put", values, "values", 2)
    if values.dtype != input.dtype and values.ndim:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{scalar_name(input.dtype)} for the destination and {scalar_name(values.dtype)} for the source."
        )
    return index_put(input, values, tuple(indices), accumulate)


@function()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice of ``input`` at ``index`` along ``dim``, as a view without that dimension.

    Raises IndexError where the dimension or the index is out of range.

    >>> import gradcu
    >>> gradcu.eye(2).select(1, 0)
    tensor([1., 0.])
    """
    require_tensor("select", input)
    shape = input._array.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    at = one_dim(len(shape), dim, "select")
    if not -shape[at] <= index < shape[at]:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {at}")
    return getitem(input, (_FULL,) * at + (int(index),))


@function()
def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """The ``length`` slices of ``input`` along ``dim`` from ``start``, an int or a 0-dim Tensor, on, as a view.

    Raises RuntimeError where they reach beyond the end, IndexError where ``start`` or ``dim`` is out of range.

    >>> import gradcu
    >>> gradcu.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    require_tensor("narrow", input)
    shape = input._array.shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    at = one_dim(len(shape), dim, "narrow")
    if isinstance(start, Tensor):
        if start.ndim or start.dtype.kind not in "iu":
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = start._array.item()
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -shape[at] <= start <= shape[at]:
        raise IndexError(
            f"start out of range (expected to be in range of [{-shape[at]}, {shape[at]}], but got {start})"
        )
    first = start + shape[at] if start < 0 else start
    if first + length > shape[at]:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({shape[at]}).")
    return getitem(input, (_FULL,) * at + (slice(first, first + length),))

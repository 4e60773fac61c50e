"""Tensors from what is there already: numbers, nested sequences, arrays and Tensors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .._define import function
from .._device import CPU, DEFAULT, device_of, is_cupy_array, resolve
from .._dtype import as_dtype, default_complex_dtype, get_default_dtype, promote
from .._pending import TRACES
from .._silence import QUIET
from .._tensor import Tensor
from ._arguments import type_name
from .convert import clone, to_dtype
from .creation import made, on_device

_new = object.__new__
_default_device = DEFAULT.get
_INT64 = np.dtype("int64")
_NUMBERS = {bool, int, float, complex}
_SEQUENCES = (list, tuple)


@function(method=False)
def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False
) -> Tensor:
    """A Tensor that holds a copy of ``data``: a number, a nested sequence of numbers, or an array.

    Python floats give the default dtype, ints int64, bools bool; arrays and NumPy's numbers keep their dtype, and
    what is mixed is promoted. Raises ValueError for a ragged sequence, TypeError or RuntimeError for what is no
    number, and RuntimeError for an integer that the dtype does not hold or for integers that require a gradient.

    >>> import gradcu
    >>> gradcu.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    >>> gradcu.tensor(3.0, requires_grad=True)
    tensor(3., requires_grad=True)
    """
    plain = dtype is None and device is None and not pin_memory and not TRACES
    if type(data) is float and plain and _default_device() is CPU:
        # Scalars are made by the thousand in tutorials, so this stands apart from `made` below.
        out = _new(Tensor)
        out._array = QUIET.run(get_default_dtype().type, data)
        out._edge = None
        out._requires_grad = requires_grad is True or bool(requires_grad)
        out._version_counter = [0]
        return out
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than gradcu.tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
    return made(_array_of(data, dtype, device, copy=True, pin_memory=pin_memory), requires_grad)


@function(method=False)
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a Tensor, without a copy where it is a Tensor or an array of that dtype and device already.

    A Tensor keeps its graph. What is no array is converted as by `tensor`.

    >>> import gradcu
    >>> import numpy as np
    >>> array = np.zeros(2)
    >>> x = gradcu.as_tensor(array)
    >>> array[0] = 1
    >>> x
    tensor([1., 0.], dtype=gradcu.float64)
    """
    if isinstance(data, Tensor):
        found = data
        if dtype is not None and as_dtype(dtype) != data.dtype:
            found = to_dtype(found, as_dtype(dtype))
        if device is not None and resolve(device) != found.device:
            found = found.to(device)
        return found
    return Tensor._wrap(_array_of(data, dtype, device, copy=False))


@function(method=False)
def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A Tensor that shares the memory of a NumPy array: a change of one is a change of the other.

    Raises TypeError for what is no array and for a dtype that Tensors do not have, ValueError for a byte order that
    is not the machine's.

    >>> import gradcu
    >>> import numpy as np
    >>> gradcu.from_numpy(np.arange(3.0))
    tensor([0., 1., 2.], dtype=gradcu.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type_name(ndarray)})")
    _check_dtype(ndarray)
    if not ndarray.dtype.isnative:
        raise ValueError(
            f"given numpy array has byte order {ndarray.dtype.str[0]!r}, which differs from the native byte order: "
            "gradcu.tensor and gradcu.as_tensor make a converted copy"
        )
    return Tensor._wrap(ndarray.view(np.ndarray))


def from_cupy(array: Any) -> Tensor:
    """A Tensor that shares the memory of a CuPy array, on its device: a change of one is a change of the other.

    Raises TypeError for what is no array of CuPy's and for a dtype that Tensors do not have.
    """
    if not is_cupy_array(array):
        raise TypeError(f"expected cupy.ndarray (got {type_name(array)})")
    _check_dtype(array)
    return Tensor._wrap(array)


@function(method=False)
def from_dlpack(ext_tensor: Any) -> Tensor:
    """A Tensor that shares the memory of an array or tensor of any library that speaks DLPack, on its device.

    Raises TypeError for what does not, and for a dtype that Tensors do not have; RuntimeError where it is on a CUDA
    device and CuPy cannot be had.

    >>> import gradcu
    >>> import numpy as np
    >>> gradcu.from_dlpack(np.arange(3.0))
    tensor([0., 1., 2.], dtype=gradcu.float64)
    """
    if not hasattr(ext_tensor, "__dlpack_device__"):
        raise TypeError(f"from_dlpack(): argument 'ext_tensor' must speak DLPack, not {type_name(ext_tensor)}")
    kind, index = ext_tensor.__dlpack_device__()
    if kind not in _DLPACK_CUDA:
        array = np.from_dlpack(ext_tensor)
    else:
        place = resolve(f"cuda:{index}")
        with place.context:
            array = place.xp.from_dlpack(ext_tensor)
    _check_dtype(array)
    return Tensor._wrap(array)


# DLPack's numbers of CUDA's memory, on the device and managed: https://dmlc.github.io/dlpack/latest/c_api.html.
_DLPACK_CUDA = (2, 13)


@function(method=False)
def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Tensor:
    """``obj`` as a Tensor that is copied if ``copy`` is true, never if it is False, and else only where needed.

    A Tensor keeps its graph unless ``requires_grad`` is False. Raises ValueError where ``copy=False`` cannot be had.

    >>> import gradcu
    >>> gradcu.asarray([1, 2])
    tensor([1, 2])
    """
    if isinstance(obj, Tensor):
        found = as_tensor(obj, dtype, device)
        if found is not obj and copy is False:
            raise _alias_error(obj, found._array)
        found = clone(found) if copy and found is obj else found
        if requires_grad is False and found.requires_grad:
            return Tensor._wrap(found._memory(), found._version_counter)
        if requires_grad and not found.requires_grad:
            found.requires_grad = True
        return found
    array = _array_of(obj, dtype, device, copy=bool(copy))
    if copy is False and array is not obj:
        raise _alias_error(obj, array)
    return made(array, bool(requires_grad))


def _alias_error(obj: Any, array: Any) -> ValueError:
    if not hasattr(obj, "dtype"):
        return ValueError("can't alias arbitrary sequence into a tensor.")
    if obj.dtype != array.dtype:
        return ValueError(f"can't alias tensor with dtype '{obj.dtype}' into dtype '{array.dtype}'.")
    return ValueError(f"can't alias tensor on another device than {device_of(array)} without a copy.")


@function(method=False)
def scalar_tensor(
    s: Any, *, dtype: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False
) -> Tensor:
    """A 0-dim Tensor that holds a number, of the default dtype unless another is given, also for an int.

    >>> import gradcu
    >>> gradcu.scalar_tensor(2)
    tensor(2.)
    """
    if dtype is None and not isinstance(s, complex):
        dtype = get_default_dtype()
    return made(_array_of(s, dtype, device, copy=True, pin_memory=pin_memory), requires_grad)


def _array_of(data: Any, dtype: Any, device: Any, *, copy: bool, pin_memory: bool = False) -> Any:
    """``data`` as a raw array, of the ``dtype`` and on the ``device`` where they are given."""
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(data, Tensor):
        data = data._array
    if _is_array(data):
        array = data if hasattr(data, "__cuda_array_interface__") else np.asarray(data)
        _check_dtype(array)
        wanted = as_dtype(array.dtype) if wanted is None else wanted
        if device is None and _default_device() is CPU:
            device = device_of(array)
        if array.dtype != wanted or not array.dtype.isnative:
            with np.errstate(all="ignore"):
                array, copy = _real(array, wanted).astype(wanted), False
        return on_device(array, device, copy=copy, pin_memory=pin_memory)
    return on_device(_array_of_numbers(data, wanted), device, copy=False, pin_memory=pin_memory)


def _real(array: Any, dtype: np.dtype[Any]) -> Any:
    """``array``, or its real part where ``dtype`` is not complex; bool asks of both parts whether they are 0."""
    return array.real if array.dtype.kind == "c" and dtype.kind not in "cb" else array


def _is_array(data: Any) -> bool:
    """Whether ``data`` is an array, of NumPy, CuPy or another library that NumPy can read, and no NumPy scalar."""
    if isinstance(data, np.generic):
        return False
    return hasattr(data, "__array__") or hasattr(data, "__cuda_array_interface__")


def _check_dtype(array: Any) -> None:
    try:
        as_dtype(array.dtype)
    except TypeError:
        kind = array.dtype.type
        raise TypeError(
            f"can't convert np.ndarray of type {kind.__module__}.{kind.__name__}. The only supported types are: "
            "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, "
            "uint8, and bool."
        ) from None


def _array_of_numbers(data: Any, dtype: np.dtype[Any] | None) -> np.ndarray[Any, Any]:
    """Numbers, nested in sequences or not, as an array."""
    kinds: set[type] = set()
    _collect_types(data, kinds)
    if kinds <= _NUMBERS:
        numbers = data
        natural = _dtype_of_numbers(kinds)
    else:
        dtypes: set[np.dtype[Any]] = set()
        numbers = _plain(data, dtypes)
        natural = _promoted(dtypes)
    wanted = natural if dtype is None else dtype
    if natural.kind == "c" and wanted.kind in "fiu":
        raise TypeError("must be real number, not complex")
    try:
        with np.errstate(all="ignore"):
            if dtype is not None and dtype.kind in "iu":
                return _integers(numbers, natural, wanted)
            return np.array(numbers, dtype=wanted)
    except OverflowError:
        raise ValueError("Overflow when unpacking long long") from None
    except ValueError:
        _refuse_ragged(numbers)
        raise


def _collect_types(data: Any, kinds: set[type]) -> None:
    """Adds the types of all numbers in ``data`` to ``kinds``; a flat list of many costs one pass in C."""
    if not isinstance(data, _SEQUENCES):
        kinds.add(type(data))
        return
    found = set(map(type, data))
    if found.isdisjoint(_SEQUENCES):
        kinds |= found
        return
    for item in data:
        _collect_types(item, kinds)


def _dtype_of_numbers(kinds: set[type]) -> np.dtype[Any]:
    if complex in kinds:
        return default_complex_dtype()
    if float in kinds or not kinds:
        return get_default_dtype()
    return _INT64 if int in kinds else np.dtype(bool)


def _promoted(dtypes: set[np.dtype[Any]]) -> np.dtype[Any]:
    result: np.dtype[Any] | None = None
    for dtype in dtypes:
        result = dtype if result is None else promote(result, dtype)
    return get_default_dtype() if result is None else result


def _plain(data: Any, dtypes: set[np.dtype[Any]]) -> Any:
    """``data`` with Python numbers for arrays and for Tensors of one element; adds the dtypes to ``dtypes``."""
    if isinstance(data, Tensor):
        if data._array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        dtypes.add(data.dtype)
        return data._array.item()
    if isinstance(data, np.generic | np.ndarray) or is_cupy_array(data):
        _check_dtype(data)
        dtypes.add(as_dtype(data.dtype))
        return data.tolist()
    if isinstance(data, bool | int | float | complex):
        dtypes.add(_dtype_of_numbers({next(kind for kind in (bool, int, float, complex) if isinstance(data, kind))}))
        return data
    if isinstance(data, str | bytes):
        raise TypeError(f"new(): invalid data type '{type_name(data)}'")
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, dict):
        return [_plain(item, dtypes) for item in data]
    raise RuntimeError(f"Could not infer dtype of {type_name(data)}")


def _integers(numbers: Any, natural: np.dtype[Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """``numbers`` as integers of ``dtype``, floats cut off; unsigned dtypes take negative numbers as C does."""
    array = np.array(numbers, dtype=np.float64 if natural.kind == "f" else None)
    if array.dtype.kind == "O":
        raise OverflowError
    limits = np.iinfo(dtype)
    least = -limits.max if dtype.kind == "u" else limits.min
    whole = np.trunc(array) if array.dtype.kind == "f" else array
    # A float compares with the exact limits only as a Python number.
    if whole.size and not least <= whole.min().item() <= whole.max().item() <= limits.max:
        raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    if whole.dtype.kind == "f" and whole.size and whole.min() < 0:
        whole = whole.astype(np.int64)
    return whole.astype(dtype)


def _refuse_ragged(data: Any) -> None:
    """Raises the error for sequences of different lengths at one depth, in PyTorch's words."""
    lengths: list[int] = []
    level = data
    while isinstance(level, _SEQUENCES) or hasattr(level, "__len__"):
        lengths.append(len(level))
        if not len(level):
            break
        level = level[0]

    def check(part: Any, depth: int) -> None:
        nested = hasattr(part, "__len__")
        if depth == len(lengths):
            if nested:
                raise TypeError(f"must be real number, not {type_name(part)}")
            return
        if not nested:
            raise TypeError("not a sequence")
        if len(part) != lengths[depth]:
            raise ValueError(f"expected sequence of length {lengths[depth]} at dim {depth} (got {len(part)})")
        for item in part:
            check(item, depth + 1)

    check(data, 0)

"""Creation of Tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define import function
from .._dtype import as_dtype, get_default_dtype
from .._tensor import Tensor


@function(method=False)
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A Tensor that holds a copy of ``data``: a number, a nested sequence, or an array.

    Numbers and sequences of Python floats take the default dtype, of ints int64; an array keeps its dtype.

    >>> import gradcu
    >>> gradcu.tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    array = np.array(data)
    if dtype is not None:
        array = array.astype(as_dtype(dtype))
    elif not isinstance(data, (np.ndarray, np.generic)) and array.dtype.kind == "f":
        array = array.astype(get_default_dtype())
    out = Tensor._wrap(array)
    out.requires_grad = requires_grad
    return out

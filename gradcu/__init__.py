"""Autograd for NumPy and CuPy arrays, in PyTorch's language.

>>> import gradcu as torch
>>> x = torch.tensor(3.0, requires_grad=True)
>>> y = x**2
>>> y.backward()
>>> x.grad
tensor(6.)
"""

import gc as _gc
from typing import TYPE_CHECKING as _TYPE_CHECKING

# What a module makes stays. Looking through it for garbage again and again would take a sixth of the import, and so
# would doing it once at the end: all of it goes to the oldest generation instead, by way of the permanent one.
_collecting = _gc.isenabled()
_gc.disable()
try:
    from math import e as e
    from math import inf as inf
    from math import nan as nan
    from math import pi as pi

    from numpy import dtype as dtype

    from . import autograd as autograd
    from ._device import OutOfMemoryError as OutOfMemoryError
    from ._device import device as device
    from ._device import get_default_device as get_default_device
    from ._device import set_default_device as set_default_device
    from ._dtype import bool_ as bool
    from ._dtype import can_cast as can_cast
    from ._dtype import cdouble as cdouble
    from ._dtype import cfloat as cfloat
    from ._dtype import complex64 as complex64
    from ._dtype import complex128 as complex128
    from ._dtype import double as double
    from ._dtype import finfo as finfo
    from ._dtype import float16 as float16
    from ._dtype import float32 as float32
    from ._dtype import float64 as float64
    from ._dtype import float_ as float
    from ._dtype import get_default_dtype as get_default_dtype
    from ._dtype import half as half
    from ._dtype import iinfo as iinfo
    from ._dtype import int8 as int8
    from ._dtype import int16 as int16
    from ._dtype import int32 as int32
    from ._dtype import int64 as int64
    from ._dtype import int_ as int
    from ._dtype import is_complex as is_complex
    from ._dtype import is_floating_point as is_floating_point
    from ._dtype import long as long
    from ._dtype import promote_types as promote_types
    from ._dtype import result_type as result_type
    from ._dtype import set_default_dtype as set_default_dtype
    from ._dtype import short as short
    from ._dtype import uint8 as uint8
    from ._dtype import uint16 as uint16
    from ._dtype import uint32 as uint32
    from ._dtype import uint64 as uint64
    from ._methods import install as _install
    from ._tensor import Size as Size
    from ._tensor import Tensor as Tensor
    from ._tensor import is_inference as is_inference
    from ._tensor import is_tensor as is_tensor
    from .autograd import enable_grad as enable_grad
    from .autograd import inference_mode as inference_mode
    from .autograd import is_grad_enabled as is_grad_enabled
    from .autograd import is_inference_mode_enabled as is_inference_mode_enabled
    from .autograd import no_grad as no_grad
    from .autograd import set_grad_enabled as set_grad_enabled
    from .ops.data import from_cupy as from_cupy

    _install()

    if not _TYPE_CHECKING:
        from ._by_need import FUNCTIONS as _FUNCTIONS_BY_NEED
        from ._first_use import at_first_use as _at_first_use
        from ._op import FUNCTIONS as _FUNCTIONS

        globals().update(_FUNCTIONS)
        __getattr__, __dir__ = _at_first_use(
            __name__,
            {
                "are_deterministic_algorithms_enabled": "._determinism",
                "compile": ".fuse",
                "cuda": ".cuda",
                "fuse": ".fuse",
                "is_anomaly_check_nan_enabled": ".autograd.anomaly_mode",
                "is_anomaly_enabled": ".autograd.anomaly_mode",
                "math": ".math",
                "nn": ".nn",
                "return_types": ".return_types",
                "set_printoptions": "._format",
                "special": ".special",
                "sweep": ".sweeps",
                "sweeps": ".sweeps",
                "use_deterministic_algorithms": "._determinism",
                **dict.fromkeys(_FUNCTIONS_BY_NEED, "._functions"),
            },
        )
        # For `from gradcu import *`.
        __all__ = [_name for _name in __dir__() if not _name.startswith("_")]
finally:
    if _collecting:
        if not _gc.get_freeze_count():
            _gc.freeze()
            _gc.unfreeze()
        _gc.enable()

__version__ = "0.1.0"

if _TYPE_CHECKING:
    from . import cuda as cuda
    from . import fuse as fuse
    from . import math as math
    from . import nn as nn
    from . import return_types as return_types
    from . import special as special
    from . import sweeps as sweeps
    from ._determinism import are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled
    from ._determinism import use_deterministic_algorithms as use_deterministic_algorithms
    from ._format import set_printoptions as set_printoptions
    from ._functions import *  # noqa: F403
    from .autograd.anomaly_mode import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
    from .autograd.anomaly_mode import is_anomaly_enabled as is_anomaly_enabled
    from .fuse import compile as compile
    from .sweeps import sweep as sweep

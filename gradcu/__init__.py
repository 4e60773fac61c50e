"""Autograd for NumPy and CuPy arrays, in PyTorch's language.

>>> import gradcu as torch
>>> x = torch.tensor(3.0, requires_grad=True)
>>> y = x**2
>>> y.backward()
>>> x.grad
tensor(6.)
"""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from numpy import dtype as dtype

from . import autograd as autograd
from . import math as math
from ._device import device as device
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
from ._format import set_printoptions as set_printoptions
from ._methods import install
from ._tensor import Size as Size
from ._tensor import Tensor as Tensor
from ._tensor import is_tensor as is_tensor
from .autograd import enable_grad as enable_grad
from .autograd import is_grad_enabled as is_grad_enabled
from .autograd import no_grad as no_grad
from .autograd import set_grad_enabled as set_grad_enabled
from .sweeps import sweep as sweep

# Written by docs/generate.py from the ops: begin
from ._functions import *
# Written by docs/generate.py from the ops: end

__version__ = "0.1.0"

install()
del install

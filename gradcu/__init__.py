"""Autograd for NumPy and CuPy arrays that speaks PyTorch's language."""

from . import autograd as autograd
from ._tensor import Size as Size
from ._tensor import Tensor as Tensor
from . import ops as ops
from ._methods import install

__version__ = "0.1.0"

install()
from ._op import FUNCTIONS
globals().update(FUNCTIONS)

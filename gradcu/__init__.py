"""Autograd for NumPy and CuPy arrays, in PyTorch's language.

>>> import gradcu as torch
>>> x = torch.tensor(3.0, requires_grad=True)
>>> y = x**2
>>> y.backward()
>>> x.grad
tensor(6.)
"""

import gc
from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

# What a module makes stays. Looking through it for garbage again and again would take a sixth of the import.
_collecting = gc.isenabled()
gc.disable()
try:
    from math import e as e
    from math import inf as inf
    from math import nan as nan
    from math import pi as pi

    from numpy import dtype as dtype

    from . import autograd as autograd
    from . import math as math
    from . import return_types as return_types
    from ._determinism import are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled
    from ._determinism import use_deterministic_algorithms as use_deterministic_algorithms
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
    from ._format import set_printoptions as set_printoptions

    # Written by docs/generate.py from the ops: begin
    from ._functions import abs as abs
    from ._functions import absolute as absolute
    from ._functions import acos as acos
    from ._functions import acosh as acosh
    from ._functions import add as add
    from ._functions import all as all
    from ._functions import allclose as allclose
    from ._functions import amax as amax
    from ._functions import amin as amin
    from ._functions import any as any
    from ._functions import arange as arange
    from ._functions import arccos as arccos
    from ._functions import arccosh as arccosh
    from ._functions import arcsin as arcsin
    from ._functions import arcsinh as arcsinh
    from ._functions import arctan as arctan
    from ._functions import arctan2 as arctan2
    from ._functions import arctanh as arctanh
    from ._functions import argmax as argmax
    from ._functions import argmin as argmin
    from ._functions import argwhere as argwhere
    from ._functions import as_tensor as as_tensor
    from ._functions import asarray as asarray
    from ._functions import asin as asin
    from ._functions import asinh as asinh
    from ._functions import atan as atan
    from ._functions import atan2 as atan2
    from ._functions import atanh as atanh
    from ._functions import bitwise_and as bitwise_and
    from ._functions import bitwise_not as bitwise_not
    from ._functions import bitwise_or as bitwise_or
    from ._functions import bitwise_xor as bitwise_xor
    from ._functions import bmm as bmm
    from ._functions import broadcast_tensors as broadcast_tensors
    from ._functions import broadcast_to as broadcast_to
    from ._functions import cat as cat
    from ._functions import ceil as ceil
    from ._functions import chunk as chunk
    from ._functions import clamp as clamp
    from ._functions import clamp_max as clamp_max
    from ._functions import clamp_min as clamp_min
    from ._functions import clip as clip
    from ._functions import clone as clone
    from ._functions import concat as concat
    from ._functions import concatenate as concatenate
    from ._functions import contiguous as contiguous
    from ._functions import cos as cos
    from ._functions import cosh as cosh
    from ._functions import cumprod as cumprod
    from ._functions import cumsum as cumsum
    from ._functions import diag as diag
    from ._functions import diag_embed as diag_embed
    from ._functions import diagonal as diagonal
    from ._functions import digamma as digamma
    from ._functions import div as div
    from ._functions import divide as divide
    from ._functions import dot as dot
    from ._functions import einsum as einsum
    from ._functions import empty as empty
    from ._functions import empty_like as empty_like
    from ._functions import eq as eq
    from ._functions import equal as equal
    from ._functions import erf as erf
    from ._functions import erfc as erfc
    from ._functions import exp as exp
    from ._functions import exp2 as exp2
    from ._functions import expand as expand
    from ._functions import expand_as as expand_as
    from ._functions import expm1 as expm1
    from ._functions import eye as eye
    from ._functions import fix as fix
    from ._functions import flatten as flatten
    from ._functions import flip as flip
    from ._functions import floor as floor
    from ._functions import floor_divide as floor_divide
    from ._functions import fmod as fmod
    from ._functions import frac as frac
    from ._functions import from_dlpack as from_dlpack
    from ._functions import from_numpy as from_numpy
    from ._functions import full as full
    from ._functions import full_like as full_like
    from ._functions import gather as gather
    from ._functions import ge as ge
    from ._functions import gelu as gelu
    from ._functions import greater as greater
    from ._functions import greater_equal as greater_equal
    from ._functions import gt as gt
    from ._functions import hstack as hstack
    from ._functions import hypot as hypot
    from ._functions import index_put as index_put
    from ._functions import index_select as index_select
    from ._functions import isclose as isclose
    from ._functions import isfinite as isfinite
    from ._functions import isinf as isinf
    from ._functions import isnan as isnan
    from ._functions import le as le
    from ._functions import leaky_relu as leaky_relu
    from ._functions import less as less
    from ._functions import less_equal as less_equal
    from ._functions import lgamma as lgamma
    from ._functions import linspace as linspace
    from ._functions import log as log
    from ._functions import log1p as log1p
    from ._functions import log2 as log2
    from ._functions import log10 as log10
    from ._functions import log_softmax as log_softmax
    from ._functions import logaddexp as logaddexp
    from ._functions import logical_and as logical_and
    from ._functions import logical_not as logical_not
    from ._functions import logical_or as logical_or
    from ._functions import logical_xor as logical_xor
    from ._functions import logspace as logspace
    from ._functions import logsumexp as logsumexp
    from ._functions import lt as lt
    from ._functions import manual_seed as manual_seed
    from ._functions import masked_fill as masked_fill
    from ._functions import masked_select as masked_select
    from ._functions import matmul as matmul
    from ._functions import max as max
    from ._functions import maximum as maximum
    from ._functions import mean as mean
    from ._functions import meshgrid as meshgrid
    from ._functions import min as min
    from ._functions import minimum as minimum
    from ._functions import mm as mm
    from ._functions import moveaxis as moveaxis
    from ._functions import movedim as movedim
    from ._functions import mul as mul
    from ._functions import multiply as multiply
    from ._functions import mv as mv
    from ._functions import narrow as narrow
    from ._functions import ne as ne
    from ._functions import neg as neg
    from ._functions import negative as negative
    from ._functions import nonzero as nonzero
    from ._functions import norm as norm
    from ._functions import not_equal as not_equal
    from ._functions import ones as ones
    from ._functions import ones_like as ones_like
    from ._functions import outer as outer
    from ._functions import permute as permute
    from ._functions import polygamma as polygamma
    from ._functions import positive as positive
    from ._functions import pow as pow
    from ._functions import prod as prod
    from ._functions import rand as rand
    from ._functions import rand_like as rand_like
    from ._functions import randint as randint
    from ._functions import randn as randn
    from ._functions import randn_like as randn_like
    from ._functions import randperm as randperm
    from ._functions import ravel as ravel
    from ._functions import reciprocal as reciprocal
    from ._functions import relu as relu
    from ._functions import remainder as remainder
    from ._functions import repeat as repeat
    from ._functions import repeat_interleave as repeat_interleave
    from ._functions import reshape as reshape
    from ._functions import reshape_as as reshape_as
    from ._functions import roll as roll
    from ._functions import round as round
    from ._functions import rsqrt as rsqrt
    from ._functions import scalar_tensor as scalar_tensor
    from ._functions import select as select
    from ._functions import sigmoid as sigmoid
    from ._functions import sign as sign
    from ._functions import silu as silu
    from ._functions import sin as sin
    from ._functions import sinc as sinc
    from ._functions import sinh as sinh
    from ._functions import softmax as softmax
    from ._functions import softplus as softplus
    from ._functions import split as split
    from ._functions import sqrt as sqrt
    from ._functions import square as square
    from ._functions import squeeze as squeeze
    from ._functions import stack as stack
    from ._functions import std as std
    from ._functions import sub as sub
    from ._functions import subtract as subtract
    from ._functions import sum as sum
    from ._functions import sum_to_size as sum_to_size
    from ._functions import swapaxes as swapaxes
    from ._functions import swapdims as swapdims
    from ._functions import t as t
    from ._functions import take_along_dim as take_along_dim
    from ._functions import tan as tan
    from ._functions import tanh as tanh
    from ._functions import tensor as tensor
    from ._functions import tile as tile
    from ._functions import transpose as transpose
    from ._functions import tril as tril
    from ._functions import triu as triu
    from ._functions import true_divide as true_divide
    from ._functions import trunc as trunc
    from ._functions import unbind as unbind
    from ._functions import unflatten as unflatten
    from ._functions import unsqueeze as unsqueeze
    from ._functions import var as var
    from ._functions import view as view
    from ._functions import view_as as view_as
    from ._functions import vstack as vstack
    from ._functions import where as where
    from ._functions import zeros as zeros
    from ._functions import zeros_like as zeros_like

    # Written by docs/generate.py from the ops: end
    from ._methods import install
    from ._tensor import Size as Size
    from ._tensor import Tensor as Tensor
    from ._tensor import is_tensor as is_tensor
    from .autograd import enable_grad as enable_grad
    from .autograd import is_grad_enabled as is_grad_enabled
    from .autograd import no_grad as no_grad
    from .autograd import set_grad_enabled as set_grad_enabled
    from .fuse import compile as compile
    from .ops.data import from_cupy as from_cupy
    from .sweeps import sweep as sweep

    install()
finally:
    if _collecting:
        gc.enable()

del gc, install

__version__ = "0.1.0"

if _TYPE_CHECKING:
    from . import cuda as cuda


def __getattr__(name: str) -> object:
    if name == "cuda":
        # Loaded at its first use (PEP 562), as CuPy is.
        return _import_module(".cuda", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)

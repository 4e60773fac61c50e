"""The functions of neural networks, as PyTorch's ``torch.nn.functional`` has them; they are gradcu's own.

>>> import gradcu
>>> import gradcu.nn.functional as F
>>> F.relu(gradcu.tensor([-1.0, 2.0]))
tensor([0., 2.])
"""

from __future__ import annotations

from collections.abc import Callable as _Callable
from functools import wraps as _wraps
from typing import Any as _Any

from .. import _functions as _own
from .._functions import binary_cross_entropy as binary_cross_entropy
from .._functions import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from .._functions import cross_entropy as cross_entropy
from .._functions import gelu as gelu
from .._functions import glu as glu
from .._functions import hardshrink as hardshrink
from .._functions import huber_loss as huber_loss
from .._functions import kl_div as kl_div
from .._functions import l1_loss as l1_loss
from .._functions import linear as linear
from .._functions import log_softmax as log_softmax
from .._functions import logsigmoid as logsigmoid
from .._functions import mse_loss as mse_loss
from .._functions import nll_loss as nll_loss
from .._functions import prelu as prelu
from .._functions import sigmoid as sigmoid
from .._functions import smooth_l1_loss as smooth_l1_loss
from .._functions import softmax as softmax
from .._functions import softmin as softmin
from .._functions import softplus as softplus
from .._functions import softshrink as softshrink
from .._functions import softsign as softsign
from .._functions import tanh as tanh
from .._functions import tanhshrink as tanhshrink
from .._inplace import in_place as _in_place
from .._tensor import Tensor as _Tensor


def _optionally_in_place(function: _Callable[..., _Tensor]) -> _Callable[..., _Tensor]:
    """``function``, which with ``inplace=True`` changes its input and returns it."""
    changing = _in_place(function, f"{function.__name__}_")

    @_wraps(function)
    def called(input: _Any, *args: _Any, inplace: bool = False, **kwargs: _Any) -> _Tensor:
        return (changing if inplace else function)(input, *args, **kwargs)

    return called


celu = _optionally_in_place(_own.celu)
elu = _optionally_in_place(_own.elu)
hardsigmoid = _optionally_in_place(_own.hardsigmoid)
hardswish = _optionally_in_place(_own.hardswish)
hardtanh = _optionally_in_place(_own.hardtanh)
leaky_relu = _optionally_in_place(_own.leaky_relu)
mish = _optionally_in_place(_own.mish)
relu = _optionally_in_place(_own.relu)
relu6 = _optionally_in_place(_own.relu6)
selu = _optionally_in_place(_own.selu)
silu = _optionally_in_place(_own.silu)
threshold = _optionally_in_place(_own.threshold)

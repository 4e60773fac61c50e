"""Losses: how far predictions are from targets, element by element, in sum or on average.

PyTorch has them in ``torch.nn.functional`` alone; gradcu has them there and in its own namespace. With ``reduction``
"none" the result has the shape of the operands, broadcast; with "sum" or "mean" it is a 0-dim Tensor.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from .._define import function, structured
from .._op import FUNCTIONS
from .._tensor import Tensor
from ._accumulation import added
from ._arguments import require_tensor
from ._refusals import refusing
from .compare import less, select, where
from .join import broadcast_tensors
from .reduce import mean, sum
from .rounding import abs, sign

REDUCTIONS = ("none", "mean", "sum")


def check_reduction(reduction: Any) -> None:
    """Raises ValueError for what is no reduction."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")


def reduced(xp: Any, cost: Any, reduction: str) -> Any:
    """The cost of each element, or of all."""
    if reduction == "none":
        return cost
    return added(xp, cost, None, None, keepdims=False, divisor=max(cost.size, 1) if reduction == "mean" else 1)


def share(g: Any, shape: tuple[int, ...], reduction: str) -> Any:
    """What one element's cost counts for."""
    return g / math.prod(shape) if reduction == "mean" else g


def recorded(costs: Tensor, reduction: str) -> Tensor:
    """Costs reduced by ops of their own, as PyTorch does for some losses."""
    check_reduction(reduction)
    return costs if reduction == "none" else mean(costs) if reduction == "mean" else sum(costs)


def _same_shapes(name: str, input: Any, target: Any) -> list[Tensor]:
    """The two, broadcast to one shape, with PyTorch's warning that this is rarely meant."""
    require_pair(name, input, target)
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            UserWarning,
            stacklevel=3,
        )
    return list(broadcast_tensors(input, target))


def _mse_vjp(g: Any, x: Any, target: Any, x_shape: tuple[int, ...], reduction: str) -> Any:
    return share(g, x_shape, reduction) * ((x - target) * 2)


@structured(
    "mse_loss",
    statics=1,
    promotion="same",
    public=False,
    prepare=refusing("c", "mse_cpu", 2),
    dx=_mse_vjp,
    dtarget=lambda g, x, target, x_shape, reduction: -_mse_vjp(g, x, target, x_shape, reduction),
)
def _mse(xp: Any, x: Any, target: Any, reduction: str) -> Any:
    """The squared differences of two arrays of one shape."""
    apart = x - target
    return reduced(xp, apart * apart, reduction)


@function(method=False)
def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The squared difference of ``input`` and ``target``.

    Raises ValueError for another ``reduction``. Warns where the shapes differ.

    >>> import gradcu
    >>> gradcu.mse_loss(gradcu.tensor([1.0, 2.0]), gradcu.tensor([1.0, 4.0]))
    tensor(2.)
    """
    check_reduction(reduction)
    return _mse(*_same_shapes("mse_loss", input, target), reduction)


def _distance(input: Tensor, target: Tensor) -> Tensor:
    return abs(FUNCTIONS["sub"](input, target))


@function(method=False)
def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The absolute difference of ``input`` and ``target``.

    Raises ValueError for another ``reduction``. Warns where the shapes differ.

    >>> import gradcu
    >>> gradcu.l1_loss(gradcu.tensor([1.0, 2.0]), gradcu.tensor([1.0, 4.0]), reduction="sum")
    tensor(2.)
    """
    check_reduction(reduction)
    return recorded(_distance(*_same_shapes("l1_loss", input, target)), reduction)


def _bent_slope(x: Any, target: Any, bend: float, scale: float) -> Any:
    """The slope of a parabola within ``bend`` of 0, and of lines beyond, times ``scale``."""
    apart = x - target
    return where(less(abs(apart), bend), apart / bend, sign(apart)) * scale


def _smooth_l1_vjp(g: Any, x: Any, target: Any, x_shape: tuple[int, ...], reduction: str, beta: float) -> Any:
    return share(g, x_shape, reduction) * _bent_slope(x, target, beta, 1)


def _bent(xp: Any, x: Any, target: Any, bend: float, scale: float) -> Any:
    apart = xp.abs(x - target)
    return select(xp, apart < bend, apart * apart * (0.5 / bend), apart - 0.5 * bend) * scale


@structured(
    "smooth_l1_loss",
    statics=2,
    node="SmoothL1LossBackward0",
    promotion="same",
    public=False,
    prepare=refusing("c", "smooth_l1_cpu", 2),
    dx=_smooth_l1_vjp,
    dtarget=lambda g, x, target, x_shape, reduction, beta: -_smooth_l1_vjp(g, x, target, x_shape, reduction, beta),
)
def _smooth_l1(xp: Any, x: Any, target: Any, reduction: str, beta: float) -> Any:
    """The absolute differences, rounded off within ``beta`` of 0."""
    return reduced(xp, _bent(xp, x, target, beta, 1), reduction)


@function(method=False)
def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """The absolute difference of ``input`` and ``target`` less beta / 2; within ``beta``, half its square over beta.

    Raises ValueError for another ``reduction``, RuntimeError for a negative ``beta``. Warns where the shapes differ.

    >>> import gradcu
    >>> gradcu.smooth_l1_loss(gradcu.tensor([1.0, 2.0]), gradcu.tensor([1.5, 4.0]), reduction="none")
    tensor([0.1250, 1.5000])
    """
    check_reduction(reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    operands = _same_shapes("smooth_l1_loss", input, target)
    return _smooth_l1(*operands, reduction, float(beta)) if beta else recorded(_distance(*operands), reduction)


def _huber_vjp(g: Any, x: Any, target: Any, x_shape: tuple[int, ...], reduction: str, delta: float) -> Any:
    return share(g, x_shape, reduction) * _bent_slope(x, target, delta, delta)


@structured(
    "huber_loss",
    statics=2,
    public=False,
    prepare=refusing("c", "huber_cpu", 2),
    dx=_huber_vjp,
    dtarget=lambda g, x, target, x_shape, reduction, delta: -_huber_vjp(g, x, target, x_shape, reduction, delta),
)
def _huber(xp: Any, x: Any, target: Any, reduction: str, delta: float) -> Any:
    """Half the squared differences within ``delta`` of 0, and lines beyond, in the dtype of ``x``."""
    return reduced(xp, _bent(xp, x, target, delta, delta).astype(x.dtype, copy=False), reduction)


@function(method=False)
def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Half the squared difference of ``input`` and ``target`` within ``delta``; beyond, a line of the slope delta.

    Raises ValueError for another ``reduction``, RuntimeError where ``delta`` is not positive. Warns where the shapes
    differ.

    >>> import gradcu
    >>> gradcu.huber_loss(gradcu.tensor([1.0, 2.0]), gradcu.tensor([1.5, 4.0]), reduction="none", delta=0.5)
    tensor([0.1250, 0.8750])
    """
    check_reduction(reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    return _huber(*_same_shapes("huber_loss", input, target), reduction, float(delta))


def require_pair(name: str, input: Any, target: Any) -> None:
    """Raises TypeError where either is no Tensor."""
    require_tensor(name, input)
    require_tensor(name, target, "target", 1)

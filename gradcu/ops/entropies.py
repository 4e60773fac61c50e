"""Losses of probabilities and of classes: cross entropies, divergences, likelihoods.

As in `losses`, PyTorch has them in ``torch.nn.functional`` alone; gradcu has them there and in its own namespace.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from .._define import function, structured
from .._dtype import scalar_name
from .._tensor import Tensor
from ._accumulation import added
from ._index_arrays import places_along
from ._refusals import refusing
from .arithmetic import add, div, mul, neg, sub
from .elementary import exp, log, sigmoid
from .extrema import clamp_from_below
from .join import broadcast_shape
from .logarithms import xlogy
from .losses import check_reduction, recorded, reduced, require_pair, share
from .pick import gathered_from
from .piecewise import logsigmoid
from .reduce import sum
from .shape import expand, reshape
from .softmax import log_softmax


def _weighted(value: Any, weight: Any) -> Any:
    return value if weight is None else value * weight


def _entropy_vjp(g: Any, x: Any, target: Any, weight: Any, x_shape: tuple[int, ...], reduction: str) -> Any:
    slope = (x - target) / clamp_from_below(x * (1 - x), 1e-12, "ClampMinBackward0")
    return share(g, x_shape, reduction) * _weighted(slope, weight)


def _entropy_target_vjp(g: Any, x: Any, weight: Any, x_shape: tuple[int, ...], reduction: str) -> Any:
    return share(g, x_shape, reduction) * _weighted(log(1 - x) - log(x), weight)


@structured(
    "binary_cross_entropy",
    statics=1,
    public=False,
    prepare=refusing("c", "binary_cross_entropy", 3),
    dx=_entropy_vjp,
    dtarget=_entropy_target_vjp,
)
def _entropy(xp: Any, x: Any, target: Any, weight: Any, reduction: str) -> Any:
    """The cross entropies of probabilities, whose logarithms count as no less than -100."""
    of_one, of_zero = xp.maximum(xp.log(x), -100), xp.maximum(xp.log(1 - x), -100)
    return reduced(xp, _weighted((target - 1) * of_zero - target * of_one, weight), reduction)


@function(method=False)
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """-(target * log(input) + (1 - target) * log(1 - input)) for probabilities, times ``weight``.

    A logarithm counts as no less than -100, so that a wrong certainty has a finite loss. Raises ValueError where the
    shapes differ and for another ``reduction``, RuntimeError where an ``input`` is not between 0 and 1 or the dtypes
    differ.

    >>> import gradcu
    >>> gradcu.binary_cross_entropy(gradcu.tensor([0.25, 0.5]), gradcu.tensor([0.0, 1.0]))
    tensor(0.4904)
    """
    check_reduction(reduction)
    require_pair("binary_cross_entropy", input, target)
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    if input.dtype != target.dtype:
        raise RuntimeError(f"Found dtype {scalar_name(target.dtype)} but expected {scalar_name(input.dtype)}")
    x = input._memory()
    if ((x < 0) | (x > 1)).any():
        raise RuntimeError("all elements of input should be between 0 and 1")
    return _entropy(input, target, _expanded(weight, input), reduction)


def _expanded(weight: Tensor | None, input: Tensor) -> Tensor | None:
    """A weight in the shape of ``input``."""
    return None if weight is None else expand(weight, broadcast_shape(weight._array.shape, input._array.shape))


def _logits_vjp(g: Any, x: Any, target: Any, weight: Any, pos_weight: Any, x_shape: tuple[int, ...],
                reduction: str) -> Any:  # fmt: skip
    positive = _weighted(target, pos_weight)
    slope = sigmoid(x) - target if pos_weight is None else (positive + 1 - target) * sigmoid(x) - positive
    return share(g, x_shape, reduction) * _weighted(slope, weight)


def _logits_target_vjp(g: Any, x: Any, weight: Any, pos_weight: Any, x_shape: tuple[int, ...], reduction: str) -> Any:
    slope = -x if pos_weight is None else logsigmoid(-x) - logsigmoid(x) * pos_weight
    return share(g, x_shape, reduction) * _weighted(slope, weight)


@structured(
    "binary_cross_entropy_with_logits",
    statics=1,
    node="BinaryCrossEntropyWithLogitsBackward0",
    public=False,
    prepare=refusing("c", "log_sigmoid_cpu", 4),
    dx=_logits_vjp,
    dtarget=_logits_target_vjp,
)
def _entropy_of_logits(xp: Any, x: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    """The cross entropies of probabilities that are given by their logits."""
    soft = xp.log1p(xp.exp(-xp.abs(x))) + xp.maximum(-x, 0)
    cost = (1 - target) * x + (soft if pos_weight is None else ((pos_weight - 1) * target + 1) * soft)
    return reduced(xp, _weighted(cost, weight), reduction)


@function(method=False)
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), without overflow; ``pos_weight`` multiplies the targets' share.

    Raises ValueError where the shapes differ and for another ``reduction``.

    >>> import gradcu
    >>> gradcu.binary_cross_entropy_with_logits(gradcu.tensor([0.0, 100.0]), gradcu.tensor([1.0, 1.0]))
    tensor(0.3466)
    """
    check_reduction(reduction)
    require_pair("binary_cross_entropy_with_logits", input, target)
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    return _entropy_of_logits(input, target, _expanded(weight, input), _expanded(pos_weight, input), reduction)


@function(method=False)
def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Target * (log(target) - input), the Kullback-Leibler divergence of log-probabilities from ``target``.

    With ``log_target`` the targets are logarithms too. The reduction "batchmean" is the sum over the length of
    dimension 0. Raises ValueError for another ``reduction``; warns at "mean", which is no divergence.

    >>> import gradcu
    >>> gradcu.kl_div(gradcu.tensor([0.5, 0.5]).log(), gradcu.tensor([0.25, 0.75]), reduction="sum")
    tensor(0.1308)
    """
    if reduction != "batchmean":
        check_reduction(reduction)
    require_pair("kl_div", input, target)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            UserWarning,
            stacklevel=3,
        )
    if input.dtype.kind in "iub" and target.dtype.kind in "iub":
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if "c" in (input.dtype.kind, target.dtype.kind):
        raise RuntimeError("kl_div: Complex inputs not supported.")
    costs = mul(exp(target), sub(target, input)) if log_target else sub(xlogy(target, target), mul(target, input))
    if reduction == "batchmean":
        return div(sum(costs), input.shape[0]) if input.ndim else sum(costs)
    return recorded(costs, reduction)


def _picked_vjp(g: Any, index: Any, factor: Any, x_shape: tuple[int, ...], dim: int) -> Any:
    return gathered_from(reshape(-(g * factor), index.shape), index, x_shape, dim)


@structured(
    "nll_loss",
    statics=3,
    node=lambda node: node,
    public=False,
    prepare=refusing("c", "nll_loss_out_frame", 3),
    dx=_picked_vjp,
)
def _picked(xp: Any, x: Any, index: Any, factor: Any, dim: int, reduction: str, node: str) -> Any:
    """Minus the elements of ``x`` that ``index`` names along ``dim``, times ``factor``, or their sum."""
    costs = -(x[places_along(xp, index, dim)].reshape(factor.shape) * factor)
    return costs if reduction == "none" else added(xp, costs, None, None, keepdims=False)


@function(method=False)
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Minus the log-probability in ``input`` of each class that ``target`` names, times the class's ``weight``.

    ``input`` has the classes along dimension 1, or 0 where it has no other; ``target`` has the shape without that
    dimension, of int64. Targets of ``ignore_index`` count nothing. The mean is over the weights. Raises ValueError for
    another ``reduction``, RuntimeError and ValueError for other shapes, IndexError for a class that is not there.

    >>> import gradcu
    >>> scores = gradcu.tensor([[-0.5, -1.0], [-2.0, -0.25]])
    >>> gradcu.nll_loss(scores, gradcu.tensor([0, 1]))
    tensor(0.3750)
    """
    check_reduction(reduction)
    require_pair("nll_loss", input, target)
    shape, found = input._array.shape, target._array.shape
    if not shape:
        raise RuntimeError("input tensor should be 1D or 2D")
    at = 0 if len(shape) == 1 else 1
    wanted = shape[:at] + shape[at + 1 :]
    if found != wanted:
        if len(shape) <= 2 and len(found) > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if found[:1] != shape[:1]:
            raise ValueError(
                f"Expected input batch_size ({shape[0]}) to match target batch_size ({found[0] if found else 1})."
            )
        raise RuntimeError(f"Expected target size {list(wanted)}, got {list(found)}")
    if weight is not None and weight.dtype != input.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(input.dtype)} but found {scalar_name(weight.dtype)}")
    numbers, factor = _class_factors(input, target, weight, shape[at], ignore_index)
    if reduction == "mean":
        factor = factor / factor.sum()
    index = Tensor._wrap(numbers.reshape((*found[:at], 1, *found[at:]) if found else (1,)))
    node = "NllLossBackward0"
    if len(shape) > 2:
        # PyTorch views all but images as images.
        node = "NllLoss2DBackward0" if len(shape) == 4 or reduction != "none" else "ViewBackward0"
    return _picked(input, index, Tensor._wrap(factor), at, reduction, node)


def _class_factors(input: Tensor, target: Tensor, weight: Tensor | None, count: int, ignored: int) -> tuple[Any, Any]:
    """The classes' numbers, 0 for those that are ignored, and what each counts for."""
    numbers, xp = target._memory(), input.device.xp
    counts = numbers != ignored
    outside = counts & ((numbers < 0) | (numbers >= count))
    if outside.any():
        raise IndexError(f"Target {int(numbers[outside][0])} is out of bounds.")
    if weight is not None and weight._array.shape != (count,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {count} classes or no classes but got weight tensor of "
            f"shape: {list(weight._array.shape)}"
        )
    numbers = xp.where(counts, numbers, 0)
    factor = counts.astype(input.dtype)
    return numbers, factor if weight is None else factor * weight._memory()[numbers]


@function(method=False)
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """`nll_loss` of the `log_softmax` of scores; ``target`` may also be probabilities in the shape of ``input``.

    ``label_smoothing`` is how much of each target is spread evenly over all classes. Raises what `nll_loss` does, and
    RuntimeError where ``label_smoothing`` is not between 0 and 1.

    >>> import gradcu
    >>> gradcu.cross_entropy(gradcu.tensor([[0.0, 0.0], [5.0, 5.0]]), gradcu.tensor([0, 1]))
    tensor(0.6931)
    """
    check_reduction(reduction)
    require_pair("cross_entropy", input, target)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    at = 1 if input.ndim > 1 else 0
    scores = log_softmax(input, at)
    if target.dtype.kind == "f":
        if target.shape != input.shape:
            raise RuntimeError(
                f"Expected floating point type for target with class probabilities, got {scalar_name(target.dtype)}"
            )
        return _cross_entropy_of_probabilities(scores, target, weight, reduction, label_smoothing, at)
    costs = nll_loss(scores, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return costs
    smooth = _smooth_costs(scores, target, weight, ignore_index, reduction, at)
    return add(mul(costs, 1 - label_smoothing), mul(smooth, label_smoothing / input.shape[at]))


def _along(weight: Tensor | None, ndim: int, at: int) -> Tensor | None:
    """The weights of classes, such that they broadcast along dimension ``at``."""
    return None if weight is None else reshape(weight, tuple(-1 if d == at else 1 for d in range(ndim)))


def _smooth_costs(
    scores: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, at: int
) -> Tensor:
    """The costs of all classes alike."""
    costs = neg(sum(_weighted(scores, _along(weight, scores.ndim, at)), at))
    _, factor = _class_factors(scores, target, None, scores.shape[at], ignore_index)
    costs = mul(costs, Tensor._wrap(factor))
    if reduction != "mean":
        return recorded(costs, reduction)
    _, counts = _class_factors(scores, target, weight, scores.shape[at], ignore_index)
    return div(sum(costs), Tensor._wrap(counts.sum()))


def _cross_entropy_of_probabilities(
    scores: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float, at: int
) -> Tensor:
    count = scores.shape[at]
    if label_smoothing:
        target = add(mul(target, 1 - label_smoothing), label_smoothing / count)
    costs = _weighted(mul(scores, target), _along(weight, scores.ndim, at))
    if reduction == "none":
        return neg(sum(costs, at))
    total = neg(sum(costs))
    return total if reduction == "sum" else div(total, math.prod(scores.shape) // count)

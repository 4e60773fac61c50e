"""Rows of losses."""

from typing import Any

import numpy as np

from tests.lazy import lazily
from tests.table import A, Row, S

REDUCTIONS = ("none", "mean", "sum")
BETWEEN = A(low=0.1, high=0.9)
# Differences that are nowhere near 0 or 1, where the losses bend.
NEAR, FAR = A(low=0.1, high=0.8), A(low=-0.9, high=0.0)
CLASSES = A((3,), 0, 4, kind="i")


def loss(costs: Any) -> Any:
    """A loss with a reduction, from the costs of all elements."""

    def reference(*operands: Any, reduction: str = "mean", **options: Any) -> Any:
        found = costs(*operands, **options)
        return {"none": lambda x: x, "mean": np.mean, "sum": np.sum}[reduction](found)

    return reference


def bent(x: Any, target: Any, bend: float, scale: float) -> Any:
    apart = np.abs(x - target)
    return np.where(apart < bend, 0.5 * apart**2 / bend, apart - 0.5 * bend) * scale


def cross_entropies(x: Any, target: Any, weight: Any = None) -> Any:
    found = -target * np.log(x) - (1 - target) * np.log1p(-x)
    return found if weight is None else found * weight


def cross_entropies_of_logits(x: Any, target: Any, weight: Any = None, pos_weight: Any = None) -> Any:
    log_expit = lazily("scipy.special", "log_expit")
    found = -target * log_expit(x) * (1 if pos_weight is None else pos_weight) - (1 - target) * log_expit(-x)
    return found if weight is None else found * weight


def negative_likelihood(
    x: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """Class by class, in loops."""
    at = 1 if x.ndim > 1 else 0
    costs, weights = np.zeros(target.shape), np.zeros(target.shape)
    for place in np.ndindex(target.shape):
        number = int(target[place])
        if number != ignore_index:
            weights[place] = 1 if weight is None else weight[number]
            costs[place] = -x[(*place[:at], number, *place[at:])] * weights[place]
    return costs if reduction == "none" else costs.sum() / (weights.sum() if reduction == "mean" else 1)


def cross_entropy(x: Any, target: Any, weight: Any = None, label_smoothing: float = 0.0, **options: Any) -> Any:
    scores = lazily("scipy.special", "log_softmax")(x, 1)
    if target.dtype.kind == "f":
        return -(scores * target).sum()
    costs = negative_likelihood(scores, target, weight, **options)
    every = np.mean([negative_likelihood(scores, 0 * target + k, **options) for k in range(x.shape[1])], 0)
    return (1 - label_smoothing) * costs + label_smoothing * every


def functional(name: str, samples: Any, reference: Any, **options: Any) -> Row:
    return Row(name, samples, reference, torch=f"nn.functional.{name}", **options)


ROWS = [
    functional(
        "mse_loss", tuple(S(A(), A(), reduction=way) for way in REDUCTIONS), loss(lambda x, target: (x - target) ** 2)
    ),
    functional(
        "l1_loss", tuple(S(NEAR, FAR, reduction=way) for way in REDUCTIONS), loss(lambda x, target: np.abs(x - target))
    ),
    functional(
        "smooth_l1_loss",
        (
            *(S(A(low=0.1, high=0.4), A(low=-0.5, high=0.0), reduction=way) for way in REDUCTIONS),
            *(S(NEAR, FAR, beta=2.0), S(A(low=1.5), FAR, beta=0.5), S(NEAR, FAR, beta=0)),
        ),
        loss(lambda x, target, beta=1.0: bent(x, target, beta, 1) if beta else np.abs(x - target)),
    ),
    functional(
        "huber_loss",
        (
            *(S(A(low=0.1, high=0.4), A(low=-0.5, high=0.0), reduction=way) for way in REDUCTIONS),
            *(S(NEAR, FAR, delta=2.0), S(A(low=1.5), FAR, delta=0.5)),
        ),
        loss(lambda x, target, delta=1.0: bent(x, target, delta, delta)),
    ),
    functional(
        "binary_cross_entropy",
        (*(S(BETWEEN, BETWEEN, reduction=way) for way in REDUCTIONS), S(BETWEEN, BETWEEN, A((4,), grad=False))),
        loss(cross_entropies),
        torch_error=1e-10,
        why="PyTorch adds 1e-12 to the divisor of the second derivative",
    ),
    functional(
        "binary_cross_entropy_with_logits",
        (
            *(S(A(), BETWEEN, reduction=way) for way in REDUCTIONS),
            S(A(), BETWEEN, A((4,), grad=False), pos_weight=A((4,), 0.5, 2.0, grad=False)),
        ),
        loss(cross_entropies_of_logits),
    ),
    functional(
        "kl_div",
        (
            *(S(A(), BETWEEN, reduction=way) for way in ("none", "sum")),
            S(A(), A(), reduction="sum", log_target=True),
        ),
        loss(
            lambda x, target, log_target=False: (
                np.exp(target) * (target - x) if log_target else target * (np.log(target) - x)
            )
        ),
    ),
    functional(
        "nll_loss",
        (
            *(S(A((3, 4)), CLASSES, reduction=way) for way in REDUCTIONS),
            S(A((3, 4)), CLASSES, A((4,), 0.5, 2.0, grad=False), ignore_index=1),
            *(S(A((4,)), A((), 0, 4, kind="i")), S(A((2, 4, 3)), A((2, 3), 0, 4, kind="i"))),
            S(A((2, 4, 3)), A((2, 3), 0, 4, kind="i"), reduction="none"),
        ),
        negative_likelihood,
    ),
    functional(
        "cross_entropy",
        (
            *(S(A((3, 4)), CLASSES, reduction=way) for way in REDUCTIONS),
            S(A((3, 4)), CLASSES, A((4,), 0.5, 2.0, grad=False)),
            S(A((3, 4)), BETWEEN, reduction="sum"),
        ),
        cross_entropy,
    ),
]

"""Anomaly detection."""

import re
import warnings
from collections.abc import Callable
from typing import Any

from tests.autograd.cases._shared import attempt, leaf, made, square


def _told(torch: Any, function: Callable[[], Any], *, around: bool = True, **options: Any) -> Any:
    """What a call gives under anomaly detection, and the warnings, of tracebacks only the names of their functions."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with torch.autograd.detect_anomaly(**options):
            result = attempt(function)
    texts = []
    for warning in seen:
        text = str(warning.message).partition(" (Triggered")[0]
        if "Using backward" not in text:
            head, _, stack = text.partition("File ")
            texts.append((warning.category.__name__, head.strip(), "_marked" in stack))
    return result, texts


def _marked(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def nan_in_a_gradient(torch: Any) -> Any:
    x = leaf(torch, 0.0, 1.0)
    before = torch.sqrt(x) * 0

    def inside() -> Any:
        (_marked(torch.sqrt, x) * 0).sum().backward()

    return {
        "recorded inside": _told(torch, inside),
        "recorded before": _told(torch, lambda: before.sum().backward()),
        "not looked for": _told(torch, inside, check_nan=False),
        "without": attempt((torch.sqrt(x) * 0).sum().backward),
        "none": _told(torch, lambda: torch.autograd.grad((x * x).sum(), x)),
    }


def an_error_in_backward(torch: Any) -> Any:
    def changed() -> Any:
        y = leaf(torch, 1.0, 2.0) + 1
        z = _marked(lambda: y**2)
        y.add_(1)
        z.sum().backward()

    result, texts = _told(torch, changed)
    return re.split(r"\. Hint| instead", result)[0], texts


def nan_from_a_function(torch: Any) -> Any:
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        return g, h * float("nan")

    function = made(torch, lambda ctx, a, b: (a * 1, b * 1), backward)
    x = leaf(torch, 1.0, 2.0)

    def inside() -> Any:
        first, second = _marked(function.apply, x, x)
        (first + second).sum().backward()

    return _told(torch, inside)


def nan_in_the_second_order(torch: Any) -> Any:
    inner = made(torch, lambda ctx, x: x * 1, lambda ctx, g: g * float("nan"))

    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 1

    outer = made(torch, forward, lambda ctx, g: inner.apply(g * ctx.saved_tensors[0]))
    x = leaf(torch, 1.0, 2.0)

    def inside() -> Any:
        (first,) = torch.autograd.grad(_marked(outer.apply, x).sum(), x, create_graph=True)
        first.sum().backward()

    return _told(torch, inside)


def switches(torch: Any) -> Any:
    seen = [torch.is_anomaly_enabled()]
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        seen += [torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()]
        with torch.autograd.set_detect_anomaly(False):
            seen += [torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()]
        seen += [torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()]
    torch.autograd.set_detect_anomaly(True)
    seen += [torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()]
    torch.autograd.set_detect_anomaly(False)
    return [*seen, torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()]


def gradients_are_the_same(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    y = leaf(torch, 3.0)

    def inside() -> Any:
        z = torch.exp(square(torch).apply(x) * y).unbind()[0]
        (first,) = torch.autograd.grad(z, x, create_graph=True)
        first.sum().backward()
        return x.grad, y.grad

    return _told(torch, inside)

"""What the cases share."""

from collections.abc import Callable
from typing import Any


def attempt(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call returns, or its error's class and text."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def leaf(torch: Any, *values: float) -> Any:
    """A leaf of these elements, of 0 dimensions for one value."""
    return torch.tensor(values[0] if len(values) == 1 else list(values), requires_grad=True)


def made(
    torch: Any, forward: Callable[..., Any], backward: Callable[..., Any] = lambda ctx, *g: g[0], **others: Any
) -> Any:
    """A Function "Made" of these static methods."""
    methods = {"forward": forward, "backward": backward, **others}
    members = {name: staticmethod(method) for name, method in methods.items()}
    return type("Made", (torch.autograd.Function,), members)


def square(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 2 * x

    return made(torch, forward, backward)


def keep_first(ctx: Any, x: Any, *others: Any) -> Any:
    ctx.save_for_backward(x)
    return x * 1


def read(ctx: Any, g: Any) -> Any:
    assert ctx.saved_tensors
    return g

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

"""Shapes: views of the same elements under another shape, and broadcasting with its adjoint."""

from __future__ import annotations

from typing import Any

from .._define import structured


@structured(statics=1, view=True, varargs="shape", node="ViewBackward0", dx=lambda g, x_shape: reshape(g, x_shape))
def reshape(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """``input`` under another shape of as many elements."""
    return x.reshape(shape)


@structured(statics=1, view=True, varargs="shape", node="ExpandBackward0", dx=lambda g, x_shape: sum_to(g, x_shape))
def expand(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """``input`` repeated along dimensions of length 1, and along new ones in front, without a copy."""
    return xp.broadcast_to(x, shape)


@structured(statics=1, node="SumBackward1", public=False, dx=lambda g, x_shape: expand(g, x_shape))
def sum_to(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """The adjoint of broadcasting: sums ``x`` over what was broadcast from ``shape``."""
    lead = x.ndim - len(shape)
    dims = tuple(range(lead)) + tuple(
        i + lead for i, length in enumerate(shape) if length == 1 and x.shape[i + lead] != 1
    )
    return xp.add.reduce(x, axis=dims, keepdims=True).reshape(shape)

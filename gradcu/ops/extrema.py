"""The larger and the smaller of two, and clamping between bounds."""

from __future__ import annotations

from typing import Any

from .._calls import argument_error
from .._define import function, pointwise
from .._dtype import result_type
from .._tensor import Tensor
from ._refusals import refusing
from .compare import eq, greater, greater_equal, less, less_equal, where
from .convert import to_dtype
from .creation import held
from .predicates import logical_and, logical_or

maximum = pointwise(
    "maximum",
    "maximum",
    promotion="same",
    prepare=refusing("", "maximum_cpu", 2, complex_words="maximum not implemented for complex tensors."),
    c="gradcu_maximum({a}, {b})",
    da=lambda g, a, b: where(less(a, b), 0, where(eq(a, b), g * 0.5, g)),
    db=lambda g, a, b: where(less(b, a), 0, where(eq(a, b), g * 0.5, g)),
    doc="""The larger of ``input`` and ``other``, elementwise and broadcast; nan where either is nan.

    Dtypes are promoted. Where both are equal, each gets half of the gradient.

    >>> import gradcu
    >>> gradcu.maximum(gradcu.tensor([1.0, 4.0]), gradcu.tensor([3.0, 2.0]))
    tensor([3., 4.])
    """,
)

minimum = pointwise(
    "minimum",
    "minimum",
    promotion="same",
    prepare=refusing("", "minimum_cpu", 2, complex_words="minimum not implemented for complex tensors."),
    c="gradcu_minimum({a}, {b})",
    da=lambda g, a, b: where(greater(a, b), 0, where(eq(a, b), g * 0.5, g)),
    db=lambda g, a, b: where(greater(b, a), 0, where(eq(a, b), g * 0.5, g)),
    doc="""The smaller of ``input`` and ``other``, elementwise and broadcast; nan where either is nan.

    Dtypes are promoted. Where both are equal, each gets half of the gradient.

    >>> import gradcu
    >>> gradcu.minimum(gradcu.tensor([1.0, 4.0]), gradcu.tensor([3.0, 2.0]))
    tensor([1., 2.])
    """,
)


def _clamped(xp: Any, x: Any, low: Any, high: Any, node: str = "") -> Any:
    if low is not None:
        x = xp.maximum(x, low)
    return x if high is None else xp.minimum(x, high)


def _inside(x: Any, low: Any, high: Any) -> Any:
    """Where ``x`` is within its bounds, of which one may be None."""
    if high is None:
        return greater_equal(x, low)
    return less_equal(x, high) if low is None else logical_and(greater_equal(x, low), less_equal(x, high))


def _clamp_in_c(low: Any, high: Any) -> str:
    inner = "{x}" if low is None else "gradcu_maximum({x}, {low})"
    return inner if high is None else f"gradcu_minimum({inner}, {{high}})"


# The node's name is a static argument: PyTorch names it after the function that was called.
clamp_between_numbers = pointwise(
    "clamp",
    _clamped,
    operands=("x",),
    statics={"low": None, "high": None, "node": "ClampBackward1"},
    node=lambda node: node,
    promotion="none",
    c=lambda low, high, node: _clamp_in_c(low, high),
    dx=lambda g, x, low, high: where(_inside(x, low, high), g, 0),
    public=False,
    doc="``x`` no less than ``low`` and no more than ``high``; either may be None.",
)

clamp_from_below = pointwise(
    "clamp_from_below",
    lambda xp, x, low, node: xp.maximum(x, low),
    statics={"node": "ClampBackward0"},
    node=lambda node: node,
    promotion="same",
    c="gradcu_maximum({x}, {low})",
    dx=lambda g, x, low: where(greater_equal(x, low), g, 0),
    dlow=lambda g, x, low: where(less(x, low), g, 0),
    public=False,
    doc="``x`` no less than ``low``.",
)

clamp_from_above = pointwise(
    "clamp_from_above",
    lambda xp, x, high, node: xp.minimum(x, high),
    statics={"node": "ClampBackward0"},
    node=lambda node: node,
    promotion="same",
    c="gradcu_minimum({x}, {high})",
    dx=lambda g, x, high: where(less_equal(x, high), g, 0),
    dhigh=lambda g, x, high: where(greater(x, high), g, 0),
    public=False,
    doc="``x`` no more than ``high``.",
)

clamp_between = pointwise(
    "clamp_between",
    _clamped,
    node="ClampBackward0",
    promotion="same",
    c=_clamp_in_c(0, 0),
    dx=lambda g, x, low, high: where(_inside(x, low, high), g, 0),
    dlow=lambda g, x, low, high: where(logical_and(less(low, high), less(x, low)), g, 0),
    dhigh=lambda g, x, low, high: where(logical_or(greater(x, high), less(high, low)), g, 0),
    public=False,
    doc="``x`` no less than ``low`` and no more than ``high``.",
)


@function(elementwise=True, aliases=("clip",))
def clamp(input: Any, min: Any = None, max: Any = None) -> Tensor:
    """``input`` with elements below ``min`` replaced by it, and elements above ``max`` by that.

    Each bound is None, a number or a Tensor, broadcast with ``input``; where ``min`` exceeds ``max`` the result is
    ``max``. Dtypes are promoted. The gradient flows where ``input`` is within the bounds or on them. Raises
    RuntimeError where both bounds are None, TypeError where one is a number and the other a Tensor.

    >>> import gradcu
    >>> gradcu.clamp(gradcu.tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return _clamp("clamp", input, min, max, "ClampBackward1", "ClampBackward0")


@function(elementwise=True)
def clamp_min(input: Any, min: Any) -> Tensor:
    """``input`` with elements below ``min``, a number or a Tensor, replaced by it: see ``gradcu.clamp``.

    >>> import gradcu
    >>> gradcu.clamp_min(gradcu.tensor([-1.0, 0.5]), 0)
    tensor([0.0000, 0.5000])
    """
    return _clamp("clamp_min", input, min, None, "ClampMinBackward0", "ClampMinBackward1")


@function(elementwise=True)
def clamp_max(input: Any, max: Any) -> Tensor:
    """``input`` with elements above ``max``, a number or a Tensor, replaced by it: see ``gradcu.clamp``.

    >>> import gradcu
    >>> gradcu.clamp_max(gradcu.tensor([0.5, 2.0]), 1)
    tensor([0.5000, 1.0000])
    """
    return _clamp("clamp_max", input, None, max, "ClampMaxBackward0", "ClampMaxBackward1")


_NUMBERS = (bool, int, float)


def _clamp(name: str, input: Any, low: Any, high: Any, node_of_numbers: str, node_of_tensors: str) -> Tensor:
    if not isinstance(input, Tensor):
        raise argument_error(name, "input", 0, input)
    if low is None and high is None:
        raise RuntimeError(f"gradcu.{name}: At least one of 'min' or 'max' must not be None")
    bounds = [bound for bound in (low, high) if bound is not None]
    if input._array.dtype.kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    if all(isinstance(bound, _NUMBERS) for bound in bounds):
        dtype = result_type(input, *bounds)
        x = input if input._array.dtype == dtype else to_dtype(input, dtype)
        if dtype.kind in "iu":
            low, high = (bound if bound is None else held(bound, dtype) for bound in (low, high))
        return clamp_between_numbers(x, low, high, node_of_numbers)
    if not all(isinstance(bound, Tensor) for bound in bounds):
        kinds = ", ".join("Tensor" if isinstance(b, Tensor) else type(b).__name__ for b in (input, *bounds))
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({kinds}), but the bounds must be both "
            "numbers or both Tensors"
        )
    if high is None:
        return clamp_from_below(input, low, node_of_tensors)
    if low is None:
        return clamp_from_above(input, high, node_of_tensors)
    return clamp_between(input, low, high)

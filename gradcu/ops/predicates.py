"""Truth: logical and bitwise operations, tests for special values, and equality of whole Tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._calls import argument_error
from .._define import function, pointwise
from .._dtype import scalar_name
from .._tensor import Tensor
from ._refusals import refusing
from .compare import eq


def _truth(x: Any) -> Any:
    """Complex numbers as whether they are not 0, since CuPy's logical functions take none."""
    return x != 0 if hasattr(x, "dtype") and x.dtype.kind == "c" else x


logical_and = pointwise(
    "logical_and",
    lambda xp, a, b: xp.logical_and(_truth(a), _truth(b)),
    native=np.logical_and,
    operands=("a", "b"),
    promotion="none",
    c="{a} && {b}",
    doc="""Where both ``input`` and ``other`` are not 0, elementwise and broadcast: a bool Tensor. nan is not 0.

    >>> import gradcu
    >>> gradcu.logical_and(gradcu.tensor([True, True]), gradcu.tensor([0.0, 0.5]))
    tensor([False,  True])
    """,
)

logical_or = pointwise(
    "logical_or",
    lambda xp, a, b: xp.logical_or(_truth(a), _truth(b)),
    native=np.logical_or,
    operands=("a", "b"),
    promotion="none",
    c="{a} || {b}",
    doc="""Where ``input`` or ``other`` is not 0, elementwise and broadcast: a bool Tensor. nan is not 0.

    >>> import gradcu
    >>> gradcu.logical_or(gradcu.tensor([False, False]), gradcu.tensor([0.0, 0.5]))
    tensor([False,  True])
    """,
)

logical_xor = pointwise(
    "logical_xor",
    lambda xp, a, b: xp.logical_xor(_truth(a), _truth(b)),
    native=np.logical_xor,
    operands=("a", "b"),
    promotion="none",
    c="!{a} != !{b}",
    doc="""Where one of ``input`` and ``other`` is 0 and one is not, elementwise and broadcast: a bool Tensor.

    >>> import gradcu
    >>> gradcu.logical_xor(gradcu.tensor([True, True]), gradcu.tensor([True, False]))
    tensor([False,  True])
    """,
)

logical_not = pointwise(
    "logical_not",
    lambda xp, x: xp.logical_not(_truth(x)),
    native=np.logical_not,
    operands=("x",),
    promotion="none",
    c="!{x}",
    doc="""Where ``input`` is 0, elementwise: a bool Tensor.

    >>> import gradcu
    >>> gradcu.logical_not(gradcu.tensor([0.0, 0.5]))
    tensor([ True, False])
    """,
)

bitwise_and = pointwise(
    "bitwise_and",
    "bitwise_and",
    operands=("a", "b"),
    promotion="same",
    prepare=refusing("fc", "bitwise_and_cpu", 2),
    floats=False,
    c="{a} & {b}",
    doc="""``input & other``: the bits that both have, elementwise and broadcast; for bools whether both are true.

    Integers and bools are promoted; raises NotImplementedError for other dtypes.

    >>> import gradcu
    >>> gradcu.bitwise_and(gradcu.tensor([5, 6]), 3)
    tensor([1, 2])
    """,
)

bitwise_or = pointwise(
    "bitwise_or",
    "bitwise_or",
    operands=("a", "b"),
    promotion="same",
    prepare=refusing("fc", "bitwise_or_cpu", 2),
    floats=False,
    c="{a} | {b}",
    doc="""``input | other``: the bits that either has, elementwise and broadcast; for bools whether either is true.

    Integers and bools are promoted; raises NotImplementedError for other dtypes.

    >>> import gradcu
    >>> gradcu.bitwise_or(gradcu.tensor([5, 6]), 3)
    tensor([7, 7])
    """,
)

bitwise_xor = pointwise(
    "bitwise_xor",
    "bitwise_xor",
    operands=("a", "b"),
    promotion="same",
    prepare=refusing("fc", "bitwise_xor_cpu", 2),
    floats=False,
    c="{a} ^ {b}",
    doc="""``input ^ other``: the bits that one has, elementwise and broadcast; for bools whether they differ.

    Integers and bools are promoted; raises NotImplementedError for other dtypes.

    >>> import gradcu
    >>> gradcu.bitwise_xor(gradcu.tensor([5, 6]), 3)
    tensor([6, 5])
    """,
)


def _refuse_floats(x: Any) -> tuple[()]:
    if x.dtype.kind in "fc":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return ()


bitwise_not = pointwise(
    "bitwise_not",
    "invert",
    operands=("x",),
    promotion="same",
    prepare=_refuse_floats,
    floats=False,
    c="~{x}",
    doc="""``~input``: all bits changed, elementwise; for bools whether ``input`` is false.

    Raises TypeError for other dtypes than integers and bool.

    >>> import gradcu
    >>> ~gradcu.tensor([True, False]), gradcu.bitwise_not(gradcu.tensor([0, 5]))
    (tensor([False,  True]), tensor([-1, -6]))
    """,
)

isnan = pointwise(
    "isnan",
    "isnan",
    operands=("x",),
    promotion="none",
    c="isnan(T({x})) != 0",
    doc="""Where ``input`` is nan, elementwise: a bool Tensor.

    >>> import gradcu
    >>> gradcu.isnan(gradcu.tensor([1.0, gradcu.nan]))
    tensor([False,  True])
    """,
)

isinf = pointwise(
    "isinf",
    "isinf",
    operands=("x",),
    promotion="none",
    c="isinf(T({x})) != 0",
    doc="""Where ``input`` is infinite, elementwise: a bool Tensor.

    >>> import gradcu
    >>> gradcu.isinf(gradcu.tensor([1.0, -gradcu.inf, gradcu.nan]))
    tensor([False,  True, False])
    """,
)

isfinite = pointwise(
    "isfinite",
    "isfinite",
    operands=("x",),
    promotion="none",
    c="isfinite(T({x})) != 0",
    doc="""Where ``input`` is neither infinite nor nan, elementwise: a bool Tensor.

    >>> import gradcu
    >>> gradcu.isfinite(gradcu.tensor([1.0, gradcu.inf, gradcu.nan]))
    tensor([ True, False, False])
    """,
)


def _check_closeness(a: Any, b: Any, rtol: Any, atol: Any, equal_nan: Any) -> tuple[Any, ...]:
    for position, value in enumerate((a, b)):
        if not hasattr(value, "dtype"):
            raise argument_error("isclose", ("input", "other")[position], position, value)
    if a.dtype != b.dtype:
        raise RuntimeError(f"{scalar_name(a.dtype)} did not match {scalar_name(b.dtype)}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value:g}")
    return rtol, atol, bool(equal_nan)


isclose = pointwise(
    "isclose",
    lambda xp, a, b, rtol, atol, equal_nan: xp.isclose(a, b, rtol, atol, equal_nan),
    operands=("a", "b"),
    statics={"rtol": 1e-5, "atol": 1e-8, "equal_nan": False},
    promotion="none",
    prepare=_check_closeness,
    c=lambda rtol, atol, equal_nan: (
        "{a} == {b} || (isfinite(T({b})) && fabs({a} - {b}) <= {atol} + {rtol} * fabs({b}))"
        + (" || (isnan(T({a})) && isnan(T({b})))" if equal_nan else "")
    ),
    doc="""Where ``|input - other| <= atol + rtol * |other|``, elementwise and broadcast: a bool Tensor.

    Infinities are close to themselves, nans too where ``equal_nan``. Raises RuntimeError for operands of two dtypes,
    and for a negative tolerance.

    >>> import gradcu
    >>> gradcu.isclose(gradcu.tensor([1.0, 1.0]), gradcu.tensor([1.000001, 1.1]))
    tensor([ True, False])
    """,
)


@function()
def allclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements of ``input`` and ``other``, broadcast, are close: see ``gradcu.isclose``.

    >>> import gradcu
    >>> gradcu.allclose(gradcu.tensor([1.0, 2.0]), gradcu.tensor([1.000001, 2.0]))
    True
    """
    _require_tensors("allclose", input, other)
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


@function()
def equal(input: Any, other: Any) -> bool:
    """Whether ``input`` and ``other`` have the same shape and equal elements, of whatever dtypes; nan equals nothing.

    >>> import gradcu
    >>> gradcu.equal(gradcu.tensor([1, 2]), gradcu.tensor([1.0, 2.0]))
    True
    >>> gradcu.equal(gradcu.tensor([1.0]), gradcu.tensor([1.0, 1.0]))
    False
    """
    _require_tensors("equal", input, other)
    return input.shape == other.shape and bool(eq(input, other)._array.all())


def _require_tensors(name: str, *operands: Any) -> None:
    for position, value in enumerate(operands):
        if not isinstance(value, Tensor):
            raise argument_error(name, ("input", "other")[position], position, value)

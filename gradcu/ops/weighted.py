"""Elementwise products and quotients that are added to something, and what lies between two Tensors."""

from __future__ import annotations

from typing import Any

from .._calls import argument_error
from .._define import pointwise
from .._dtype import c_name, result_type
from ._refusals import refusing
from .compare import select
from .creation import held


def _check_ends(input: Any, end: Any, weight: Any) -> tuple[()]:
    for position, (name, value) in enumerate((("input", input), ("end", end))):
        if not hasattr(value, "dtype"):
            raise argument_error("lerp", name, position, value)
    for name, value in (("end", end), ("weight", weight)):
        if hasattr(value, "dtype") and value.dtype != input.dtype:
            raise RuntimeError(f"expected dtype {c_name(input.dtype)} for `{name}` but got dtype {c_name(value.dtype)}")
    refusing("biu", f"lerp_kernel_{'tensor' if hasattr(weight, 'dtype') else 'scalar'}")(input)
    return ()


def _lerp(xp: Any, input: Any, end: Any, weight: Any) -> Any:
    # From the nearer end, so that both ends are exact.
    step = end - input
    from_input, from_end = input + weight * step, end - step * (1 - weight)
    if hasattr(weight, "dtype"):
        return select(xp, xp.abs(weight) < 0.5, from_input, from_end)
    return from_input if abs(weight) < 0.5 else from_end


lerp = pointwise(
    "lerp",
    _lerp,
    node=lambda tensors: "LerpBackward1" if tensors[2] else "LerpBackward0",
    promotion="none",
    prepare=_check_ends,
    c="fabs({weight}) < T(0.5) ? {input} + {weight} * ({end} - {input}) : "
    "{end} - ({end} - {input}) * (T(1) - {weight})",
    dinput=lambda g, weight: g * (1 - weight),
    dend=lambda g, weight: g * weight,
    dweight=lambda g, input, end: g * (end - input),
    doc="""input + weight * (end - input), elementwise and broadcast; ``weight`` may be a number.

    Raises RuntimeError where the dtypes differ, NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.lerp(gradcu.tensor([0.0, 1.0]), gradcu.tensor([10.0, 3.0]), 0.25)
    tensor([2.5000, 1.5000])
    """,
)


def _check_value(name: str) -> Any:
    def prepare(x: Any, tensor1: Any, tensor2: Any, value: Any) -> tuple[Any]:
        for position, operand in enumerate((x, tensor1, tensor2)):
            if not hasattr(operand, "dtype"):
                raise argument_error(name, ("input", "tensor1", "tensor2")[position], position, operand)
        dtype = result_type(x, tensor1, tensor2)
        return (int(held(value, dtype)) if dtype.kind in "iu" else value,)

    return prepare


addcmul = pointwise(
    "addcmul",
    lambda xp, x, tensor1, tensor2, value: x + tensor1 * tensor2 * value,
    statics={"value": 1},
    promotion="same",
    prepare=_check_value("addcmul"),
    c="{x} + {value} * {tensor1} * {tensor2}",
    dx=lambda g: g,
    dtensor1=lambda g, tensor2, value: g * (tensor2 * value),
    dtensor2=lambda g, tensor1, value: g * (tensor1 * value),
    doc="""input + value * tensor1 * tensor2, elementwise and broadcast. Dtypes are promoted.

    >>> import gradcu
    >>> gradcu.addcmul(gradcu.ones(2), gradcu.tensor([1.0, 2.0]), gradcu.tensor([3.0, 4.0]), value=0.5)
    tensor([2.5000, 5.0000])
    """,
)


def _check_quotient(x: Any, tensor1: Any, tensor2: Any, value: Any) -> tuple[Any]:
    (value,) = _check_value("addcdiv")(x, tensor1, tensor2, value)
    if tensor1.dtype.kind in "iub" and tensor2.dtype.kind in "iub":
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a "
            "true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value "
            "* gradcu.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
            "tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value "
            "* tensor1 / tensor2), for all dtypes."
        )
    return (value,)


addcdiv = pointwise(
    "addcdiv",
    lambda xp, x, tensor1, tensor2, value: x + tensor1 * value / tensor2,
    statics={"value": 1},
    promotion="same",
    prepare=_check_quotient,
    c="{x} + {value} * {tensor1} / {tensor2}",
    dx=lambda g: g,
    dtensor1=lambda g, tensor2, value: g * value / tensor2,
    dtensor2=lambda g, tensor1, tensor2, value: -(g * value * tensor1 / (tensor2 * tensor2)),
    doc="""input + value * tensor1 / tensor2, elementwise and broadcast. Dtypes are promoted.

    Raises RuntimeError where both ``tensor1`` and ``tensor2`` are of integers.

    >>> import gradcu
    >>> gradcu.addcdiv(gradcu.ones(2), gradcu.tensor([1.0, 2.0]), gradcu.tensor([4.0, 8.0]), value=2)
    tensor([1.5000, 1.5000])
    """,
)

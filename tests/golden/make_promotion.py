"""What PyTorch promotes, casts and reports for every dtype: the data of tests/test_dtype.py."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

NAMES = [
    "bool",
    *("uint8", "uint16", "uint32", "uint64"),
    *("int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
    *("complex64", "complex128"),
]
ALIASES = ["half", "float", "double", "short", "int", "long", "bool", "cfloat", "cdouble"]
NUMBERS = {"bool": True, "int": 1, "float": 1.0, "complex": 1j}
# Three operands at once, by an operation that takes three tensors; one name per dtype and number of dimensions.
TRIPLE_OPERANDS = ["uint8[1]", "int64[0]", "float16[1]", "float32[0]", "float32[1]", "float64[0]"]


@contextmanager
def default_dtype(name: str) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, name))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def operand(name: str) -> Any:
    """A Python number for "float", a 0-dim tensor for "float32[0]", a 1-dim one for "float32[1]"."""
    if name in NUMBERS:
        return NUMBERS[name]
    dtype, ndim = name.removesuffix("]").split("[")
    return torch.ones((1,) * int(ndim), dtype=getattr(torch, dtype))


def outcome(function: Callable[..., Any], *args: Any) -> str:
    """The short text of what a call returns or, after the error's name, says."""
    try:
        return str(function(*args)).removeprefix("torch.")
    except (RuntimeError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def row(function: Callable[..., torch.dtype], operands: list[Any]) -> str:
    """The results of a call for each operand, "error" where it raises."""
    return " ".join("error" if ": " in (text := outcome(function, other)) else text for other in operands)


def result_types(default: str) -> dict[str, str]:
    names = [f"{dtype}[{ndim}]" for ndim in (0, 1) for dtype in NAMES] + list(NUMBERS)
    with default_dtype(default):
        operands = [operand(name) for name in names]
        return {
            name: row(lambda other, one=one: torch.result_type(one, other), operands)
            for name, one in zip(names, operands, strict=True)
        }


def triples() -> dict[str, str]:
    operands = [operand(name) for name in TRIPLE_OPERANDS]
    return {
        f"{name1} {name2}": row(
            lambda third, first=first, second=second: torch.clamp(third, min=first, max=second).dtype, operands
        )
        for name1, first in zip(TRIPLE_OPERANDS, operands, strict=True)
        for name2, second in zip(TRIPLE_OPERANDS, operands, strict=True)
    }


def properties(info: Any) -> dict[str, Any]:
    attributes = ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype")
    return {"repr": repr(info)} | {name: getattr(info, name) for name in attributes if hasattr(info, name)}


def collect() -> dict[str, Any]:
    dtypes = {name: getattr(torch, name) for name in NAMES}
    return {
        "dtypes": NAMES,
        "aliases": {name: outcome(getattr, torch, name) for name in ALIASES},
        "python_types": {
            t.__name__: outcome(lambda t=t: torch.zeros(1, dtype=t).dtype) for t in (bool, int, float, complex)
        },
        "scalar_names": {
            name: torch.zeros(1, dtype=dtype).type().removeprefix("torch.").removesuffix("Tensor")
            for name, dtype in dtypes.items()
        },
        "result_type": {default: result_types(default) for default in ("float16", "float32", "float64")},
        "triple_operands": TRIPLE_OPERANDS,
        "triples": triples(),
        "promote_types": {
            name: {other: outcome(torch.promote_types, first, second) for other, second in dtypes.items()}
            for name, first in dtypes.items()
        },
        "can_cast": {
            name: "".join("1" if torch.can_cast(first, second) else "0" for second in dtypes.values())
            for name, first in dtypes.items()
        },
        "set_default_dtype": {
            name: outcome(torch.set_default_dtype, dtype)
            for name, dtype in dtypes.items()
            if not dtype.is_floating_point
        },
        "finfo": {n: properties(torch.finfo(d)) for n, d in dtypes.items() if d.is_floating_point or d.is_complex},
        "iinfo": {n: properties(torch.iinfo(d)) for n, d in dtypes.items() if "int" in n},
        "iinfo_bool": outcome(torch.iinfo, torch.bool),
    }

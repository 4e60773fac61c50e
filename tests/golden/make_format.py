"""How PyTorch prints tensors: the data of tests/test_format.py.

A case says what is printed (an encoded array or, for a large one, the ramp it is: k * step for k = 0, 1, ... in
float64, cast and shaped), under which print options and default dtype, and what PyTorch's repr is. What is usual is
left out: no gradient, no device named, a plain tensor, default dtype float32, default options.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tests.golden import encode

Case = dict[str, Any]


@contextmanager
def settings(options: dict[str, Any], default_dtype: str, show_device: bool) -> Iterator[None]:
    """PyTorch under these print options; with `show_device` it names even the CPU, as if CUDA were its default."""
    default_device = torch._C._get_default_device
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    torch.set_default_dtype(getattr(torch, default_dtype))
    if show_device:
        torch._C._get_default_device = lambda: "cuda"
    try:
        yield
    finally:
        torch._C._get_default_device = default_device
        torch.set_default_dtype(torch.float32)
        torch.set_printoptions(profile="default")


def case(
    tensor: torch.Tensor,
    *,
    array: dict[str, Any] | None = None,
    default_dtype: str = "float32",
    show_device: bool = False,
    **options: Any,
) -> Case:
    with settings(options, default_dtype, show_device):
        text = repr(tensor)
    node = tensor.grad_fn
    parts = {
        "array": encode(tensor) if array is None else array,
        "requires_grad": tensor.requires_grad,
        "grad_fn_name": None if node is None else node.name(),
        "device": "cpu" if show_device else None,
        "class_name": None if type(tensor) is torch.Tensor else type(tensor).__name__,
        "default_dtype": None if default_dtype == "float32" else default_dtype,
        "options": options,
        "text": text,
    }
    return {name: part for name, part in parts.items() if part}


def ramp(shape: tuple[int, ...], dtype: str = "float32", step: float = 1.0, **settings: Any) -> Case:
    values = torch.arange(math.prod(shape), dtype=torch.float64) * step
    array = {"ramp": step, "shape": list(shape), "dtype": dtype}
    return case(values.to(getattr(torch, dtype)).reshape(shape), array=array, **settings)


class SQ(torch.autograd.Function):
    """The custom function of the tutorials."""

    @staticmethod
    def forward(ctx: Any, i: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(i)
        return i**2

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        (i,) = ctx.saved_tensors
        return grads[0] * 2 * i


class Meters(torch.Tensor):
    """A subclass, which prints under its own name."""


def tutorial() -> dict[str, Case]:
    three = torch.tensor(3.0, requires_grad=True)
    two = torch.tensor(2.0, requires_grad=True)
    line = torch.linspace(-10, 10, 1000, requires_grad=True)
    ten = torch.linspace(-10, 10, 10, requires_grad=True)
    pair = torch.tensor([1.0, 2.0], requires_grad=True)
    triple = torch.tensor([1.0, 7.0, -2.0], requires_grad=True)
    whole = torch.tensor([[1, 7, -2]])
    relu = torch.relu(line)
    return {
        "leaf": case(three),
        "pow": case(three**2),
        "add": case(two**2 + 2 * two + 1),
        "custom function": case(SQ.apply(two)),
        "gradient": case(torch.tensor(140.5988)),
        "linspace 10": case(ten),
        "linspace 10 squared": case(ten**2),
        "linspace 1000": case(line),
        "relu 1000": case(relu),
        "relu sum": case(relu.sum()),
        "gradient of relu": case(torch.autograd.grad(relu.sum(), line)[0]),
        "exp gradient": case(torch.tensor([14.7781, 4.0])),
        "jacobian": case(torch.tensor([34.0, 816.0])),
        "jacobian row": case(torch.tensor([[34.0, 816.0]])),
        "negative element": case(torch.tensor([-0.7736])),
        "one element": case(torch.tensor([[3.0]])),
        "vector times itself": case(3 * torch.dot(triple, torch.tensor([1.0, 7.0, 5.0])) + triple @ triple.t()),
        "vector": case(triple**2 * 4 + 0.0),
        "vector gradient": case(torch.tensor([8.0, 56.0, -16.0])),
        "two leaves": case(pair),
        "integer row": case(whole),
        "integer column": case(whole.t()),
        "integer product": case(whole @ whole.t()),
    }


def scalars() -> dict[str, Case]:
    numbers = [0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 1 / 3, 12345.678, 1e-4, 9.99e-5, 1e-45, 1e8, 1.5e8, 100000001.0, 1e38]
    numbers += [99999.9999, 0.00005, 2.00005, 1234567.875, math.nan, math.inf, -math.inf]
    cases = {f"float32 {number!r}": case(torch.tensor(number)) for number in numbers}
    cases |= {f"float64 {x!r}": case(torch.tensor(x, dtype=torch.float64)) for x in (0.1, 1e-300, 1e300, 1e8, -2.0)}
    cases |= {f"float16 {x!r}": case(torch.tensor(x, dtype=torch.float16)) for x in (0.1, 65504.0, 6e-8)}
    cases |= {f"complex64 {x!r}": case(torch.tensor(x)) for x in (1 + 2j, -1j, 0.5 - 1e-9j)}
    cases |= {f"int64 {x}": case(torch.tensor(x)) for x in (0, -7, 2**63 - 1)}
    cases |= {f"bool {x}": case(torch.tensor(x)) for x in (True, False)}
    return cases


def vectors() -> dict[str, Case]:
    nan, inf = math.nan, math.inf
    lists: dict[str, list[Any]] = {
        "whole and negative": [1.0, -20.0, 300.0],
        "zeros": [0.0, -0.0],
        "zeros in a long line": [0.0] * 70,
        "whole beside a zero": [1.0, -0.0],
        "fractions": [0.5, -1.25, 10.0],
        "not finite beside whole": [1.0, nan, inf, -inf],
        "not finite beside fractions": [1.5, nan, inf, -inf],
        "not finite alone": [nan, inf, -inf, 0.0],
        "not finite beside exponents": [1e-7, nan, -inf],
        "whole, ratio 1000": [1.0, 1000.0],
        "whole, ratio above 1000": [1.0, 1001.0],
        "fractions, ratio 1000": [0.5, 500.0],
        "fractions, ratio above 1000": [0.5, 500.5],
        "whole, largest 1e8": [99999999.0, 1e8],
        "whole, above 1e8": [1e8, 2e8],
        "fraction, above 1e8": [1e8, 123456789.5],
        "tiny": [1e-10, -2e-20, 3e-30],
        "huge": [1e10, -2e20, 3e30],
        "mixed": [1e-30, 1.0, -1e30],
        "a zero has no magnitude": [0.0, 1e-3, 5e-1],
        "below 1e-4": [0.00009, 0.0002],
        "tens": [10.0, 200.0, 0.0],
        "fills the line": [-1.2345] * 17,
        "integers": [1, -22, 333],
        "large integers": [10**12, -(10**15), 7],
        "booleans": [True, False, True],
        "long booleans": [True, False] * 20,
        "long integers": list(range(-20, 60)),
        "complex whole": [1 + 2j, -30 - 4j, 0j],
        "complex fractions": [0.5 + 2j, -30 - 0.25j, 0j],
        "complex mixed": [1e-9 + 1j, 1e9 - 1j],
        "complex, not finite": [complex(nan, 1.5), complex(-inf, inf), 1j],
        "long complex": [k * (0.5 - 0.25j) for k in range(20)],
    }
    return {name: case(torch.tensor(values)) for name, values in lists.items()}


def dtypes() -> dict[str, Case]:
    integers = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
    cases: dict[str, Case] = {}
    for name in ["bool", *integers, "float16", "float32", "float64", "complex64", "complex128"]:
        dtype = getattr(torch, name)
        cases[f"{name} pair"] = case(torch.tensor([0, 3], dtype=dtype))
        cases[f"{name} empty"] = case(torch.zeros(0, dtype=dtype))
        cases[f"{name} empty 0x3"] = case(torch.zeros(0, 3, dtype=dtype))
        cases[f"{name} pair, default float64"] = case(torch.tensor([0, 3], dtype=dtype), default_dtype="float64")
        cases[f"{name} empty, default float64"] = case(torch.zeros(2, 0, dtype=dtype), default_dtype="float64")
    cases["float16, default float16"] = case(torch.tensor([0.1, 3.0], dtype=torch.float16), default_dtype="float16")
    cases["uint64, largest"] = case(torch.tensor([2**64 - 1, 0], dtype=torch.uint64))
    return cases


def shapes() -> dict[str, Case]:
    cases = {f"ramp {shape}": ramp(shape, step=0.25) for shape in [(1, 1), (2, 3), (2, 2, 3), (2, 1, 2, 2), (5, 1)]}
    cases |= {f"empty {shape}": case(torch.zeros(shape)) for shape in [(0,), (3, 0), (1, 0, 2)]}
    cases["wide rows"] = ramp((2, 40), step=1.5)
    cases["wide rows, 3 dimensions"] = ramp((2, 2, 15), step=-0.125)
    cases["transposed"] = case(torch.arange(6.0).reshape(2, 3).t())
    cases["subclass"] = case(torch.arange(30.0).as_subclass(Meters))
    cases["1000 elements"] = ramp((1000,), "int64")
    cases["1001 elements"] = ramp((1001,), "int64")
    for shape in [(1001,), (30, 40), (2, 600), (600, 2), (11, 10, 10), (6, 13, 13), (4, 5, 6, 11), (7, 7, 7, 7)]:
        cases[f"summarised {shape}"] = ramp(shape, step=0.5)
    cases["summarised, not larger than its edges"] = ramp((6, 6, 6, 6))
    cases["summarised float64"] = ramp((5000,), "float64", step=1e-5)
    cases["summarised int32"] = ramp((100, 100), "int32", step=-1.0)
    cases["summarised bool"] = ramp((2000,), "bool")
    cases["summarised complex"] = ramp((50, 50), "complex64", step=0.5)
    return cases


def suffixes() -> dict[str, Case]:
    wrapped = torch.arange(17.0) - 5
    double = torch.arange(4.0, dtype=torch.float64, requires_grad=True)
    cases = {
        "leaf, float64": case(double),
        "node, float64": case(double * 2),
        "leaf, empty": case(torch.zeros(0, 3, dtype=torch.float64, requires_grad=True)),
        "node, complex": case(torch.ones(3, dtype=torch.complex128, requires_grad=True) + 1j),
        "device": case(torch.arange(3.0), show_device=True),
        "device, float64, node": case(double * 2, show_device=True),
        "device, float64, wrapped": case(torch.arange(12.0, dtype=torch.float64), show_device=True),
        "device, empty": case(torch.zeros(0, 3, dtype=torch.int32), show_device=True),
        "device, 0 dimensions": case(torch.tensor(1.5, requires_grad=True), show_device=True),
        "matrix, node": case(torch.arange(12.0).reshape(3, 4).requires_grad_() * 1.5),
        "everything on its own line": case(double.reshape(2, 2), linewidth=20, show_device=True),
        "empty, everything on its own line": case(torch.zeros(0, 3, dtype=torch.int8), linewidth=20),
    }
    eight = torch.arange(8, dtype=torch.float64)
    for linewidth in range(36, 46):
        cases[f"linewidth={linewidth}"] = case(eight, linewidth=linewidth, show_device=True)
    for length in range(9, 17):
        cases[f"{length} elements and a dtype"] = case(wrapped[:length].double())
        cases[f"{length} elements and a node"] = case(wrapped[:length].requires_grad_() - 1)
    return cases


def printoptions() -> dict[str, Case]:
    mixed = torch.tensor([1e-5, 1.0, 12345.678, -2.5])
    whole = torch.tensor([1.0, 20.0, 1e10])
    cases: dict[str, Case] = {}
    for options in [
        {"sci_mode": True},
        {"sci_mode": False},
        {"precision": 0},
        {"precision": 2},
        {"precision": 10},
        {"precision": 2, "sci_mode": False},
        {"profile": "short"},
        {"profile": "full"},
        {"profile": "short", "precision": 6},
        {"linewidth": 30},
        {"linewidth": 0},
    ]:
        name = " ".join(f"{key}={value}" for key, value in options.items())
        cases[f"mixed, {name}"] = case(mixed, **options)
        cases[f"whole, {name}"] = case(whole, **options)
    for number in (0.0, 3.0, 1e-5, 123456789.0):
        for mode in (True, False):
            cases[f"{number!r}, sci_mode={mode}"] = case(torch.tensor(number), sci_mode=mode)
    for linewidth in range(28, 38):
        cases[f"complex, linewidth={linewidth}"] = case(torch.tensor([0.5 + 10j] * 4), linewidth=linewidth)
    cases["integers, sci_mode=True"] = case(torch.tensor([1, 10**10]), sci_mode=True)
    cases["complex, sci_mode=True"] = case(torch.tensor([1 + 2j, 0.5j]), sci_mode=True)
    cases["complex, sci_mode=False"] = case(torch.tensor([1e-9 + 1j, 1e9 - 1j]), sci_mode=False)
    cases["not finite, sci_mode=True"] = case(torch.tensor([math.nan, math.inf, 0.0]), sci_mode=True)
    for edgeitems in (0, 1, 2, 5):
        for shape in [(12,), (12, 12), (3, 12, 3)]:
            cases[f"{shape}, edgeitems={edgeitems}"] = ramp(shape, step=0.5, edgeitems=edgeitems, threshold=10)
    cases["edgeitems=0, below the threshold"] = case(torch.arange(5), edgeitems=0)
    cases["edgeitems=0, 0 dimensions"] = case(torch.tensor(3.0), edgeitems=0, threshold=0)
    cases["edgeitems=0, empty"] = case(torch.zeros(0), edgeitems=0)
    cases["threshold=inf"] = ramp((1001,), "int64", threshold=math.inf)
    cases["profile=full"] = ramp((2, 501), "float32", profile="full")
    cases["profile=short, summarised"] = ramp((40, 40), "float32", step=0.3, profile="short")
    return cases


def collect() -> dict[str, dict[str, Case]]:
    """Every case, by section and name."""
    sections = (tutorial, scalars, vectors, dtypes, shapes, suffixes, printoptions)
    return {section.__name__: section() for section in sections}

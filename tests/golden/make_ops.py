"""What PyTorch gives for every row of tests/table.py: the data of tests/test_table.py.

Each sample has its inputs in float64 and, from them, the results, the names of their nodes, whether they share memory
with an input, the gradients for fixed cotangents, and the gradients of those gradients, with respect to inputs and
cotangents. Other dtypes have the dtypes of their results, or the error's class; int64 has the results too.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from tests.golden import encode
from tests.table import TABLE, TRIED_DTYPES, Row, Sample, cast, cotangent, leaves, special_values


def torch_function(name: str) -> Callable[..., Any]:
    """PyTorch's function of this dotted name, or with a leading dot its method."""
    if name.startswith("."):
        return lambda tensor, *args, **kwargs: getattr(tensor, name[1:])(*args, **kwargs)
    target: Any = torch
    for part in name.split("."):
        target = getattr(target, part)
    return target


def translated(value: Any) -> Any:
    """An argument as PyTorch takes it: NumPy's dtypes become its own."""
    if isinstance(value, dict):
        return {key: translated(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(translated(item) for item in value)
    return getattr(torch, value.name) if isinstance(value, np.dtype) else value


def call(row: Row, sample: Sample, tensors: Sequence[torch.Tensor]) -> Any:
    args, kwargs = sample.filled(tensors)
    assert row.torch_name is not None
    return torch_function(row.torch_name)(*translated(args), **translated(kwargs))


def tensors_of(sample: Sample, values: list[np.ndarray], dtype: str, grad: bool) -> list[torch.Tensor]:
    tensors = [torch.tensor(value) for value in cast(values, dtype)]
    for tensor, operand in zip(tensors, sample.operands, strict=True):
        tensor.requires_grad_(grad and operand.grad and is_floating(tensor))
    return tensors


def kind(result: Any) -> str:
    """The names of a named tuple's fields, else the type of what a function returned."""
    return " ".join(getattr(type(result), "__match_args__", ())) or type(result).__name__


def is_floating(value: Any) -> bool:
    """Whether a value is a Tensor of numbers that gradients can flow to."""
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())


def plain(value: Any) -> Any:
    return str(value).removeprefix("torch.") if isinstance(value, torch.dtype | torch.device) else value


def memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def weight(tensor: torch.Tensor, number: int) -> torch.Tensor:
    """The fixed cotangent of a Tensor."""
    return torch.tensor(cotangent(tuple(tensor.shape), number, tensor.is_complex()))


def gradients(results: list[Any], tensors: list[torch.Tensor], *, second: bool) -> dict[str, Any]:
    outputs = [leaf for leaf in results if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    inputs = [tensor for tensor in tensors if tensor.requires_grad]
    if not outputs or not inputs:
        return {}
    weights = [weight(out, i).requires_grad_(second) for i, out in enumerate(outputs)]
    try:
        first = torch.autograd.grad(outputs, inputs, weights, create_graph=second, allow_unused=True)
    except RuntimeError as error:
        return {"error": str(error)}
    if not second:
        return {"first": encode(first)}
    recorded = {i: gradient for i, gradient in enumerate(first) if gradient is not None and gradient.requires_grad}
    if not recorded:
        return {"first": encode(first), "second": [None] * len(inputs + weights)}
    seconds = [weight(gradient, i + 5) for i, gradient in recorded.items()]
    try:
        found = torch.autograd.grad(list(recorded.values()), inputs + weights, seconds, allow_unused=True)
    except RuntimeError as error:
        if "is not implemented" not in str(error):
            raise
        # PyTorch differentiates some functions once only.
        return {"first": encode(first)}
    return {"first": encode(first), "second": encode(found)}


def result_dtypes(row: Row, sample: Sample, values: list[np.ndarray], dtype: str) -> str:
    """The results' dtypes for operands of another dtype; or the error's class, or "unsupported" without a kernel."""
    try:
        found = leaves(call(row, sample, tensors_of(sample, values, dtype, grad=False)))
    except Exception as error:
        if "not implemented for" in str(error):
            return "unsupported"
        # To PyTorch this is a RuntimeError of its dispatcher.
        return "RuntimeError" if isinstance(error, NotImplementedError) else type(error).__name__
    return " ".join(plain(leaf.dtype) for leaf in found if isinstance(leaf, torch.Tensor))


def sample_data(row: Row, number: int) -> dict[str, Any]:
    sample, values = row.samples[number], row.inputs(number)
    tensors = tensors_of(sample, values, "float64", grad=True)
    result = call(row, sample, tensors)
    results = leaves(result)
    inputs = {memory(tensor) for tensor in tensors if tensor.numel()}
    data: dict[str, Any] = {
        "inputs": encode(values),
        "kind": kind(result),
        "results": encode([plain(leaf) for leaf in results]),
        "nodes": [type(leaf.grad_fn).__name__ for leaf in results if is_floating(leaf)],
        "shares": [memory(leaf) in inputs for leaf in results if isinstance(leaf, torch.Tensor)],
        **gradients(results, tensors, second=True),
    }
    if any(value.dtype.kind == "f" for value in values):
        data["dtypes"] = {dtype: result_dtypes(row, sample, values, dtype) for dtype in TRIED_DTYPES}
        if data["dtypes"]["int64"] != "unsupported" and not data["dtypes"]["int64"].endswith("Error"):
            integers = tensors_of(sample, values, "int64", grad=False)
            data["integers"] = encode([plain(leaf) for leaf in leaves(call(row, sample, integers))])
    return data


def row_data(row: Row) -> dict[str, Any]:
    data: dict[str, Any] = {
        "method": callable(getattr(torch.Tensor, row.name, None)),
        "samples": [sample_data(row, number) for number in range(len(row.samples))],
    }
    if row.has_specials:
        sample = row.samples[0]
        tensors = tensors_of(sample, special_values(sample), "float64", grad=True)
        results = [call(row, sample, tensors)]
        data["specials"] = encode(results + list(gradients(results, tensors, second=False).get("first", [])))
    return data


def collect() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: row_data(row) for name, row in sorted(TABLE.items()) if row.torch_name is not None}

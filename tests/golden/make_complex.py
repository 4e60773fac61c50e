"""What PyTorch gives for the rows of tests/table.py with complex numbers: the data of tests/test_table_complex.py.

Each of a row's samples has the results, the names of their nodes and the gradients of two orders, as in
make_ops.py, or the class of the error. Where several operands are complex, "mixed" has the first order where the first
is real.
"""

import warnings
from typing import Any

import numpy as np
import torch

from tests.golden import encode
from tests.golden.make_ops import call, gradients, is_floating, plain
from tests.table import Row, complex_rows, leaves


def outcome(row: Row, number: int, *, mixed: bool) -> dict[str, Any]:
    sample, values = row.samples[number], row.inputs(number)
    if mixed:
        values[0] = np.real(values[0])
    tensors = [torch.tensor(value) for value in values]
    for tensor, operand in zip(tensors, sample.operands, strict=True):
        tensor.requires_grad_(operand.grad and is_floating(tensor))
    try:
        results = leaves(call(row, sample, tensors))
    except Exception as error:
        return {"error": "RuntimeError" if isinstance(error, NotImplementedError) else type(error).__name__}
    return {
        "results": encode([plain(leaf) for leaf in results]),
        "nodes": [type(leaf.grad_fn).__name__ for leaf in results if is_floating(leaf)],
        **gradients(results, tensors, second=not mixed),
    }


def sample_data(row: Row, number: int) -> dict[str, Any]:
    data = outcome(row, number, mixed=False)
    if row.samples[number].is_mixed:
        data["mixed"] = outcome(row, number, mixed=True)
    return data


def collect() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            row.name: {"samples": [sample_data(row, number) for number in range(len(row.samples))]}
            for row in complex_rows()
        }

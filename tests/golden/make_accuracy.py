"""The largest errors of PyTorch's elementwise functions, in units of the last place, against mpmath."""

import operator
from typing import Any

import torch

from tests.accuracy import SUBJECTS, Subject, exact_values, points, worst_error
from tests.test_accuracy import COUNT


def collect() -> dict[str, Any]:
    """By dtype and the subject's name, to three digits."""
    return {
        dtype: {subject.name: float(f"{error(subject, dtype):.3g}") for subject in SUBJECTS if subject.row.torch_name}
        for dtype in ("float32", "float64")
    }


def error(subject: Subject, dtype: str) -> float:
    assert subject.row.torch_name is not None
    x = torch.from_numpy(points(subject, dtype, COUNT))
    operands = subject.operands(x, lambda number: torch.tensor(number, dtype=x.dtype))
    args, kwargs = subject.row.samples[0].filled(operands)
    found = operator.attrgetter(subject.row.torch_name.lstrip("."))(torch)(*args, **kwargs)
    return worst_error(found.numpy(), exact_values(subject, dtype, COUNT))[0]

"""Small programs that run on PyTorch and on gradcu alike; what the former gives is golden data for the latter.

A case is a function of the package (`torch`, whichever it is) that returns something plain: numbers, strings, tensors,
and sequences of them. The name of a case says what it shows.
"""

import re
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.autograd.cases import (
    anomaly,
    backward,
    complex_numbers,
    function,
    functional,
    gradcheck,
    hooks,
    modes,
    outputs,
    saved,
)

Case = Callable[[Any], Any]

MODULES: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        anomaly,
        backward,
        complex_numbers,
        function,
        outputs,
        functional,
        gradcheck,
        hooks,
        modes,
        saved,
    )
}


def cases(subject: str) -> dict[str, Case]:
    """The cases of a subject by name."""
    return {
        name: value
        for name, value in vars(MODULES[subject]).items()
        if callable(value) and not name.startswith("_") and value.__module__ == MODULES[subject].__name__
    }


def run(case: Case, torch: ModuleType) -> Any:
    """What a case gives, as JSON can hold it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using backward\\(\\) with create_graph=True will create a reference cycle")
        return plain(case(torch), torch.__name__)


def plain(value: Any, package: str) -> Any:
    """Tensors as their dtype and elements, complex numbers as two, texts without the package's name and addresses."""
    if isinstance(value, str):
        text = re.sub(r"0x[0-9a-f]+", "0x", value)
        return re.sub(rf"\b{package}(?=[.:])", "PACKAGE", text)
    if isinstance(value, dict):
        return {key: plain(item, package) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, package) for item in value]
    if hasattr(value, "requires_grad"):
        return [str(value.dtype).removeprefix("torch."), plain(value.tolist(), package)]
    if isinstance(value, complex):
        return [value.real, value.imag]
    return value

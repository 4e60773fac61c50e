"""What PyTorch gives for every case in tests/autograd/cases."""

from typing import Any

import torch

from tests.autograd.cases import MODULES, cases, run


def collect() -> dict[str, Any]:
    return {subject: {name: run(case, torch) for name, case in cases(subject).items()} for subject in MODULES}

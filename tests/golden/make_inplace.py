"""What PyTorch makes of the in-place programs."""

from typing import Any

import torch

from tests.programs import outcome
from tests.test_inplace import PROGRAMS


def collect() -> dict[str, Any]:
    """The outcome of each program."""
    return {name: outcome(source, torch) for name, source in PROGRAMS.items()}

"""What PyTorch makes of the programs about products of vectors and matrices."""

from typing import Any

import torch

from tests.programs import outcome
from tests.test_linalg import PROGRAMS


def collect() -> dict[str, Any]:
    """The outcome of each program."""
    return {name: outcome(source, torch) for name, source in PROGRAMS.items()}

"""What PyTorch makes of the programs about indexing."""

from typing import Any

import torch

from tests.programs import outcome
from tests.test_index import PROGRAMS


def collect() -> dict[str, Any]:
    """The outcome of each program."""
    return {name: outcome(source, torch) for name, source in PROGRAMS.items()}

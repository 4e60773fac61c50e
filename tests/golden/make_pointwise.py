"""What PyTorch makes of the elementwise calls and kinks of tests/test_pointwise.py."""

from typing import Any

import torch

from tests.programs import outcome
from tests.test_pointwise import CALLS, KINKS, at_kink, program


def collect() -> dict[str, Any]:
    """The outcome of each call, and values with first and second derivatives at each kink."""
    return {
        "calls": {call: outcome(program(call), torch) for call in CALLS},
        "kinks": {name: [at_kink(torch, kink, point) for point in kink.points] for name, kink in KINKS.items()},
    }

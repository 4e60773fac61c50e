"""Derivative sweeps: f and its derivatives at very many evenly spaced points."""

from .result import SweepResult as SweepResult
from .run import sweep as sweep

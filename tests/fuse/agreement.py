"""How far apart two engines' results may be: in units of the last place of what is computed on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcu.fuse.program import Program

# Functions that C and NumPy or SciPy compute by different formulas. Next to a root, an error that is small beside the
# terms is not small beside the result; the values are the sizes of these terms.
TERMS = {"lgamma": 4.0, "digamma": 4.0, "polygamma": 4.0, "sinc": 8.0}


def largest_intermediate(made: Program, x: np.ndarray) -> np.ndarray:
    """The size of the largest finite number that the program computes on the way, at each point."""
    values: list[Any] = []
    largest = np.where(np.isfinite(x), np.abs(x), 0).astype("float64")
    with np.errstate(all="ignore"):
        for line in made.lines:
            operands = [values[o] if isinstance(o, int) else x if isinstance(o, str) else o for o in line.operands]
            values.append(line.op.numpy(*operands, *line.statics))
            size = np.abs(np.asarray(values[-1], "float64"))
            largest = np.fmax(largest, np.where(np.isfinite(size), size, 0))
    return largest


def disagreement(found: np.ndarray, expected: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """In units of the last place of ``scale`` or of the values; infinite where one is NaN or infinite alone."""
    dtype = expected.dtype
    with np.errstate(all="ignore"):
        unit = np.spacing(np.maximum(scale, np.abs(expected)).astype(dtype)).astype("float64")
        units = np.abs(found.astype("float64") - expected.astype("float64")) / unit
    units[(found == expected) | (np.isnan(found) & np.isnan(expected))] = 0
    units[np.isnan(units)] = np.inf
    return units

"""Measures the errors of every elementwise function on every engine, in a minute, and writes docs/accuracy.md."""

from __future__ import annotations

import platform
from pathlib import Path

from benchmarks._common import machine, table, versions
from gradcu.fuse.compiler import find_compiler
from tests.accuracy import ROWS, SUBJECTS, eager_errors, errors
from tests.fuse.engines import AT_ONCE, COMPILED
from tests.golden import read
from tests.test_accuracy import COUNT as POINTS

COUNT = 2000

PAGE = """# Accuracy

How far the elementwise functions are from the true value at most, in units of the last place of the result, over the
interval that the function's row in `tests/rows` names. The true values are mpmath's, at {count} points of each
function; functions of two operands are measured beside several numbers, in either place, and have the largest error of
these.

- *eager*: the functions as they are called, which are NumPy's or SciPy's; the engine `numpy` gives the same bits.
- *cc*: the engine `cc`. Its `exp`, `tanh`, `sin` and `cos` are gradcu's own, and the others those of the platform's
  vector library. Over all 2^32 numbers of float32 the errors are at most 1.05 for `exp`, 1.93 for `tanh` and 1.54 for
  `sin` and `cos`; those that are infinite, NaN or zero are right, and zeros have the right sign.
- *C++*: the generated CUDA kernels, compiled for the CPU, with the scalar functions of its `<math.h>`: what is gradcu's
  own in them is the GPU's too. NVIDIA states the errors of its own functions in the CUDA C++ Programming Guide,
  "Mathematical Functions".
- *PyTorch*: {torch} on a CPU, at {torch_count} points.

The bound is the row's. Tests hold every engine to it; where it is more than 4, the row says why, and PyTorch's error is
larger. At a zero of a function an error that is small beside its terms is large beside the result: that is where
PyTorch's `sinc` and `digamma` have theirs, and its `gelu` has it where the result is small.

Functions whose row names no interval, such as most activations, are not measured here, but compared with PyTorch's
results. A function that is composed of several is compared with eager in units of the largest number on the way, since
a difference of two large numbers has their error.

**Numbers below the normal range** (in float32, below 1.2e-38) are numbers as any other to eager, `numpy` and `cc`: no
engine on the CPU flushes them to zero. On CUDA, float32 results and operands in that range become zero, since CuPy
compiles everything with `-ftz=true`; float64 keeps them.

Written by `python -m benchmarks.accuracy` on {machine}, {versions}, {compiler}, {libc}.
"""


def main() -> None:
    """Measures, and writes the page."""
    golden = read("accuracy")
    parts = [
        PAGE.format(
            count=COUNT,
            torch=f"PyTorch {golden['torch']}",
            torch_count=POINTS,
            machine=machine(),
            versions=versions("numpy", "scipy", "mpmath"),
            compiler=find_compiler().name,
            libc=" ".join(platform.libc_ver()),
        )
    ]
    for dtype in ("float32", "float64"):
        columns = [
            eager_errors(dtype, COUNT),
            *(errors(run, dtype, COUNT, AT_ONCE[engine]) for engine, run in COMPILED.items()),
            golden["data"][dtype],
        ]
        rows = [[f"`{row.name}`", f"{row.ulp:g}", *(_largest(row.name, column) for column in columns)] for row in ROWS]
        parts.append(f"## {dtype}\n\n" + table(["function", "bound", "eager", "cc", "C++", "PyTorch"], rows) + "\n")
    page = Path(__file__).resolve().parent.parent / "docs" / "accuracy.md"
    page.write_text("\n".join(parts), encoding="utf-8", newline="\n")


def _largest(name: str, column: dict[str, float]) -> str:
    found = [column[subject.name] for subject in SUBJECTS if subject.row.name == name and subject.name in column]
    return f"{max(found):.3g}" if found else ""


if __name__ == "__main__":
    main()

"""What the kernels of reductions and of indexing share on this side: their text, and how dimensions are made fewer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .._template import filled, kernel_file

THREADS = 256
"""The threads of a block."""

MOST_DIMENSIONS = 8
"""Of the arrays that the kernels take."""

NARROW = 1 << 30
"""Below so many elements, and bytes from an array's first to its last, 32-bit indices do."""

C_TYPES = {"float32": "float", "float64": "double"}
"""The dtypes that the kernels add up."""

Dimensions = list[tuple[int, tuple[int, ...]]]
"""The length of each, and the strides of all arrays along it."""


def kernel_text(name: str, headers: tuple[str, ...], c_type: str, *, wide: bool, **marks: int) -> str:
    """A file of kernels/ with others at its top, for elements of a C type and 32-bit or ``wide`` indices."""
    fillings = {"INDEX": "long long" if wide else "int", "THREADS": str(THREADS)}
    fillings |= {mark: str(value) for mark, value in marks.items()}
    helpers = "\n".join((f"#define GRADCU_T {c_type}", *map(kernel_file, ("gradcu.cuh", "sum.cuh", *headers))))
    return filled(filled(kernel_file(name), {"HELPERS": helpers}), fillings)


def merged(dims: Iterable[int], shape: Sequence[int], strides: Sequence[Sequence[int]]) -> Dimensions:
    """The dimensions ``dims`` of arrays of one shape and these strides; those are one that lie as one would.

    >>> merged((0, 1, 2), (4, 1, 5), ((40, 40, 8), (40, 0, 8)))
    [(20, (8, 8))]
    """
    out: Dimensions = []
    for d in dims:
        length, steps = shape[d], tuple(of[d] for of in strides)
        if length == 1:
            continue
        if out and out[-1][1] == tuple(step * length for step in steps):
            out[-1] = out[-1][0] * length, steps
        else:
            out.append((length, steps))
    return out or [(1, (0,) * len(strides))]


def reach(dims: Dimensions, array: int) -> int:
    """How many bytes an array's elements are apart at most."""
    return sum(abs(steps[array]) * max(length - 1, 0) for length, steps in dims)


def power_of_two(number: int) -> int:
    """The least that is no less than ``number``."""
    return 1 << max(number - 1, 0).bit_length()

"""What all our kernels have in common: their text, how they are launched, and where their limits are."""

from __future__ import annotations

from ._template import filled, kernel_file

THREADS = 256
"""The threads of a block."""

BLOCKS = {"float32": 4, "float64": 3}
"""So many blocks share the 65536 registers of a multiprocessor. Left to choose, the compiler takes fewer than it needs
and spills some, to make room for more blocks than a kernel that waits for memory alone has use for."""

C_TYPES = {"float32": "float", "float64": "double"}
"""The dtypes that kernels compute with, in C."""

NARROW = 1 << 30
"""Below so many elements, and bytes from an array's first to its last, 32-bit indices do."""

MOST_BYTES = 4096
"""Of all parameters: CUDA C++ Programming Guide, "Function Parameters"."""

MOST_DIMENSIONS = 8
"""Of the arrays that the kernels of reductions and indexing take."""


def summing_text(name: str, headers: tuple[str, ...], dtype: str, *, wide: bool, **marks: object) -> str:
    """A file of kernels/ that adds up elements of ``dtype``, with others at its top; ``wide`` takes 64-bit indices."""
    fillings = {"INDEX": "long long" if wide else "int", "THREADS": str(THREADS), "BLOCKS": str(BLOCKS[dtype])}
    fillings |= {mark: str(value) for mark, value in marks.items()}
    included = map(kernel_file, ("gradcu.cuh", "sum.cuh", *headers))
    helpers = "\n".join((f"#define GRADCU_T {C_TYPES[dtype]}", *included))
    return filled(filled(kernel_file(name), {"HELPERS": helpers}), fillings)


def power_of_two(number: int) -> int:
    """The least that is no less than ``number``.

    >>> power_of_two(5)
    8
    """
    return 1 << max(number - 1, 0).bit_length()

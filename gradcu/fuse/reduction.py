"""Reductions of rows that are still in the cache: pairwise sums and histograms, in C or on NumPy, the same to the bit.

A sum is a binary tree over the row's points: tiles of a fixed length are halved again and again, and the sums of
neighbouring tiles added, of these the neighbours, and so on; what is missing at the end counts as zeros. Whoever adds
up parts of 2**k tiles each in the same way gets the same sum, however long the parts are. The error of such a sum of n
terms is at most d*u/(1 - d*u) times the sum of their sizes, with d = ceil(log2(n)) and u = 2**-53: N. J. Higham,
Accuracy and Stability of Numerical Algorithms, second edition, 4.2.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any, Protocol

import numpy as np

from .._template import filled, kernel_file
from .compiler import Compiler
from .kernel import address, loaded

TILE = 512
"""How many points are added up by halving."""


class Reducer(Protocol):
    """Reduces contiguous rows of one dtype; several threads may use it at once."""

    def sums(self, row: np.ndarray) -> tuple[float, float]:
        """The sum of the row, and the sum of its sizes, both in float64."""
        ...

    def histogram(self, row: np.ndarray, edges: np.ndarray, counts: np.ndarray) -> None:
        """Adds to ``counts`` how many numbers are below the edges, in each of the bins, above, and NaN.

        The edges are float64, evenly spaced. A bin has its lower edge, the last one its upper edge too.
        """
        ...


class NumpyReducer:
    """Reduces with NumPy."""

    def sums(self, row: np.ndarray) -> tuple[float, float]:
        """The sum of the row, and the sum of its sizes, both in float64.

        >>> NumpyReducer().sums(np.array([1.0, -2.0, 4.0]))
        (3.0, 7.0)
        """
        tiles = -(-row.size // TILE)
        width = 1 << (tiles - 1).bit_length()
        padded = np.zeros(width * TILE)
        padded[: row.size] = row
        with np.errstate(all="ignore"):
            return _tree(padded.reshape(width, TILE)), _tree(np.abs(padded).reshape(width, TILE))

    def histogram(self, row: np.ndarray, edges: np.ndarray, counts: np.ndarray) -> None:
        """Adds to ``counts`` how many numbers are below the edges, in each of the bins, above, and NaN."""
        low, high, bins = edges[0], edges[-1], edges.size - 1
        values = row.astype(np.float64)
        below, above = int((values < low).sum()), int((values > high).sum())
        inside = values[(values >= low) & (values <= high)]
        counts[0] += below
        counts[-2] += above
        counts[-1] += values.size - inside.size - below - above
        # A quotient may be rounded across an edge; the edges themselves decide.
        places = np.minimum(((inside - low) * (bins / (high - low))).astype(np.intp), bins - 1)
        places -= inside < edges[places]
        places += (places < bins - 1) & (inside >= edges[places + 1])
        counts[1:-2] += np.bincount(places, minlength=bins)


def _tree(tiles: np.ndarray) -> float:
    while tiles.shape[1] > 1:
        half = tiles.shape[1] // 2
        tiles = tiles[:, :half] + tiles[:, half:]
    level = tiles[:, 0]
    while level.size > 1:
        level = level[0::2] + level[1::2]
    return float(level[0])


class CompiledReducer:
    """Reduces with a library that the system's C compiler makes.

    Raises CompilerError where the compiler fails, CacheError where the directory for compiled code cannot be used.
    """

    def __init__(self, dtype: np.dtype[Any], compiler: Compiler) -> None:
        fillings = {"REAL": _C_TYPES[dtype.name], "BINS": kernel_file("bins.cuh")}
        library = _library(filled(_SOURCE, fillings), compiler)
        pointer, integer = ctypes.c_void_p, ctypes.c_longlong
        self._sums, self._histogram = library.gradcu_sums, library.gradcu_histogram
        self._sums.argtypes = [pointer, integer, pointer]
        self._histogram.argtypes = [pointer, integer, pointer, integer, pointer]
        self._sums.restype = self._histogram.restype = None

    def sums(self, row: np.ndarray) -> tuple[float, float]:
        """The sum of the row, and the sum of its sizes, both in float64."""
        found = (ctypes.c_double * 2)()
        self._sums(address(row), row.size, found)
        return found[0], found[1]

    def histogram(self, row: np.ndarray, edges: np.ndarray, counts: np.ndarray) -> None:
        """Adds to ``counts`` how many numbers are below the edges, in each of the bins, above, and NaN."""
        self._histogram(address(row), row.size, address(edges), edges.size - 1, address(counts))


_library = functools.cache(loaded)

_C_TYPES = {"float32": "float", "float64": "double"}

_SOURCE = """
#include <math.h>
#include <string.h>
#ifdef _WIN32
#define GRADCU_EXPORT __declspec(dllexport)
#else
#define GRADCU_EXPORT
#endif

#define GRADCU_FUNCTION static inline
@BINS@

typedef @REAL@ T;
enum { TILE = 512, LEVELS = 64 };

/* The sum of a tile, and that of its sizes. */
static __attribute__((noinline)) void gradcu_tile(const T *restrict row, double *restrict sums) {
    double sum[TILE / 2], size[TILE / 2];
    for (int i = 0; i < TILE / 2; i++) {
        const double a = row[i], b = row[i + TILE / 2];
        sum[i] = a + b;
        size[i] = fabs(a) + fabs(b);
    }
#define GRADCU_HALVE(width) \\
    for (int i = 0; i < width; i++) sum[i] += sum[i + width], size[i] += size[i + width];
    GRADCU_HALVE(128) GRADCU_HALVE(64) GRADCU_HALVE(32) GRADCU_HALVE(16) GRADCU_HALVE(8) GRADCU_HALVE(4)
    GRADCU_HALVE(2) GRADCU_HALVE(1)
    sums[0] = sum[0];
    sums[1] = size[0];
}

/* waiting[k] is the sum of 2**k tiles that waits for its neighbour, where bit k of the number of tiles is set. */
GRADCU_EXPORT void gradcu_sums(const T *row, long long count, double *result) {
    double waiting[LEVELS][2], sums[2];
    T last[TILE] = {0};
    long long tiles = 0;
    for (long long done = 0; done < count; done += TILE, tiles++) {
        const T *tile = row + done;
        if (count - done < TILE) tile = memcpy(last, tile, (count - done) * sizeof(T));
        gradcu_tile(tile, sums);
        int level = 0;
        for (; tiles >> level & 1; level++)
            for (int k = 0; k < 2; k++) sums[k] = waiting[level][k] + sums[k];
        memcpy(waiting[level], sums, sizeof sums);
    }
    result[0] = result[1] = 0;
    for (int level = 0; tiles >> level; level++)
        if (tiles >> level & 1)
            for (int k = 0; k < 2; k++) result[k] = waiting[level][k] + result[k];
}

GRADCU_EXPORT void gradcu_histogram(
    const T *row, long long count, const double *edges, long long bins, long long *counts
) {
    const double scale = bins / (edges[bins] - edges[0]);
    for (long long i = 0; i < count; i++) counts[gradcu_bin(row[i], edges, (int)bins, scale)]++;
}
"""

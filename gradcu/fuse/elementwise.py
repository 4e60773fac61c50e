"""Programs of several inputs on arrays that broadcast to one shape: two engines behind one small interface."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from .._template import filled
from .compiler import Compiler, find_compiler
from .kernel import address, loaded
from .layout import Layout
from .program import NotInCError, Program
from .source import tile_source


class Evaluator(Protocol):
    """Computes a program's outputs on arrays: `ElementwiseKernel`, or `gradcu.fuse.blocks.Blocks`."""

    def evaluate(
        self,
        inputs: Sequence[np.ndarray],
        shape: tuple[int, ...],
        first: int,
        count: int,
        outputs: Sequence[np.ndarray],
    ) -> None:
        """Writes the outputs at the elements first, ..., first + count - 1, in C order, of the shape.

        ``inputs`` are of the program's dtypes and in its order, broadcast to the shape, and may have any strides;
        ``outputs`` are one-dimensional, contiguous, as long as count, and no memory of an input. What an element
        becomes depends on the inputs' elements there alone. Several threads may call at a time.
        """
        ...


_MOST_ARRAYS = 128
"""The inputs and outputs of a kernel, each of which takes a tile of its stack."""

_LOOP = """
enum { INPUTS = @INPUTS@, OUTPUTS = @OUTPUTS@ };

/* Elements `stride` bytes apart, put next to each other. */
static GRADCU_ALONE void gradcu_gather(char *to, const char *from, long long stride, long long count, int size) {
    if (stride == 0 && size == sizeof(T)) {
        const T number = *(const T *)from;
        for (long long i = 0; i < count; i++) ((T *)to)[i] = number;
    } else if (size == sizeof(T)) {
        for (long long i = 0; i < count; i++) ((T *)to)[i] = *(const T *)(from + i * stride);
    } else {
        for (long long i = 0; i < count; i++) to[i] = from[i * stride];
    }
}

/* Elements first, ..., first + count - 1 of a shape, which has at least one dimension; the strides are in bytes, a row
   of them for each input. */
GRADCU_EXPORT GRADCU_BRIEFLY void gradcu_elementwise(
    const char *const *inputs, const long long *strides, long long dims, const long long *lengths, long long first,
    long long count, void *const *outputs
) {
    static const int input_sizes[INPUTS] = {@INPUT_SIZES@}, output_sizes[OUTPUTS] = {@OUTPUT_SIZES@};
    _Alignas(64) T gathered[INPUTS][TILE], computed[OUTPUTS][TILE];
    const long long last = dims - 1;
    const char *here[INPUTS];
    long long at[@MOST_DIMS@], rest = first;
    /* A shape without elements has a length of 0, by which nothing can be divided. */
    if (count == 0) return;
    for (int k = 0; k < INPUTS; k++) here[k] = inputs[k];
    for (long long d = last; d >= 0; d--) {
        at[d] = rest % lengths[d];
        rest /= lengths[d];
        for (int k = 0; k < INPUTS; k++) here[k] += at[d] * strides[k * dims + d];
    }
    for (long long done = 0, size; done < count; done += size) {
        const void *in[INPUTS];
        void *out[OUTPUTS];
        size = count - done < TILE ? count - done : TILE;
        for (long long filled = 0, run; filled < size; filled += run) {
            const long long left = lengths[last] - at[last];
            run = size - filled < left ? size - filled : left;
            for (int k = 0; k < INPUTS; k++) {
                const int bytes = input_sizes[k];
                const long long stride = strides[k * dims + last];
                if (run == TILE && stride == bytes) {
                    in[k] = here[k];
                } else {
                    gradcu_gather((char *)gathered[k] + filled * bytes, here[k], stride, run, bytes);
                    in[k] = gathered[k];
                }
                here[k] += run * stride;
            }
            at[last] += run;
            for (long long d = last; d > 0 && at[d] == lengths[d]; d--) {
                at[d] = 0;
                at[d - 1]++;
                for (int k = 0; k < INPUTS; k++) {
                    here[k] += strides[k * dims + d - 1] - lengths[d] * strides[k * dims + d];
                }
            }
        }
        for (int k = 0; size < TILE && k < INPUTS; k++) {
            char *const points = (char *)gathered[k];
            const int bytes = input_sizes[k];
            for (long long i = size; i < TILE; i++) memcpy(points + i * bytes, points + (size - 1) * bytes, bytes);
        }
        for (int k = 0; k < OUTPUTS; k++) {
            out[k] = size < TILE ? (void *)computed[k] : (char *)outputs[k] + done * output_sizes[k];
        }
        gradcu_tile(@ARGUMENTS@);
        for (int k = 0; size < TILE && k < OUTPUTS; k++) {
            memcpy((char *)outputs[k] + done * output_sizes[k], computed[k], size * output_sizes[k]);
        }
    }
}
"""

_MOST_DIMS = 64
"""What NumPy allows."""


class ElementwiseKernel:
    """A program compiled for this processor, as an `Evaluator`. A call releases Python's lock."""

    def __init__(self, source: str, library: ctypes.CDLL) -> None:
        self.source = source
        self._function = library.gradcu_elementwise
        pointer, integer = ctypes.c_void_p, ctypes.c_longlong
        self._function.argtypes = [pointer, pointer, integer, pointer, integer, integer, pointer]
        self._function.restype = None

    def evaluate(
        self,
        inputs: Sequence[np.ndarray],
        shape: tuple[int, ...],
        first: int,
        count: int,
        outputs: Sequence[np.ndarray],
    ) -> None:
        """Writes the outputs at elements first, ..., first + count - 1 of the shape: see `Evaluator`."""
        # C reads numbers where numbers may stand, and a record's fields may stand anywhere.
        inputs = [array if array.flags.aligned else array.copy() for array in inputs]
        layout = Layout(inputs, shape)
        integers = np.array([layout.lengths, *layout.strides], np.int64)
        addresses = np.array([*map(address, inputs), *map(address, outputs)], np.uintp)
        begin, step = address(addresses), addresses.itemsize
        numbers, dims = address(integers), len(layout.lengths)
        self._function(
            begin, numbers + dims * integers.itemsize, dims, numbers, first, count, begin + len(inputs) * step
        )  # fmt: skip


_MOST_LOADED = 256
_kernels: dict[tuple[str, str], ElementwiseKernel] = {}


def elementwise_kernel(program: Program, compiler: Compiler | None = None) -> ElementwiseKernel:
    """The kernel of a program; compiled if neither memory nor disk has it.

    The inputs' names become C variables: a letter other than i and t with a number behind it will do. Raises
    `NotInCError` for a program that has no C, CompilerError where there is no compiler or it fails, and CacheError
    where the directory for compiled code cannot be used.

    >>> import gradcu, numpy
    >>> from gradcu.fuse.trace import program
    >>> kernel = elementwise_kernel(program(gradcu.square, numpy.dtype("float64"), order=0))
    >>> row = numpy.empty(3)
    >>> kernel.evaluate([numpy.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])], (2, 3), 2, 3, [row])
    >>> row
    array([ 9., 16., 25.])
    """
    compiler = compiler or find_compiler()
    key = (program.key, compiler.identity)
    kernel = _kernels.get(key)
    if kernel is None:
        source = elementwise_source(program, compiler)
        kernel = ElementwiseKernel(source, loaded(source, compiler))
        if len(_kernels) >= _MOST_LOADED:
            _kernels.clear()
        _kernels[key] = kernel
    return kernel


def elementwise_source(program: Program, compiler: Compiler) -> str:
    """The translation unit of a program's kernel. Raises `NotInCError` for a program that has no C."""
    inputs, outputs = list(program.inputs.values()), [program.dtype_of(output) for output in program.outputs]
    if len(inputs) + len(outputs) > _MOST_ARRAYS:
        raise NotInCError(
            f"it has {len(inputs)} inputs and {len(outputs)} outputs, {_MOST_ARRAYS} at most go into a kernel"
        )
    arguments = [*(f"in[{k}]" for k in range(len(inputs))), *(f"out[{k}]" for k in range(len(outputs)))]
    fillings = {
        "INPUTS": str(len(inputs)),
        "OUTPUTS": str(len(outputs)),
        "INPUT_SIZES": ", ".join(str(dtype.itemsize) for dtype in inputs),
        "OUTPUT_SIZES": ", ".join(str(dtype.itemsize) for dtype in outputs),
        "MOST_DIMS": str(_MOST_DIMS),
        "ARGUMENTS": ", ".join(arguments),
    }
    tile = tile_source(program, compiler)
    return tile + filled(_LOOP, fillings)

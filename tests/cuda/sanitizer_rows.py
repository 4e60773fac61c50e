"""What each kernel is run with under the sanitizers: sizes around a warp, a block and a pack, arrays that lie badly.

`ROWS` has a row for every file of kernels/. A row's kernels are launched on arrays of every size, and what they compute
is compared with NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcu._linspace import SEGMENT, linspace_block
from gradcu._op import OPS
from gradcu.fuse.cuda_source import CudaSource, elementwise_source, layout_dtype, line_of, sweep_source
from gradcu.fuse.expr import Table
from gradcu.fuse.program import Program, program_of
from gradcu.fuse.trace import program
from tests.cpu_cuda.sanitized import Launch

SIZES = (0, 1, 31, 32, 33, 1023, 1025, 2**20 + 3)
MOST_BLOCKS, THREADS = 4, 64
"""Few threads even for the largest size: each takes several turns, and ThreadSanitizer keeps every one in mind."""


@dataclass(frozen=True)
class Run:
    """Launches, one after the other, and the arrays that they write, each with what it has to be."""

    launches: list[Launch]
    expected: list[tuple[np.ndarray, np.ndarray]]
    tolerance: float = 0

    def check(self) -> None:
        """Compares what was computed with what is right."""
        for found, right in self.expected:
            np.testing.assert_allclose(found, right, rtol=self.tolerance, atol=self.tolerance)


@dataclass(frozen=True)
class Subject:
    """A source, and its runs for a size."""

    source: str
    runs: Callable[[int], Iterator[Run]]


def numbers(*shape: int, dtype: str = "float32") -> np.ndarray:
    """Normally distributed numbers, the same at every call."""
    return np.random.default_rng(shape).standard_normal(shape).astype(dtype)


def blocks_for(source: CudaSource, elements: int) -> int:
    """How many blocks are launched."""
    return max(1, min(MOST_BLOCKS, source.blocks(elements)))


def written(count: int, dtype: str, lead: int = 0) -> np.ndarray:
    """Memory for results, which is 77 where nothing is written; with a lead it is not aligned for packs."""
    return np.full(count + lead, 77, dtype)[lead:]


# elementwise.cu


def product(dtype: str) -> Program:
    """The value a * sin(b) + c and its gradient with respect to b, where the cotangent is g."""
    table = Table()
    a, b, c, g = (table.argument(name, np.dtype(dtype)) for name in "abcg")
    value = table.call("add", table.call("mul", a, table.call("sin", b)), c)
    gradient = table.call("mul", table.call("mul", g, a), table.call("cos", b))
    return program_of([value, gradient], [a, b, c, g])


def expected_of_product(a: Any, b: Any, c: Any, g: Any) -> list[np.ndarray]:
    """What `product` computes."""
    return [a * np.sin(b) + c, g * a * np.cos(b)]


def elementwise_alike(dtype: str) -> Subject:
    """Inputs that lie in memory as the outputs do, and one of a single element; also where one begins amid a pack."""
    source = elementwise_source(product(dtype), single=("c",))

    def runs(size: int) -> Iterator[Run]:
        for misaligned in ("", "input", "output"):
            a, beside, g = (numbers(size + lead, dtype=dtype)[lead:] for lead in (0, misaligned == "input", 0))
            c = numbers(1, dtype=dtype)
            results = [written(size, dtype), written(size, dtype, lead=misaligned == "output")]
            arrays = (a, beside, c, g, *results)
            launch = Launch(source.name, blocks_for(source, size), THREADS, [np.int32(size), *arrays])
            yield Run([launch], pairs(results, expected_of_product(a, beside, c, g)), 8 * eps(dtype))

    return Subject(source.text, runs)


def elementwise_strided(dtype: str, wide: bool) -> Subject:
    """Transposed, broadcast, backwards, and every other element."""
    made = product(dtype)
    source = elementwise_source(made, dimensions=2, wide=wide)
    index = np.int64 if wide else np.int32

    def runs(size: int) -> Iterator[Run]:
        rows = -(-size // 3)
        inputs = (
            numbers(3, rows, dtype=dtype).T,
            numbers(rows, 1, dtype=dtype),
            numbers(2 * rows, 3, dtype=dtype)[::2],
            numbers(rows, 3, dtype=dtype)[::-1, ::-1],
        )
        layout = np.zeros((), layout_dtype(2, len(inputs), wide))
        layout["shape"] = rows, 3
        layout["strides"] = [np.broadcast_to(array, (rows, 3)).strides for array in inputs]
        results = [written(3 * rows, dtype) for _ in made.outputs]
        arguments = [layout, index(3 * rows), *inputs, *results]
        launch = Launch(source.name, blocks_for(source, 3 * rows), THREADS, arguments)
        right = [row.reshape(-1) for row in expected_of_product(*inputs)]
        yield Run([launch], pairs(results, right), 8 * eps(dtype))

    return Subject(source.text, runs)


def elementwise_of_conditions() -> Subject:
    """Packs of bools beside packs of numbers, which have other sizes."""
    table = Table()
    x, y = (table.argument(name, np.dtype("float32")) for name in "xy")
    condition = table.argument("condition", np.dtype("bool"))
    made = program_of([table.apply(OPS["where"], (condition, x, y))], [x, y, condition])
    source = elementwise_source(made)

    def runs(size: int) -> Iterator[Run]:
        for lead in (0, 1):
            values = {"x": numbers(size), "y": numbers(size) + 1, "condition": (numbers(size + lead) > 0)[lead:]}
            result = written(size, "float32")
            arguments = [np.int32(size), *(values[name] for name in made.inputs), result]
            launch = Launch(source.name, blocks_for(source, size), THREADS, arguments)
            right = np.where(values["condition"], values["x"], values["y"])
            yield Run([launch], pairs([result], [right]))

    return Subject(source.text, runs)


# sweep.cu


def sweep(dtype: str) -> Subject:
    """A cubic with two derivatives: from the beginning, amid a segment and a pack, and far out."""
    made = program(lambda x: x**3 - 3 * x**2 + 4, np.dtype(dtype), 2)
    source = sweep_source(made)

    def runs(size: int) -> Iterator[Run]:
        for first, lead in ((0, 0), (SEGMENT - 17, 0), (SEGMENT - 17, 1), (2**40 - 5000, 0)):
            ends = (-3.0, 4.0, 2**41)
            line = line_of(*ends, first, size)
            assert line is not None
            x = linspace_block(*ends, first, size, np.dtype(dtype))
            points = written(size, dtype, lead=lead) if first else None
            rows = [written(size, dtype, lead=lead) for _ in made.outputs]
            arguments = [line[0], np.int64(first), np.int64(size), points, *rows]
            launch = Launch(source.name, blocks_for(source, size + SEGMENT), THREADS, arguments)
            right = [x**3 - 3 * x**2 + 4, 3 * x**2 - 6 * x, 6 * x - 6]
            yield Run([launch], pairs(rows, right) + ([] if points is None else [(points, x)]), 128 * eps(dtype))

    return Subject(source.text, runs)


def pairs(found: list[np.ndarray], right: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each array with what it has to be, and the memory before it, if there is any, which has to stay as it is."""
    both = list(zip(found, right, strict=True))
    owners = [array.base for array in found if isinstance(array.base, np.ndarray) and array.base.size > array.size]
    return both + [(owner[:1], np.full(1, 77, owner.dtype)) for owner in owners]


def eps(dtype: str) -> float:
    """The distance from 1 to the next number."""
    return float(np.finfo(dtype).eps)


ROWS: dict[str, dict[str, Callable[[], Subject]]] = {
    "elementwise.cu": {
        "alike in float32": lambda: elementwise_alike("float32"),
        "alike in float64": lambda: elementwise_alike("float64"),
        "strided": lambda: elementwise_strided("float32", wide=False),
        "strided, with wide indices": lambda: elementwise_strided("float64", wide=True),
        "of conditions": elementwise_of_conditions,
    },
    "sweep.cu": {
        "in float32": lambda: sweep("float32"),
        "in float64": lambda: sweep("float64"),
    },
}
"""By file, and by what is run of it."""

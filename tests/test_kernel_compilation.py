"""The kernels of reductions, softmax and indexing compile for every architecture, and take what they should."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from gradcu._kernel_text import BLOCKS, THREADS
from gradcu._launch import Parameter, Pointer
from gradcu.ops import _index_kernels, _row_kernels
from tests.fuse import nvrtc
from tests.needs import missing

REGISTERS = 65536
"""Of a multiprocessor."""

DTYPES = ["float32", "float64"]
FILES = {"reduce": "gradcu_sum", "softmax": "gradcu_softmax", "index": "gradcu_gather"}
"""The files of kernels/, and a kernel of each."""

KINDS = list(itertools.product(FILES, DTYPES, [False, True]))


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    if not nvrtc.is_installed():
        missing("nvrtc", "NVRTC is not installed: pip install 'gradcu[nvrtc]'")


def parameters_at(parameters: tuple[Parameter, ...]) -> Iterator[tuple[int, int]]:
    """The offset and the size of each, aligned as C aligns them."""
    at = 0
    for parameter in parameters:
        is_pointer = isinstance(parameter, Pointer)
        size, alignment = (8, 8) if is_pointer else (parameter.itemsize, parameter.alignment)
        at = -(-at // alignment) * alignment
        yield at, size
        at += size


def assert_compiles(file: str, dtype: str, wide: bool, architecture: int) -> None:
    declared = (_index_kernels if file == "index" else _row_kernels).declared(np.dtype(dtype), wide)
    text = declared[FILES[file]][0]
    kernels = {name: parameters for name, (of, parameters) in declared.items() if of == text}
    for name, found in nvrtc.all_compiled(text, kernels, architecture).items():
        assert found.registers <= REGISTERS // (THREADS * BLOCKS[dtype]), name
        assert found.parameters == list(parameters_at(kernels[name])), name
        assert found.spilled == 0, name


@pytest.mark.parametrize(("kind", "architecture"), list(zip(KINDS, itertools.cycle(nvrtc.ARCHITECTURES), strict=False)))
def test_each_kernel_for_some_architecture(kind: tuple[str, str, bool], architecture: int):
    assert_compiles(*kind, architecture)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kernel_for_every_architecture(kind: tuple[str, str, bool], architecture: int):
    assert_compiles(*kind, architecture)


def test_every_kernel_is_in_a_file():
    for module, files in ((_row_kernels, ("reduce", "softmax")), (_index_kernels, ("index",))):
        declared = module.declared(np.dtype("f4"), False)
        assert {text for text, _ in declared.values()} == {declared[FILES[file]][0] for file in files}
        for name, (text, _) in declared.items():
            assert f" {name}(" in text

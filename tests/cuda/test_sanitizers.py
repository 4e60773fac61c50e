"""Every kernel under the sanitizers, and bugs that each of them must find."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.cpu_cuda.compiler import kernels_of
from tests.cpu_cuda.sanitized import ADDRESS, THREAD, FoundError, Launch, Sanitizer, run
from tests.cuda.sanitizer_rows import ROWS, SIZES, Subject

SUBJECTS = [
    pytest.param(file, name, sanitizer, marks=[pytest.mark.slow] * (sanitizer is THREAD and "float64" in name))
    for file, row in ROWS.items()
    for name in row
    for sanitizer in (ADDRESS, THREAD)
]
# They need g++ alone, and run where CuPy on CPU does, once.
WITH_THE_BED = pytest.mark.usefixtures("bed")


def sanitized(subject: Subject, sanitizer: Sanitizer, sizes: tuple[int, ...] = SIZES) -> None:
    runs = [a_run for size in sizes for a_run in subject.runs(size)]
    run(subject.source, sanitizer, [a_run.launches for a_run in runs])
    for a_run in runs:
        a_run.check()


@WITH_THE_BED
@pytest.mark.parametrize(("file", "name", "sanitizer"), SUBJECTS, ids=str)
def test_nothing_is_found_in_a_kernel(file: str, name: str, sanitizer: Sanitizer):
    sanitized(ROWS[file][name](), sanitizer)


@pytest.fixture(scope="module")
def files(root: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (root / "kernels").glob("*.cu")}


def test_every_kernel_has_a_row(files: dict[str, str]):
    assert files.keys() == ROWS.keys()
    for file, text in files.items():
        subjects = [make() for make in ROWS[file].values()]
        launched = {launch.kernel for subject in subjects for a_run in subject.runs(33) for launch in a_run.launches}
        assert launched == set(kernels_of(text)), file


PLANTED = {
    "a store one element beyond": (
        ADDRESS, "elementwise.cu", "alike in float32", r"i < count; i \+= stride", "i <= count; i += stride", 33,
        "heap-buffer-overflow",
    ),
    "a pack that begins amid another": (
        ADDRESS, "elementwise.cu", "alike in float32", r"packs = [^?]*\? count / WIDTH : 0", "packs = count / WIDTH",
        33, "misaligned address",
    ),
    "an offset in too few bits": (
        ADDRESS, "sweep.cu", "in float32", r"place = segment \* SEGMENT", "place = (int)segment * SEGMENT", 33,
        "signed integer overflow",
    ),
    "a pack that reaches beyond the end": (
        ADDRESS, "sweep.cu", "in float64", r"at \+ WIDTH <= end", "at < end", 33, "heap-buffer-overflow",
    ),
    "a read of a strided operand beyond its end": (
        ADDRESS, "elementwise.cu", "strided", r"offsets\[k\] = 0", "offsets[k] = sizeof(T)", 33, "heap-buffer-overflow",
    ),
    "blocks that overlap": (
        THREAD, "elementwise.cu", "alike in float32", r"first = \(Index\)blockIdx.x \* blockDim.x",
        "first = (Index)blockIdx.x * (blockDim.x - 1)", 2**12, "data race",
    ),
    "two threads that write one pack": (
        THREAD, "sweep.cu", "in float32", r"at \+ w >= begin", "at + w + 1 > begin - 1", 1025, "data race",
    ),
}  # fmt: skip
"""By what the bug is: who must find it, where it is planted, what is put in place of what, the size, what is said."""


@WITH_THE_BED
@pytest.mark.parametrize("bug", PLANTED)
def test_a_bug_planted_in_a_kernel_is_found(bug: str):
    sanitizer, file, name, right, wrong, size, report = PLANTED[bug]
    subject = ROWS[file][name]()
    source, count = re.subn(right, wrong, subject.source)
    assert count >= 1
    with pytest.raises(FoundError, match=report):
        sanitized(Subject(source, subject.runs), sanitizer, (size,))


# What the kernels of today do not all use: shared memory, both barriers, shuffles, votes, atomic operations.
COOPERATING = r"""
extern "C" __global__ void cooperating(const float* in, float* sums, float* total, int* order) {
  __shared__ float block[64];
  extern __shared__ float warps[];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  block[threadIdx.x] = in[blockIdx.x * 64 + threadIdx.x];
  __syncwarp();
  float sum = block[threadIdx.x ^ 1];
  for (int by = 16; by; by /= 2) sum += __shfl_down_sync(~0u, sum, by);
  if (lane == 0) warps[warp] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    sums[blockIdx.x] = warps[0] + warps[1];
    atomicAdd(total, warps[0] + warps[1]);
    order[blockIdx.x] = blockIdx.x;
  }
  __syncthreads();
  const unsigned odd = __ballot_sync(~0u, lane & 1);
  if (lane == 0) warps[warp] = odd;
}
"""


def cooperate(source: str, sanitizer: Sanitizer) -> None:
    blocks = 5
    numbers = np.arange(64 * blocks, dtype=np.float32)
    sums, total, order = np.zeros(blocks, np.float32), np.zeros(1, np.float32), np.zeros(blocks, np.int32)
    launch = Launch("cooperating", blocks, 64, [numbers, sums, total, order], shared=8)
    run(source, sanitizer, [[launch, launch]])
    np.testing.assert_array_equal(sums, numbers.reshape(blocks, 64).sum(1))
    assert total == 2 * numbers.sum()


@WITH_THE_BED
@pytest.mark.parametrize("sanitizer", [ADDRESS, THREAD], ids=str)
def test_threads_that_work_together_are_understood(sanitizer: Sanitizer):
    cooperate(COOPERATING, sanitizer)


TOGETHER = {
    "a missing barrier": (THREAD, r"sum;\n  __syncthreads\(\);", "sum;", "data race"),
    "a missing barrier before shared memory is used again": (
        THREAD, r"}\n  __syncthreads\(\);\n  const", "}\n  const", "data race",
    ),
    "a missing barrier of the warp": (THREAD, r"__syncwarp\(\);", "", "data race"),
    "a sum that is not atomic": (THREAD, r"atomicAdd\(total, (.*)\);", r"*total += \1;", "data race"),
    "blocks far apart that write one element": (
        THREAD, r"order\[blockIdx.x\]", "order[blockIdx.x % 4]", "data race",
    ),
    "a write beyond shared memory": (ADDRESS, r"block\[threadIdx.x\] =", "block[threadIdx.x + 1] =", "out of bounds"),
    "a write beyond dynamic shared memory": (ADDRESS, r"warps\[warp\] = sum", "warps[warp + 1] = sum", "overflow"),
}  # fmt: skip


@WITH_THE_BED
@pytest.mark.parametrize("bug", TOGETHER)
def test_a_bug_of_threads_that_work_together_is_found(bug: str):
    sanitizer, right, wrong, report = TOGETHER[bug]
    source, count = re.subn(right, wrong, COOPERATING)
    assert count == 1
    with pytest.raises(FoundError, match=report):
        cooperate(source, sanitizer)

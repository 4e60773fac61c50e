"""Every kernel under the sanitizers, and bugs that each of them must find."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.cpu_cuda.bed import Bed
from tests.cpu_cuda.captured import Captured, capturing, run_again
from tests.cpu_cuda.compiler import kernels_of
from tests.cpu_cuda.sanitized import ADDRESS, THREAD, FoundError, Launch, Sanitizer, run
from tests.cuda.sanitizer_rows import LARGE, PROGRAMS, SIZES

BOTH = pytest.mark.parametrize("sanitizer", [ADDRESS, THREAD], ids=str)


def launches_of(bed: Bed, program: str, dtype: str, *sizes: int) -> list[Captured]:
    with capturing(bed) as launches:
        for size in sizes:
            PROGRAMS[program](size, dtype)
    return launches


@BOTH
@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_found_in_a_kernel(program: str, sanitizer: Sanitizer, bed: Bed):
    run_again(launches_of(bed, program, "float32", *SIZES), sanitizer)


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_found_in_large_arrays_and_in_double(program: str, sanitizer: Sanitizer, bed: Bed):
    run_again(launches_of(bed, program, "float64", *SIZES), sanitizer)
    run_again(launches_of(bed, program, "float32", LARGE), sanitizer)


def test_every_kernel_is_run(bed: Bed, root: Path):
    launched = {made.launch.kernel for program in PROGRAMS for made in launches_of(bed, program, "float32", 1025)}
    for path in (root / "kernels").glob("*.cu"):
        missing = set(kernels_of(path.read_text(encoding="utf-8"))) - launched
        assert not missing, f"no program of tests/cuda/sanitizer_rows.py launches {missing} of {path.name}"


PLANTED = {
    "a store one element beyond": (
        ADDRESS, "elementwise", 33, r"i < count; i \+= stride", "i <= count; i += stride", "heap-buffer-overflow",
    ),
    "a pack that begins amid another": (
        ADDRESS, "elementwise", 33, r"packs = [^?;]*\? count / WIDTH : 0", "packs = count / WIDTH",
        "misaligned address",
    ),
    "an offset in too few bits": (
        ADDRESS, "strided", 33, r"along \* layout", "(along + (1 << 30)) * layout", "signed integer overflow",
    ),
    "a read of an operand beyond its end": (
        ADDRESS, "strided", 33, r"offsets\[k\] = 0", "offsets[k] = sizeof(T)", "heap-buffer-overflow",
    ),
    "a row that begins one element late": (
        ADDRESS, "sums", 33, r"return Sum\{row\[at\]", "return Sum{row[at + 1]", "heap-buffer-overflow",
    ),
    "an index that is not wrapped around": (
        ADDRESS, "indexing", 33, r"index < 0 \? index \+ places.lengths\[k\] : index", "index", "heap-buffer-overflow",
    ),
    "a pack that reaches beyond the points": (
        ADDRESS, "sweep", 1025, r"if \(has >> w & 1\) row", "row", "heap-buffer-overflow",
    ),
    "an offset in too few bits, of a sweep": (
        ADDRESS, "sweep", 1025, r"\(long long\)s \* STRETCH", "s * (STRETCH << 20)", "signed integer overflow",
    ),
    "figures that are told before all have them": (
        THREAD, "sweep", 1025, r"__syncthreads\(\);", "", "data race",
    ),
    "the origin of a span behind the last one": (
        ADDRESS, "product_sweep", 33, r"line.origins\[span\]", "line.origins[span + 4096]",
        "index 4096 out of bounds",
    ),
    "a given value that is read for no point": (
        ADDRESS, "product_sweep", 1025, r"if \(has >> w & 1\) \{", "if (true) {", "heap-buffer-overflow",
    ),
    "blocks that overlap": (
        THREAD, "elementwise", 2048, r"first = \(Index\)blockIdx.x \* blockDim.x",
        "first = (Index)blockIdx.x * (blockDim.x - 1)", "data race",
    ),
    "a tree without its barriers": (THREAD, "sums", 1025, r"__syncthreads\(\);", "", "data race"),
    "targets whose first chunk is not told from others": (
        THREAD, "indexing", 1025, r"if \(began \|\| goes_on\)", "if (false)", "data race",
    ),
}  # fmt: skip
"""By what the bug is: who must find it, in which program, at what size, what is put in place of what, what is said."""


@pytest.mark.parametrize("bug", PLANTED)
def test_a_bug_planted_in_a_kernel_is_found(bug: str, bed: Bed):
    sanitizer, program, size, right, wrong, report = PLANTED[bug]
    launches = [made for made in launches_of(bed, program, "float32", size) if re.search(right, made.source)]
    assert launches
    with pytest.raises(FoundError, match=report):
        run_again(launches, sanitizer, lambda source: re.sub(right, wrong, source))


# What no kernel uses all of: shared memory, both barriers, shuffles, votes, atomic operations.
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


@BOTH
def test_threads_that_work_together_are_understood(sanitizer: Sanitizer, bed: Bed):
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


@pytest.mark.parametrize("bug", TOGETHER)
def test_a_bug_of_threads_that_work_together_is_found(bug: str, bed: Bed):
    sanitizer, right, wrong, report = TOGETHER[bug]
    source, count = re.subn(right, wrong, COOPERATING)
    assert count == 1
    with pytest.raises(FoundError, match=report):
        cooperate(source, sanitizer)

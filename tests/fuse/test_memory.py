"""Results' memory is used again once nothing that shares it is left, and not before."""

import gc
import mmap
import threading

import numpy as np
import pytest

import gradcu
from gradcu.fuse import memory
from gradcu.fuse.memory import Pool, result_array

NUM = 1 << 20
FLOAT32 = np.dtype("float32")

pytestmark = pytest.mark.skipif(not hasattr(mmap, "MADV_FREE"), reason="memory is kept only where MADV_FREE is known")


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    pool = Pool(most=32 << 20)
    monkeypatch.setattr(memory, "POOL", pool)
    return pool


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def test_freed_memory_is_used_again(pool: Pool):
    array = result_array(NUM, FLOAT32)
    assert array.shape == (NUM,)
    assert array.dtype == FLOAT32
    assert array.flags.writeable
    assert array.flags.c_contiguous
    first = address(array)
    assert first % (2 << 20) == 0
    array[:] = 1
    del array
    assert pool.kept == 4 * NUM
    again = result_array(NUM, FLOAT32)
    assert address(again) == first
    assert pool.kept == 0


def test_live_results_never_share(pool: Pool):
    arrays = [result_array(NUM, FLOAT32) for _ in range(5)]
    for number in range(5):
        arrays[number][:] = number
    for number in (1, 3):
        arrays[number] = result_array(NUM, FLOAT32)
        arrays[number][:] = number + 10
    for array, expected in zip(arrays, [0, 11, 2, 13, 4], strict=True):
        assert (array == expected).all()


@pytest.mark.parametrize(
    "share",
    [
        lambda array: array[5:10],
        lambda array: array.reshape(2, -1).T[3],
        lambda array: array.view("uint8"),
        lambda array: memoryview(array),
        lambda array: np.frombuffer(array, "float32")[1:],
        lambda array: np.from_dlpack(array),
        lambda array: gradcu.from_numpy(array),
        lambda array: gradcu.from_numpy(array)[3:].reshape(-1, 1).detach(),
    ],
)
def test_whatever_shares_the_memory_keeps_it(pool: Pool, share):
    array = result_array(NUM, FLOAT32)
    array[:] = 7
    shared = share(array)
    del array
    assert pool.kept == 0
    other = result_array(NUM, FLOAT32)
    other[:] = 8
    assert np.ascontiguousarray(shared).tobytes()[:4] == np.float32(7).tobytes()
    del shared
    gc.collect()
    assert pool.kept == 4 * NUM


def test_a_sweeps_result_outlives_the_next_sweep():
    def swept(factor: float) -> gradcu.Tensor:
        return gradcu.sweep(lambda x: x * factor, 0, 1, NUM, order=1, engine="numpy").derivative(1)

    first = swept(2.0)
    second = swept(3.0)
    assert (first.numpy() == 2).all()
    assert (second.numpy() == 3).all()
    assert first.grad_fn is None


def test_the_bound_holds_and_the_oldest_goes_first(pool: Pool):
    arrays = [result_array(2 * NUM + number, FLOAT32) for number in range(6)]
    addresses = [address(array) for array in arrays]
    while arrays:
        arrays.pop(0)
    assert pool.kept <= 32 << 20
    kept = [mapping.address for mapping in pool._free]
    assert kept == addresses[-len(kept) :]
    pool.clear()
    assert pool.kept == 0


def test_small_and_other_sizes_are_new(pool: Pool):
    assert result_array(1000, FLOAT32).base is None
    result_array(NUM, FLOAT32)
    assert pool.kept == 4 * NUM
    larger = result_array(4 * NUM, FLOAT32)
    assert larger.size == 4 * NUM
    assert pool.kept == 4 * NUM


def test_threads_may_take_and_give_at_a_time(pool: Pool):
    wrong = []

    def work(number: int) -> None:
        for _ in range(40):
            array = result_array(NUM // 4, FLOAT32)
            array[::4096] = number
            if not (array[::4096] == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert pool.kept <= 32 << 20

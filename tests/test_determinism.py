"""What says whether sums may come in any order; what follows from it on CUDA is in tests/cuda/test_index_kernels.py."""

import threading
from collections.abc import Iterator

import pytest

import gradcu


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gradcu.use_deterministic_algorithms(True)


def test_operations_are_deterministic_unless_it_is_said_otherwise():
    assert gradcu.are_deterministic_algorithms_enabled() is True
    gradcu.use_deterministic_algorithms(False)
    assert gradcu.are_deterministic_algorithms_enabled() is False
    gradcu.use_deterministic_algorithms(True)
    assert gradcu.are_deterministic_algorithms_enabled() is True


def test_it_holds_for_all_threads():
    gradcu.use_deterministic_algorithms(False)
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(gradcu.are_deterministic_algorithms_enabled()))
    thread.start()
    thread.join()
    assert found == [False]


@pytest.mark.parametrize("mode", [1, None, "warn"])
def test_other_modes_are_refused(mode: object):
    with pytest.raises(TypeError, match=r"use_deterministic_algorithms\(\): mode must be True or False, not "):
        gradcu.use_deterministic_algorithms(mode)  # type: ignore[arg-type]
    assert gradcu.are_deterministic_algorithms_enabled() is True


def test_on_the_cpu_sums_are_always_in_one_order():
    x = gradcu.zeros(2, requires_grad=True)
    gradcu.use_deterministic_algorithms(False)
    x[gradcu.tensor([0, 1, 0])].sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 1.0]

import asyncio
import contextvars
import threading
from collections.abc import Iterator

import pytest

import gradcu
from gradcu._pending import TRACES
from tests.autograd.agreement import check
from tests.autograd.cases import cases


@pytest.fixture(autouse=True)
def _recording() -> Iterator[None]:
    yield
    gradcu.set_grad_enabled(True)


@pytest.mark.parametrize("name", cases("modes"))
def test_pytorch_does_the_same(name: str):
    check("modes", name)


def test_every_thread_starts_with_recording():
    seen: list[bool] = []

    def work() -> None:
        seen.append(gradcu.is_grad_enabled())
        gradcu.set_grad_enabled(False)
        seen.append(gradcu.is_grad_enabled())

    with gradcu.no_grad():
        gradcu.set_grad_enabled(True)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        seen.append(gradcu.is_grad_enabled())
    assert seen == [True, False, True]


def test_tasks_do_not_disturb_each_other():
    seen: list[bool] = []

    async def without() -> None:
        with gradcu.no_grad():
            for _ in range(3):
                await asyncio.sleep(0)
                seen.append(gradcu.is_grad_enabled())

    async def recording() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append(gradcu.is_grad_enabled())

    async def main() -> None:
        await asyncio.gather(without(), recording())

    asyncio.run(main())
    assert seen == [False, True] * 3


def test_block_may_end_in_another_context():
    block = gradcu.no_grad()
    contextvars.copy_context().run(block.__enter__)
    contextvars.copy_context().run(block.__exit__, None, None, None)
    assert gradcu.is_grad_enabled()


def test_decorated_function_keeps_its_documentation():
    @gradcu.no_grad()
    def documented() -> None:
        """What it says."""

    assert documented.__doc__ == "What it says."


def test_nothing_is_left_of_inference_mode():
    with pytest.raises(KeyError), gradcu.inference_mode():
        raise KeyError
    assert not TRACES
    assert not gradcu.is_inference_mode_enabled()


def test_scalars_made_in_inference_mode():
    with gradcu.inference_mode():
        assert gradcu.tensor(3.0).is_inference()


def test_inference_mode_is_that_of_the_thread():
    made: list[gradcu.Tensor] = []
    with gradcu.inference_mode():
        thread = threading.Thread(target=lambda: made.append(gradcu.ones(2)))
        thread.start()
        thread.join()
    assert not made[0].is_inference()


def test_version_of_an_inference_tensor_is_not_counted():
    with gradcu.inference_mode():
        x = gradcu.ones(2).add_(1)
    gradcu.autograd.graph.increment_version(x)
    assert x.tolist() == [2.0, 2.0]

import asyncio
import contextvars
import threading
from collections.abc import Iterator

import pytest

import gradcu
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

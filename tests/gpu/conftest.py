"""Every test here is marked `gpu`, and skipped where there is none."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.gpu)
            # Other versions of CuPy and of the driver may warn of what these tests are not about.
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(autouse=True)
def on_a_device(cuda: str) -> None:
    """Skips the test, with the reason, where CUDA does not work."""

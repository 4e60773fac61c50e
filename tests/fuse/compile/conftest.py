"""What holds around every test of compiled functions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gradcu._pending import FUSING, TRACES


@pytest.fixture(autouse=True)
def any_number_of_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small arrays are fused too."""
    monkeypatch.setattr("gradcu.fuse.plan.WORTH_FUSING", 1)


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Iterator[None]:
    yield
    assert not TRACES
    assert FUSING.trace is None

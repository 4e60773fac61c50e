"""What tests can do without, and where they must not."""

import os
from typing import NoReturn

import pytest


def missing(what: str, reason: str) -> NoReturn:
    """Skips the test for want of ``what``; fails it where GRADCU_TESTS_NEED, a list of words, says that it is there."""
    if what in os.environ.get("GRADCU_TESTS_NEED", "").split():
        pytest.fail(f"GRADCU_TESTS_NEED has {what!r}, but {reason}")
    pytest.skip(reason)

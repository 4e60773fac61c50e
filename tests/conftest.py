"""Fixtures that every test can ask for."""

import os
from pathlib import Path

import numpy as np
import pytest

# Before anything imports matplotlib: a test must never open a window.
os.environ["MPLBACKEND"] = "Agg"

# These scripts need the real PyTorch; --doctest-modules would import them.
collect_ignore_glob = ["golden/make*.py"]


# Of session scope, since Hypothesis refuses fixtures that are made anew for each test.
@pytest.fixture(params=["cpu"], scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The name of each device that an operation has to work on."""
    return request.param


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded by the test's own name, so that its numbers do not depend on which tests run before it."""
    return np.random.default_rng(list(request.node.nodeid.encode()))


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return Path(__file__).resolve().parent.parent

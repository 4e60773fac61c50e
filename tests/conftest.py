"""Fixtures that every test can ask for."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gradcu.fuse.compiler import Compiler, NoCompilerError, find_compiler
from tests.needs import missing

# Before anything imports matplotlib: a test must never open a window.
os.environ["MPLBACKEND"] = "Agg"

# These scripts need the real PyTorch; --doctest-modules would import them.
collect_ignore_glob = ["golden/make*.py"]


# Of session scope, since Hypothesis refuses fixtures that are made anew for each test.
@pytest.fixture(params=["cpu"], scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The name of each device that an operation has to work on."""
    return request.param


@pytest.fixture(scope="session", autouse=True)
def compiled_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty directory for compiled code, for this session and the processes that it starts."""
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADCU_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def compiler() -> Compiler:
    """The system's C compiler."""
    try:
        return find_compiler()
    except NoCompilerError as error:
        missing("cc", str(error))


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded by the test's own name, so that its numbers do not depend on which tests run before it."""
    return np.random.default_rng(list(request.node.nodeid.encode()))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, for the command line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADCU_DEVICE", "")
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return Path(__file__).resolve().parent.parent

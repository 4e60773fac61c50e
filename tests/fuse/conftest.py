"""What the tests of the compiled engine share."""

import os

import pytest

from gradcu.fuse.compiler import Compiler, NoCompilerError, find_compiler


@pytest.fixture(scope="session")
def compiler() -> Compiler:
    """The system's compiler. CI has one, so that these tests run somewhere."""
    try:
        return find_compiler()
    except NoCompilerError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))

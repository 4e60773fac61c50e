"""What the tests of the compiled engine share."""

import pytest

from gradcu.fuse.compiler import Compiler, NoCompilerError, find_compiler
from tests.needs import missing


@pytest.fixture(scope="session")
def compiler() -> Compiler:
    """The system's compiler."""
    try:
        return find_compiler()
    except NoCompilerError as error:
        missing("cc", str(error))

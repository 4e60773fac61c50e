"""What `import gradcu` does to the process that imports it: as little as possible."""

import json
import subprocess
import sys
from typing import Any

import pytest

OPTIONAL = {"cupy", "matplotlib", "mpmath", "scipy", "torch", "tqdm"}

# `import numpy` leaves these out, and each costs a noticeable part of what `import numpy` does.
COSTLY = {
    "argparse",
    "asyncio",
    "concurrent.futures",
    "dataclasses",
    "importlib.metadata",
    "multiprocessing",
    "unittest",
}


def in_new_process(code: str) -> Any:
    """What the code prints, read as JSON, in an interpreter that has imported nothing yet."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("collecting", [True, False])
def test_garbage_is_collected_after_the_import_as_before_it(collecting: bool):
    begin = "pass" if collecting else "gc.disable()"
    assert in_new_process(f"import gc; {begin}; import gradcu; print(str(gc.isenabled()).lower())") is collecting


@pytest.fixture(scope="module")
def added() -> set[str]:
    """The modules that `import gradcu` loads after `import numpy`."""
    return set(
        in_new_process(
            "import json, sys, numpy; before = set(sys.modules); import gradcu; "
            "print(json.dumps(sorted(set(sys.modules) - before)))"
        )
    )


def test_no_optional_package_is_imported(added: set[str]):
    top = {name.partition(".")[0] for name in added}
    assert "gradcu" in top
    assert top.isdisjoint(OPTIONAL)


def test_no_costly_module_is_imported(added: set[str]):
    assert added.isdisjoint(COSTLY)


def test_few_modules_are_imported_beyond_numpy_and_gradcu(added: set[str]):
    others = sorted(name for name in added if name.partition(".")[0] != "gradcu")
    assert len(others) <= 12, others


def test_the_process_is_left_as_it_was():
    before, after = in_new_process(
        """
import json, locale, os, signal, threading, warnings
import numpy as np

def state():
    return [
        np.geterr(), np.get_printoptions(), repr(warnings.filters), threading.active_count(),
        dict(os.environ), locale.setlocale(locale.LC_ALL), str(signal.getsignal(signal.SIGINT)),
    ]

np.seterr(divide="raise", over="ignore")
before = state()
import gradcu
print(json.dumps([before, state()], default=str))
"""
    )
    assert after == before

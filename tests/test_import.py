"""What `import gradcu` does to the process that imports it: as little as possible."""

import json
import subprocess
import sys
from typing import Any

import pytest

from gradcu.ops import BY_NEED

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


def test_modules_of_ops_that_others_do_not_need_wait_for_their_first_use(added: set[str]):
    assert added.isdisjoint(f"gradcu.ops.{name}" for name in BY_NEED)
    waiting = {"gradcu._backward", "gradcu._engine", "gradcu._format", "gradcu.fuse", "gradcu.math", "gradcu.sweeps"}
    assert added.isdisjoint(waiting)


EACH_FUNCTION = """
import json, gradcu
from gradcu._by_need import FUNCTIONS
print(json.dumps([name for name in FUNCTIONS if not callable(getattr(gradcu, name)) or name not in dir(gradcu)]))
"""
EACH_METHOD = """
import json, gradcu
from gradcu._by_need import METHODS
found = [getattr(gradcu.ones(2), name) for name in METHODS]
print(json.dumps([m.__name__ for m in found if m.__self__ is None or m.__func__ not in vars(gradcu.Tensor).values()]))
"""
WITH_A_STAR = """
import json, gradcu
from gradcu import *
public = [name for name in dir(gradcu) if not name.startswith("_")]
print(json.dumps([name for name in public if globals()[name] is not getattr(gradcu, name)]))
"""
UNKNOWN = """
import json, gradcu
print(json.dumps([name for name in ("nothing", "_nothing") if hasattr(gradcu, name) or hasattr(gradcu.autograd, name)]))
"""


@pytest.mark.parametrize("code", [EACH_FUNCTION, EACH_METHOD, WITH_A_STAR, UNKNOWN])
def test_what_waits_is_there_when_it_is_asked_for(code: str):
    assert in_new_process(code) == []


@pytest.mark.parametrize(
    "first",
    [
        "gradcu.cat([x, x])", "x.unbind()", "x.masked_fill_(mask, 0.0)", "x.max()", "gradcu.max(x)", "np.sum(x)",
        "np.sin(x)", "gradcu.Tensor.softmax(x, 0)", "repr(x)", "gradcu.autograd.grad(x.sum(), x, allow_unused=True)",
        "(x * x).sum().backward()", "gradcu.compile(gradcu.sin)(x)", "gradcu.autograd.Function", "iter(x)",
        "gradcu.return_types.max", "gradcu.math.sqrt(2)", "gradcu.sweep(gradcu.sin, 0, 1, 3)",
    ],
)  # fmt: skip
def test_a_program_may_begin_with_any_of_them(first: str):
    code = f"""
import json, numpy as np, gradcu
x, mask = gradcu.ones(3, requires_grad={"_(" not in first}), gradcu.tensor([True, False, True])
{first}
print(json.dumps("fine"))
"""
    assert in_new_process(code) == "fine"


@pytest.mark.parametrize("frozen", [True, False])
def test_what_was_frozen_stays_frozen_and_nothing_else_is(frozen: bool):
    freeze = "gc.freeze()" if frozen else "pass"
    code = f"import gc; {freeze}; before = gc.get_freeze_count(); import gradcu; print([before, gc.get_freeze_count()])"
    before, after = in_new_process(code)
    # Python 3.12 has some hundred of its own.
    assert after > 1000 if frozen else after == before < 1000


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

"""The command line's larger sweeps: reduced, explained, stopped by a signal, resumed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradcu.fuse.compiler import Compiler
from tests.command import CUBIC, fail, figures, succeed


def test_reductions(here: Path, capsys: pytest.CaptureFixture[str]):
    names = "min,argmax,mean,integral,sign_changes,histogram=4:-20:60"
    table = succeed(capsys, *CUBIC, "--num", "1e5", "--reduce", names)
    for part in ("minimum", "integral", "sign changes", "f changes its sign at:", "histogram of f':", "####"):
        assert part in table
    found = figures(capsys, *CUBIC, "--num", "100001", "--dtype", "float64", "--reduce", names)
    row = found["rows"]["f"]
    # The integral of x**3 - 3*x**2 + 4 from -5 to 5 is -210.
    assert row["integral"] == pytest.approx(-210, rel=1e-8)
    assert row["mean"] == pytest.approx(-21, rel=1e-4)
    assert (row["argmax"], row["argmax_x"]) == (100000, 5)
    assert "max" not in row
    assert row["histogram"]["edges"] == [-20, 0, 20, 40, 60]
    assert sum(row["histogram"]["counts"]) + row["histogram"]["below"] == 100001
    assert os.listdir(here) == []


def test_an_engine_can_be_asked_for(here: Path, capsys: pytest.CaptureFixture[str]):
    for engine in ("numpy", "eager"):
        assert figures(capsys, *CUBIC, "--num", "100", "--engine", engine)["engine"] == engine


def test_explanations_compute_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], compiled_code: Path, compiler: Compiler
):
    before = sorted(os.listdir(compiled_code))
    text = succeed(capsys, "exp(x) * 2", "--order", "2", "--explain")
    for part in (
        "function  exp(x) * 2",
        "f and 2 derivatives, float32",
        "= exp(x)",
        "return t",
        "gradcu_sweep(",
        "row2[i] =",
    ):
        assert part in text
    few = succeed(capsys, "exp(x)", "--num", "100", "--explain")
    assert "numpy (too few points to compile for)" in few
    assert "gradcu_sweep" not in few
    (here / "branches.py").write_text("def f(x):\n    return x if x.detach().numpy()[0] > 0 else -x\n")
    assert "eager (it needs" in succeed(capsys, "branches:f", "--explain")
    (line,) = fail(capsys, "sweep", "branches:f", "--explain", "--engine", "cc")
    assert "engine 'cc' can't do this sweep" in line
    assert sorted(os.listdir(compiled_code)) == before


SLOW = """
import time

def f(x):
    if x.shape[0] == 1000:
        time.sleep(0.05)
    return x * 1 if x.detach().numpy().size else x
"""


def interruptible() -> None:
    """Lets a new process hear Ctrl-C, which those that a shell starts in the background ignore, and their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stopped(here: Path, root: Path, out: str, sent: signal.Signals) -> tuple[int, str]:
    """Sends a signal to a sweep that is on its way, and gives its exit code and what it says."""
    (here / "slow.py").write_text(SLOW)
    process = subprocess.Popen(
        [
            sys.executable, "-m", "gradcu", "sweep", "slow:f", *CUBIC[1:], "--num", "4e4", "--chunk", "1000",
            "--out", out,
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(root)},
        preexec_fn=interruptible,
    )  # fmt: skip
    journal = here / f"{out}.part" / "journal"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if journal.exists() and journal.read_text().count("\n") > 2:
            break
        if any(name.endswith(".tmp") for name in os.listdir(here)):
            break
        time.sleep(0.02)
    process.send_signal(sent)
    words, error = process.communicate(timeout=60)
    assert words == ""
    assert error.count("\n") == 1
    return process.returncode, error


signals = pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
unix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a Unix shell's signals")


@unix
@signals
def test_a_signal_leaves_nothing_behind(here: Path, root: Path, sent: signal.Signals, code: int):
    found, error = stopped(here, root, "a.npz", sent)
    assert found == code
    assert "no unfinished file is left behind" in error
    assert [name for name in os.listdir(here) if "a.npz" in name] == []


@unix
@signals
@pytest.mark.parametrize("out", ["a.npy", "a.zarr"])
def test_a_signal_leaves_what_can_be_gone_on_with(
    here: Path, root: Path, capsys: pytest.CaptureFixture[str], out: str, sent: signal.Signals, code: int
):
    found, error = stopped(here, root, out, sent)
    assert found == code
    assert f"what is done is in {out}.part; the same sweep with resume=True (--resume) goes on there" in error
    arguments = ["slow:f", *CUBIC[1:], "--num", "4e4", "--out", out]
    (line,) = fail(capsys, "sweep", *arguments)
    assert f"{out}.part is an unfinished sweep; go on with it (resume=True, --resume), or remove it" in line
    assert f"wrote {out}" in succeed(capsys, *arguments, "--resume")
    assert not (here / f"{out}.part").exists()
    # What is there as a whole is not computed again.
    assert "all was there" in succeed(capsys, *arguments, "--resume")
    arguments[arguments.index("4e4")] = "5e4"
    (line,) = fail(capsys, "sweep", *arguments, "--resume")
    assert "is of another sweep, which can't be gone on with: num is 50000 and was 40000" in line


WAVES = ["sin(u) * v**2", "--grid", "u=0:1:5", "--grid", "v=-2:2:4", "--order", "2"]


def test_some_of_the_partials(here: Path, capsys: pytest.CaptureFixture[str]):
    everything = figures(capsys, *WAVES)["rows"]
    found = figures(capsys, *WAVES, "--partials", "d_u_v, d_u")["rows"]
    assert found == {name: everything[name] for name in ("f", "d_u", "d_u_v")}
    assert list(figures(capsys, *CUBIC, "--num", "10", "--order", "3", "--partials", "d3")["rows"]) == ["f", "d3"]
    text = succeed(capsys, *WAVES, "--partials", "d_v_v", "--explain", "--engine", "numpy")
    assert "rows      f and 1 derivative, float32" in text


@pytest.mark.parametrize(
    ("partials", "problem"),
    [
        ("d_u,d_w", "partials: 'd_w' is no row of this sweep; of order 2 it has f, d_u, d_v, d_u_u, d_u_v and d_v_v"),
        ("d_u_u_u", "partials: 'd_u_u_u' is no row of this sweep; of order 2"),
        ("d_u,d_v,d_u", "partials has 'd_u' twice"),
        ("", "partials: '' is no row of this sweep"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--explain"], ["--reduce", "max"]])
def test_wrong_partials(here: Path, capsys: pytest.CaptureFixture[str], partials: str, problem: str, more: list[str]):
    (line,) = fail(capsys, "sweep", *WAVES, f"--partials={partials}", *more)
    assert problem in line
    assert os.listdir(here) == []

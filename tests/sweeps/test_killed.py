"""Sweeps in processes of their own, killed at random moments and gone on with; and two that want the same file."""

import contextlib
import functools
import multiprocessing
import os
import random
import shutil
import signal
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

import gradcu
from gradcu import Tensor
from tests.sweeps.stopping import CHUNK, SUFFIXES, contents, sweep, wave


def sweep_in_a_process(path: str, engine: str, num: int, chunk: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gradcu.sweep(wave, -3, 3, num, order=2, out=path, engine=engine, chunk=chunk, resume=True)


def wait_in_a_sweep(path: str, ready: Any) -> None:
    def f(x: Tensor) -> Tensor:
        if x.shape[0] == CHUNK:
            ready.set()
            time.sleep(600)
        return wave(x)

    sweep(f, Path(path))


@functools.cache
def processes() -> Any:
    """Starts processes that have imported everything, where the system can."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gradcu.sweeps.run", "zarr", __name__])
    return context


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_two_processes_do_not_write_one_sweep(tmp_path: Path, suffix: str):
    path = tmp_path / f"a{suffix}"
    ready = processes().Event()
    process = processes().Process(target=wait_in_a_sweep, args=(str(path), ready))
    process.start()
    assert ready.wait(60)
    for resume in (False, True):
        with pytest.raises(BlockingIOError, match=rf"another sweep is writing .*a{suffix}"):
            sweep(wave, path, engine="numpy", resume=resume)
    process.kill()
    process.join()
    # A dead process holds no lock.
    with pytest.raises(FileExistsError, match="is an unfinished sweep"):
        sweep(wave, path, engine="numpy")
    shutil.rmtree(f"{path}.part")
    sweep(wave, path, engine="numpy")
    assert path.exists()


def journal_size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return os.path.getsize(f"{path}.part/journal")
    return 0


LINE = 200
"""About how many bytes a block has in the journal."""


def killed_sweep(path: Path, engine: str, num: int, chunk: int, share: float = 2.0) -> bool:
    """Runs a sweep in a process of its own, until about a share of its blocks is done, and then kills it.

    Whether it was killed before it was through.
    """
    wanted = journal_size(path) + share * LINE * num / chunk
    process = processes().Process(target=sweep_in_a_process, args=(str(path), engine, num, chunk))
    process.start()
    while process.is_alive() and (share > 1 or journal_size(path) < wanted):
        process.join(0.0005)
    if share < 1:
        process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def kill_often(tmp_path: Path, suffix: str, engine: str, kills: int, num: int, chunk: int) -> None:
    """Kills a sweep at random moments, and goes on with it, until it was killed so many times on its way."""
    (tmp_path / "whole").mkdir()
    assert not killed_sweep(tmp_path / "whole" / f"a{suffix}", engine, num, chunk)
    whole = contents(tmp_path / "whole")
    shares = random.Random(f"{suffix}{engine}")
    on_the_way = rounds = 0
    while on_the_way < kills:
        rounds += 1
        folder = tmp_path / f"killed{rounds}"
        folder.mkdir()
        path = folder / f"a{suffix}"
        while killed_sweep(path, engine, num, chunk, shares.uniform(0, 2 / kills) if on_the_way < kills else 2.0):
            on_the_way += Path(f"{path}.part", "data").exists() and journal_size(path) > 0
            # Half a sweep never has the name of a whole one.
            assert not (path.exists() and Path(f"{path}.part", "data").exists())
        assert contents(folder) == whole, f"after {on_the_way} kills"


killing = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system that kills processes")


@killing
@pytest.mark.parametrize(("suffix", "chunk"), [(".npy", 128), (".zarr", 1000)])
@pytest.mark.parametrize("engine", ["cc", "numpy"])
def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    request: pytest.FixtureRequest, tmp_path: Path, suffix: str, chunk: int, engine: str
):
    if engine == "cc":
        request.getfixturevalue("compiler")
    kill_often(tmp_path, suffix, engine, kills=7, num=150_001, chunk=chunk)


@killing
@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("engine", ["cc", "numpy", "eager"])
def test_killed_very_often(request: pytest.FixtureRequest, tmp_path: Path, suffix: str, engine: str):
    if engine == "cc":
        request.getfixturevalue("compiler")
    kill_often(tmp_path, suffix, engine, kills=60, num=400_001, chunk=1024)

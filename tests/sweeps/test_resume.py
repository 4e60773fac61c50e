"""Sweeps that are stopped, killed, and gone on with: their bytes are those of a sweep that was not."""

import functools
import json
import multiprocessing
import os
import random
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gradcu
from gradcu import Tensor

SUFFIXES = (".npy", ".zarr")


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def journal(path: Path) -> list[Any]:
    """The lines of an unfinished sweep's journal, the description first."""
    text = Path(f"{path}.part", "journal").read_text()
    return [json.loads(line) for line in text.splitlines()]


def wave(x: Tensor) -> Tensor:
    return gradcu.sin(x * 3) * gradcu.exp(-x * x / 8)


NUM, CHUNK = 5000, 200


class Stops:
    """wave, until it has seen so many blocks."""

    def __init__(self, blocks: int, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.rest, self.error, self.points = blocks, error, 0
        self.lock = threading.Lock()

    def __call__(self, x: Tensor) -> Tensor:
        # Not what the engine and others try it on.
        if x.shape[0] == CHUNK:
            with self.lock:
                self.rest -= 1
                if self.rest < 0:
                    raise self.error("enough")
                self.points += x.shape[0]
        return wave(x)


def sweep(f: Callable[[Tensor], Tensor], path: Path, **changes: Any) -> Any:
    arguments = {"start": -3, "stop": 3, "num": NUM, "order": 2, "chunk": CHUNK, "engine": "eager"} | changes
    return gradcu.sweep(f, out=path, **arguments)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("blocks", [1, 2, 7, 24])
def test_what_was_stopped_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, suffix: str, blocks: int):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
    path = stopped / f"a{suffix}"
    expected = sweep(Stops(10**9), whole / f"a{suffix}")
    # At least one block has to be done for something to be left, and all but one thread may be on their way to it.
    with pytest.raises(KeyboardInterrupt) as stop:
        sweep(Stops(blocks), path)
    if not os.path.exists(f"{path}.part"):
        assert blocks < 4
        assert os.listdir(stopped) == []
    else:
        assert any("resume=True (--resume) goes on there" in note for note in stop.value.__notes__)
        done = len(journal(path)) - 1
        again = Stops(10**9)
        found = sweep(again, path, resume=True)
        # Not one block more than those that had no line in the journal.
        assert again.points == NUM - done * CHUNK
        figures = found.summary().as_dict()
        for name in ("rows", "sign_changes"):
            assert figures[name] == expected.summary().as_dict()[name]
        assert contents(stopped) == contents(whole)


def sweep_in_a_process(path: str, engine: str, num: int, chunk: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gradcu.sweep(wave, -3, 3, num, order=2, out=path, engine=engine, chunk=chunk, resume=True)


@functools.cache
def processes() -> Any:
    """Starts processes that have imported everything, where the system can."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gradcu.sweeps.run", "zarr", __name__])
    return context


def killed_sweep(path: Path, engine: str, num: int, chunk: int, after: float | None) -> bool:
    """Runs a sweep in a process of its own. Whether it was killed, after so many seconds, before it was through."""
    process = processes().Process(target=sweep_in_a_process, args=(str(path), engine, num, chunk))
    process.start()
    process.join(after)
    if process.is_alive():
        process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def kill_often(tmp_path: Path, suffix: str, engine: str, kills: int, num: int, chunk: int) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    assert not killed_sweep(whole / f"a{suffix}", engine, num, chunk, None)
    begun = time.perf_counter()
    shutil.rmtree(whole)
    whole.mkdir()
    assert not killed_sweep(whole / f"a{suffix}", engine, num, chunk, None)
    seconds = time.perf_counter() - begun
    moments = random.Random(f"{suffix}{engine}")
    killed = rounds = 0
    while killed < kills:
        rounds += 1
        folder = tmp_path / f"killed{rounds}"
        folder.mkdir()
        path = folder / f"a{suffix}"
        while killed_sweep(path, engine, num, chunk, None if killed == kills else moments.uniform(0, seconds)):
            killed += 1
            # Half a sweep never has the name of a whole one.
            assert not path.exists() or not Path(f"{path}.part", "data").exists()
        assert contents(folder) == contents(whole), f"after {killed} kills"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system that kills processes")
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("engine", ["cc", "numpy"])
def test_killed_at_random_moments_it_ends_with_the_same_bytes(tmp_path: Path, suffix: str, engine: str):
    kill_often(tmp_path, suffix, engine, kills=6, num=60_001, chunk=512)

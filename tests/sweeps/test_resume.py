"""Sweeps that are stopped and gone on with: their bytes are those of a sweep that was not; what is refused."""

import errno
import functools
import itertools
import os
import shutil
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.compiler import Compiler, find_compiler
from gradcu.sweeps.identity import code_of
from gradcu.sweeps.resumable import Resumable
from gradcu.sweeps.unfinished import Unfinished
from tests.sweeps.stopping import CHUNK, NUM, SUFFIXES, Stops, contents, journal, sweep, wave


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


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "function": ({"f": lambda x: x * 2}, "the function is <lambda> and was wave"),
    "start": ({"start": -2}, "start is -2.0 and was -3.0"),
    "stop": ({"stop": 3.0000000000000004}, "stop is 3.0000000000000004 and was 3.0"),
    "num": ({"num": 5001}, "num is 5001 and was 5000"),
    "order": ({"order": 1}, "gone on with: order is 1 and was 2"),
    "partials": ({"partials": ["d2"]}, "gone on with: partials is ['f', 'd2'] and was 'all'"),
    "dtype": ({"dtype": "float64"}, "dtype is 'float64' and was 'float32'"),
    "engine": ({"engine": "eager"}, "engine is 'eager' and was 'numpy'"),
    "chunk": ({"chunk": 100}, "chunk is 100 and was 200"),
}


def interrupted(path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int = 3) -> None:
    """A sweep of wave on NumPy, stopped after some blocks."""
    noted = itertools.count(1)
    note = Unfinished.note

    def note_and_stop(self: Unfinished, block: int, figures: Any) -> None:
        note(self, block, figures)
        if next(noted) >= blocks:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Unfinished, "note", note_and_stop)
        with pytest.raises(KeyboardInterrupt):
            sweep(wave, path, engine="numpy")


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", OTHERS)
def test_another_sweep_is_refused_by_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, suffix: str, complete: bool
):
    path = tmp_path / f"a{suffix}"
    if complete:
        sweep(wave, path, engine="numpy")
    else:
        interrupted(path, monkeypatch)
    before = contents(tmp_path)
    changes, message = OTHERS[name]
    arguments = {"f": wave, "engine": "numpy"} | changes
    with pytest.raises(ValueError, match=r"is of another sweep, which can't be gone on with: ") as refusal:
        sweep(arguments.pop("f"), path, resume=True, **arguments)
    assert message in str(refusal.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("gradcu.__version__", "9.9", "gradcu is '9.9' and was '"),
        ("numpy.__version__", "2.99", "numpy is '2.99' and was '"),
        (
            "gradcu.sweeps.blockwise.numpy_build",
            lambda: "another NumPy",
            "built with is 'another NumPy' and was 'NumPy",
        ),
    ],
)
def test_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, value: Any, message: str
):
    path = tmp_path / "a.npy"
    interrupted(path, monkeypatch)
    monkeypatch.setattr(where, value)
    with pytest.raises(ValueError, match="can't be gone on with") as refusal:
        sweep(wave, path, engine="numpy", resume=True)
    assert message in str(refusal.value)


def test_what_a_process_has_imported_is_no_other_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.npy"
    interrupted(path, monkeypatch)
    for name in [name for name in sys.modules if name.partition(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    sweep(wave, path, engine="numpy", resume=True)
    assert path.exists()


def test_another_compiler_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiler: Compiler):
    path = tmp_path / "a.npy"
    sweep(wave, path, engine="cc")
    assert sweep(wave, path, engine="cc", resume=True).summary().points_per_second == 0
    # Not the fixture's, since a test may have had the compiler looked for anew.
    monkeypatch.setattr(find_compiler(), "identity", compiler.identity + " of tomorrow")
    with pytest.raises(ValueError, match=r"built with is 'gcc .* and was 'gcc|built with is '.*clang"):
        sweep(wave, path, engine="cc", resume=True)


def test_another_function_of_one_program_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.npy"
    interrupted(path, monkeypatch)
    sweep(lambda t: gradcu.sin(t * 3) * gradcu.exp(-t * t / 8), path, engine="numpy", resume=True)
    assert path.exists()


def scaled(factor: float) -> Callable[[Tensor], Tensor]:
    return lambda x: x * factor


def test_functions_that_cannot_be_traced_are_told_apart_by_their_code():
    assert code_of(scaled(2.0)) == code_of(scaled(2.0))
    assert code_of(scaled(2.0)) != code_of(scaled(3.0))
    assert code_of(functools.partial(scaled, 2.0)) != code_of(functools.partial(scaled, 3.0))
    assert code_of(Stops(1)) == code_of(Stops(2))
    assert code_of(lambda x: x + 1) != code_of(lambda x: x + 2)
    assert code_of(lambda x: x.sin()) != code_of(lambda x: x.cos())
    assert code_of(lambda x, a=1: x * a) != code_of(lambda x, a=2: x * a)
    assert code_of(lambda x, *, a=1: x * a) != code_of(lambda x, *, a=2: x * a)
    assert code_of(lambda x: x.item() in {1, 2}) != code_of(lambda x: x.item() in {1, 3})
    assert code_of(gradcu.sin) != code_of(gradcu.cos)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_unfinished_sweep_is_not_destroyed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    path = tmp_path / f"a{suffix}"
    interrupted(path, monkeypatch)
    before = contents(tmp_path)
    with pytest.raises(
        FileExistsError, match=rf"a{suffix}\.part is an unfinished sweep; go on with it \(resume=True, "
    ):
        sweep(wave, path, engine="numpy")
    # A module that can't be loaded any more, an expression that is not elementwise.
    with pytest.raises(ValueError, match="not elementwise"):
        sweep(lambda x: x.cumsum(0), path, resume=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_complete_sweep_is_replaced_by_another_and_kept_until_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
):
    path = tmp_path / f"a{suffix}"
    sweep(lambda x: x * 2, path, order=0, num=20)
    before = contents(tmp_path)
    interrupted(path, monkeypatch)
    assert before.items() <= contents(tmp_path).items()
    sweep(wave, path, engine="numpy", resume=True)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    sweep(wave, fresh / f"a{suffix}", engine="numpy")
    expected = contents(fresh)
    shutil.rmtree(fresh)
    assert contents(tmp_path) == expected


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_resuming_nothing_starts_and_resuming_a_whole_sweep_computes_nothing(tmp_path: Path, suffix: str):
    path = tmp_path / f"a{suffix}"
    first, second = Stops(10**9), Stops(10**9)
    made = sweep(first, path, resume=True)
    before = contents(tmp_path)
    found = sweep(second, path, resume=True)
    assert (first.points, second.points) == (NUM, 0)
    assert contents(tmp_path) == before
    for k in range(3):
        np.testing.assert_array_equal(found.derivative(k).numpy(), made.derivative(k).numpy())
    np.testing.assert_array_equal(found.x.numpy(), made.x.numpy())
    assert found.summary().as_dict()["rows"] == made.summary().as_dict()["rows"]
    assert "all was there" in str(found.summary())


def test_a_block_longer_than_the_sweep_is_the_sweep(tmp_path: Path):
    for _ in range(2):
        found = sweep(wave, tmp_path / "a.npy", engine="numpy", chunk=NUM * 3, resume=True)
        assert found.summary().chunk == NUM


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_has_room_for_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    path = tmp_path / f"a{suffix}"
    sweep(wave, path, engine="numpy")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    assert sweep(wave, path, engine="numpy", resume=True).summary().points_per_second == 0
    with pytest.raises(OSError, match="needs 146 kB on disk"):
        sweep(wave, path, engine="numpy")


def test_a_npy_that_nothing_describes_is_not_resumed(tmp_path: Path):
    path = tmp_path / "a.npy"
    sweep(wave, path, engine="numpy")
    os.remove(f"{path}.json")
    with pytest.raises(ValueError, match=r"a\.npy is there, but not .*a\.npy\.json, which says what it holds"):
        sweep(wave, path, engine="numpy", resume=True)
    sweep(wave, path, engine="numpy")
    with open(path, "ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match="is not the whole file that its description describes"):
        sweep(wave, path, engine="numpy", resume=True)


@pytest.mark.parametrize("lost", [1, 20, 5000])
def test_a_line_that_was_not_written_to_its_end_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int
):
    path = tmp_path / "a.npy"
    interrupted(path, monkeypatch, blocks=9)
    lines = Path(f"{path}.part", "journal").read_bytes()
    header = lines.index(b"\n") + 1
    Path(f"{path}.part", "journal").write_bytes(lines[: max(len(lines) - lost, header)])
    sweep(wave, path, engine="numpy", resume=True)
    whole = tmp_path / "whole"
    whole.mkdir()
    sweep(wave, whole / "a.npy", engine="numpy")
    assert path.read_bytes() == (whole / "a.npy").read_bytes()
    assert Path(f"{path}.json").read_bytes() == (whole / "a.npy.json").read_bytes()


@pytest.mark.parametrize("step", ["described", "about to be renamed", "renamed", "tidied up"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_stopped_while_it_is_being_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, step: str):
    path = tmp_path / f"a{suffix}"
    sweep(lambda x: x * 2, path, order=0, num=20)
    calls = itertools.count(1)
    place, name, is_the_moment = {
        "described": (Unfinished, "commit", lambda *_: True),
        "about to be renamed": (os, "replace", lambda _, target: target == str(path)),
        # The first call makes room for the data.
        "renamed": (Unfinished, "clear", lambda *_: next(calls) == 2),
        "tidied up": (os, "rmdir", lambda folder, **_: folder == f"{path}.part"),
    }[step]
    original = getattr(place, name)

    def stop(*arguments: Any, **options: Any) -> Any:
        if is_the_moment(*arguments, **options):
            raise KeyboardInterrupt
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(place, name, stop)
        with pytest.raises(KeyboardInterrupt):
            sweep(wave, path, engine="numpy")
    sweep(wave, path, engine="numpy", resume=True)
    whole = tmp_path / "whole"
    whole.mkdir()
    sweep(wave, whole / f"a{suffix}", engine="numpy")
    expected = contents(whole)
    shutil.rmtree(whole)
    assert contents(tmp_path) == expected


def test_a_function_that_fails_leaves_nothing_but_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.npy"
    with pytest.raises(ZeroDivisionError):
        sweep(Stops(5, ZeroDivisionError), path)
    assert os.listdir(tmp_path) == []
    with pytest.raises(KeyboardInterrupt):
        sweep(Stops(10), path)
    done = journal(path)
    with pytest.raises(ZeroDivisionError):
        sweep(Stops(3, ZeroDivisionError), path, resume=True)
    assert journal(path)[: len(done)] == done


@pytest.mark.skipif(not hasattr(os, "pwrite"), reason="needs a system that writes at an offset")
def test_a_disk_that_fills_up_leaves_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.npy"
    write = os.pwrite

    def write_or_fail(handle: int, data: Any, offset: int) -> int:
        if offset > NUM * 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        # Less than asked for, as a system may.
        return write(handle, data[: max(len(data) // 2, 64)], offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", write_or_fail)
        with pytest.raises(OSError, match=r"a\.npy cannot be written: No space left") as failure:
            sweep(wave, path, engine="numpy")
    assert "goes on there" in failure.value.__notes__[0]
    assert 10 < len(journal(path)) < 20
    sweep(wave, path, engine="numpy", resume=True)
    kept = path.read_bytes()
    sweep(wave, path, engine="numpy")
    assert path.read_bytes() == kept


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_on_the_disk_already_is_not_asked_of_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
):
    path = tmp_path / f"a{suffix}"
    interrupted(path, monkeypatch)
    usage = shutil.disk_usage(tmp_path)
    full = usage._replace(free=NUM * 4 * 4 + (1 << 16) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(OSError, match="needs 146 kB on disk for 4 arrays of float32"):
        sweep(wave, tmp_path / f"other{suffix}", engine="numpy")
    sweep(wave, path, engine="numpy", resume=True)
    assert path.exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_block_is_computed_while_another_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    monkeypatch.setattr("gradcu.sweeps.engine.thread_count", lambda: 1)
    computed = threading.Semaphore(0)
    waited = []
    write = Resumable.write

    def write_once_the_next_is_computed(self: Resumable, first: int, *arguments: Any) -> None:
        # The first two blocks can only be written after that.
        if first < 2 * CHUNK:
            waited.append(all(computed.acquire(timeout=60) for _ in range(1 + (first == 0))))
        write(self, first, *arguments)

    def f(x: Tensor) -> Tensor:
        y = wave(x)
        if x.shape[0] == CHUNK:
            computed.release()
        return y

    monkeypatch.setattr(Resumable, "write", write_once_the_next_is_computed)
    assert sweep(f, tmp_path / f"a{suffix}").summary().threads == 1
    assert waited == [True, True]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_memory_holds_buffers_and_not_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    monkeypatch.setattr("gradcu.sweeps.blockwise.thread_count", lambda: 2)
    num, chunk = 3_000_000, 1 << 16
    # The rows of two threads and of one that writes; the records of a .npy are as large.
    buffers = 2 * 3 * chunk * 8 * 3
    tracemalloc.start()
    try:
        gradcu.sweep(wave, -3, 3, num, dtype="float64", engine="numpy", out=tmp_path / f"a{suffix}", chunk=chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < buffers + (24 << 20) < num * 3 * 8

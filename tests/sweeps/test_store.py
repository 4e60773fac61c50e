"""Stores: what was written comes back, and nothing half-written ever has the file's name."""

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcu.sweeps import capacity
from gradcu.sweeps.domain import Domain
from gradcu.sweeps.grid import LinspaceAxis
from gradcu.sweeps.statistics import BlockStatistics
from gradcu.sweeps.store import MemoryStore, ReplacedFile, Store, open_store

ROWS = ("f", "d1", "d2")
NO_FIGURES = BlockStatistics([np.zeros(1)], 0)


def line(num: int, dtype: str = "float64") -> Domain:
    return Domain([LinspaceAxis(0, 1, num, dtype)])


def fill(store: Store, num: int, chunk: int) -> None:
    for first in reversed(range(0, num, chunk)):
        count = min(chunk, num - first)
        rows = store.rows(first, count)
        for k, row in enumerate(rows[1:] if store.keeps_x else rows):
            row[...] = np.arange(first, first + count) + 1000 * k
        if store.keeps_x:
            rows[0][...] = -np.arange(first, first + count)
        store.write(first, rows)


@pytest.mark.parametrize("chunk", [1, 3, 10, 64])
@pytest.mark.parametrize("suffix", [".npz", ".npy", ".NPZ"])
def test_a_file_holds_named_rows(tmp_path: Path, suffix: str, chunk: int):
    path = tmp_path / f"rows{suffix}"
    store = open_store(path, line(10), ROWS[:3])
    fill(store, 10, chunk)
    assert not path.exists()
    x, rows = store.close(NO_FIGURES)
    saved = np.load(path)
    for name, row in zip(("x", "f", "d1", "d2"), (x, *rows), strict=True):
        assert (saved[name] == row).all()
    assert (x == -np.arange(10)).all()
    assert (rows[1] == np.arange(10) + 1000).all()
    assert os.listdir(tmp_path) == [path.name]


def test_npy_is_one_record_a_point(tmp_path: Path):
    store = open_store(tmp_path / "rows.npy", line(5, "float32"), ROWS[:2])
    fill(store, 5, 2)
    store.close(NO_FIGURES)
    records = np.load(tmp_path / "rows.npy")
    assert records.dtype.names == ("x", "f", "d1")
    assert records[3].tolist() == (-3.0, 3.0, 1003.0)


def test_rows_of_a_file_are_writable_and_leave_it_alone(tmp_path: Path):
    store = open_store(tmp_path / "rows.npz", line(5), ROWS[:1])
    fill(store, 5, 5)
    _, rows = store.close(NO_FIGURES)
    rows[0][0] = 77
    assert np.load(tmp_path / "rows.npz")["f"][0] == 0


def test_memory_is_filled_in_place():
    store = MemoryStore(line(10), 2)
    view = store.rows(4, 3)
    view[1][...] = 5
    store.write(4, view)
    _, rows = store.close(NO_FIGURES)
    assert (rows[1][4:7] == 5).all()


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_abandoning_leaves_nothing(tmp_path: Path, suffix: str):
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(b"before")
    store = open_store(path, line(10), ROWS[:2])
    store.write(0, store.rows(0, 4))
    assert len(os.listdir(tmp_path)) == 2
    store.abandon(ValueError())
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == [path.name]


def test_a_file_gets_the_usual_permissions(tmp_path: Path):
    (tmp_path / "plain").write_bytes(b"")
    target = ReplacedFile(str(tmp_path / "replaced"))
    target.commit()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "replaced")}
    assert len(modes) == 1


def test_a_link_stays_a_link(tmp_path: Path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    target = ReplacedFile(str(tmp_path / "link"))
    target.file.write(b"new")
    target.commit()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_missing_folder_and_a_directory_are_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"nowhere/a\.npz cannot be written: No such file"):
        open_store(tmp_path / "nowhere" / "a.npz", line(10), ROWS[:2])
    (tmp_path / "d.npz").mkdir()
    with pytest.raises(IsADirectoryError, match=r"d\.npz is a directory"):
        open_store(tmp_path / "d.npz", line(10), ROWS[:2])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a.txt", r"out: 'a\.txt': '\.txt' is not a known suffix; use \.npz or \.npy"),
        ("a", r"out: 'a': has no suffix; use \.npz or \.npy"),
        ("/dev/null", r"has no suffix"),
    ],
)
def test_unknown_suffixes_are_named(path: str, message: str):
    with pytest.raises(ValueError, match=message):
        open_store(path, line(10), ROWS[:2])


def test_what_is_no_path_is_named():
    with pytest.raises(TypeError, match=r"out must be a path, not 3 \(int\)"):
        open_store(3, line(10), ROWS[:2])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_a_disk_that_fills_up_on_the_way_is_named(tmp_path: Path, suffix: str):
    path = tmp_path / f"rows{suffix}"
    store: Any = open_store(path, line(10), ROWS[:2])
    store._file.close()
    with open("/dev/full", "wb", buffering=0) as full:
        store._file = full
        rows = store.rows(0, 10)
        with pytest.raises(OSError, match=rf"rows{suffix} cannot be written: No space left on device"):
            store.write(0, rows)
    store.abandon(ValueError())
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_told_beforehand(tmp_path: Path):
    with pytest.raises(OSError, match=r"num = 1e\+15 needs 24 PB on disk for 3 arrays of float64, and .* are free"):
        open_store(tmp_path / "a.npz", line(10**15), ROWS[:2])
    assert os.listdir(tmp_path) == []


def test_too_little_memory_is_told_beforehand():
    with pytest.raises(MemoryError, match=r"num = 1e\+15 needs 8 PB of memory for 2 result arrays of float32, and"):
        capacity.check_memory(10**15, 2, np.dtype("float32"))
    capacity.check_memory(10, 2, np.dtype("float64"))


def test_a_limit_on_the_address_space_counts(monkeypatch: pytest.MonkeyPatch):
    resource = pytest.importorskip("resource", reason="limits on the address space are a Unix matter")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 30, 1 << 30))
    free = capacity.available_memory()
    assert free is not None
    assert free < 1 << 30


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (123456789, "123 MB"), (4e15, "4 PB")]
)
def test_sizes_in_words(count: float, text: str):
    assert capacity.in_bytes(count) == text


def test_the_number_that_fits_is_never_rounded_up():
    assert capacity._floor(2999999) == "2.9e+06"
    assert capacity._floor(57) == "57"
    assert capacity._floor(0) == "0"

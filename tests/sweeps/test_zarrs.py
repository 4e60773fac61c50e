"""Zarr groups: what zarr itself reads of them, what they say of themselves, and what is left alone."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import gradcu
from gradcu.sweeps import capacity
from gradcu.sweeps.domain import Domain
from gradcu.sweeps.grid import LinspaceAxis
from gradcu.sweeps.zarrs import ZarrStore

CUBIC = (lambda x: x**3 - 3 * x, -2, 2)


def line(dtype: str) -> Domain:
    return Domain([LinspaceAxis(0, 1, 10**9, dtype)])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("num", "chunk"), [(1, 7), (100, 100), (100, 7), (100, 1000)])
def test_zarr_reads_the_rows(tmp_path: Path, dtype: str, num: int, chunk: int):
    rows = gradcu.sweep(*CUBIC, num, order=2, dtype=dtype, engine="numpy")
    result = gradcu.sweep(*CUBIC, num, order=2, dtype=dtype, engine="numpy", out=tmp_path / "a.zarr", chunk=chunk)
    group: Any = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")
    assert sorted(group.array_keys()) == ["d1", "d2", "f", "x"]
    assert group["f"].metadata.zarr_format == 3
    assert group["f"].chunks == (min(chunk, num),)
    expected = {"x": rows.x, "f": rows.y, "d1": rows.derivative(1), "d2": rows.derivative(2)}
    for name, tensor in expected.items():
        assert group[name].dtype == dtype
        assert group[name][:].tobytes() == tensor.numpy().tobytes()
    # The result reads the same, and x needs no reading.
    assert result.y.numpy().tobytes() == rows.y.numpy().tobytes()
    assert result.x.numpy().tobytes() == rows.x.numpy().tobytes()
    assert os.listdir(tmp_path) == ["a.zarr"]


def test_a_group_says_what_it_holds(tmp_path: Path):
    path = tmp_path / "a.zarr"
    gradcu.sweep(gradcu.sin, 0.1, 1, 100, order=1, out=path, engine="numpy")
    attributes: Any = dict(zarr.open_group(str(path), mode="r").attrs)["gradcu"]
    expected = {
        "function": "sin", "start": 0.1, "stop": 1.0, "num": 100, "order": 1, "dtype": "float32", "device": "cpu",
        "engine": "numpy", "gradcu": gradcu.__version__, "numpy": np.__version__, "chunk": 100,
    }  # fmt: skip
    assert expected.items() <= attributes.items()
    assert attributes["built with"].startswith("NumPy for ")


def test_zeros_are_chunks_too(tmp_path: Path):
    path = tmp_path / "a.zarr"
    gradcu.sweep(lambda x: x * 0, -1, 1, 100, order=2, out=path, chunk=10, engine="numpy")
    assert sorted(map(int, os.listdir(path / "d2" / "c"))) == list(range(10))


def test_chunks_are_of_a_size_worth_a_file_and_within_bounds():
    assert ZarrStore.fitting(None, 1 << 17, line("float32"), 9) == 1 << 20
    assert ZarrStore.fitting(None, 1 << 17, line("float64"), 9) == 1 << 19
    assert ZarrStore.fitting(None, 1 << 17, line("float32"), 17 * 10) == 1 << 16
    assert ZarrStore.fitting(None, 1 << 17, line("float64"), 33 * 10) == 1 << 16


def test_a_row_is_read_at_its_first_use_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    result = gradcu.sweep(*CUBIC, 1000, out=tmp_path / "a.zarr")
    read = []
    open_array = zarr.open_array
    monkeypatch.setattr(zarr, "open_array", lambda path, **options: read.append(path) or open_array(path, **options))
    repr(result)
    result.summary()
    assert read == []
    assert result.derivative(1) is result.derivative(1)
    assert [os.path.basename(path) for path in read] == ["d1"]
    monkeypatch.setattr(capacity, "available_memory", lambda: 100)
    with pytest.raises(MemoryError, match="num = 1000 needs 4 kB of memory for 1 result array"):
        _ = result.y


def test_a_picture_of_a_group(tmp_path: Path):
    result = gradcu.sweep(*CUBIC, 1000, out=tmp_path / "a.zarr")
    result.plot(tmp_path / "a.png")
    result.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as saved:
        assert (saved["f"] == result.y.numpy()).all()


def test_what_no_sweep_has_written_is_left_alone(tmp_path: Path):
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "notes.txt").write_text("of my own")
    (tmp_path / "file.zarr").write_text("of my own")
    zarr.create_group(str(tmp_path / "other.zarr"), attributes={"author": "somebody else"})
    before = sorted(tmp_path.rglob("*"))
    for name in ("mine", "file", "other"):
        with pytest.raises(FileExistsError, match=rf"{name}\.zarr is there, and is no Zarr group that a sweep"):
            gradcu.sweep(*CUBIC, 1000, out=tmp_path / f"{name}.zarr")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_stays_a_link(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.zarr").symlink_to(tmp_path / "real" / "a.zarr")
    for _ in range(2):
        gradcu.sweep(*CUBIC, 100, out=tmp_path / "link.zarr")
        assert (tmp_path / "link.zarr").is_symlink()
        assert os.listdir(tmp_path / "real") == ["a.zarr"]


def test_without_zarr_it_is_named_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(zarr, "__version__", "2.18.7")
    with pytest.raises(ImportError, match=r'needs zarr 3, not 2\.18\.7; get it with: pip install "gradcu\[zarr\]"'):
        gradcu.sweep(*CUBIC, 100, out=tmp_path / "a.zarr")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r'a \.zarr needs zarr; install it with: pip install "gradcu\[zarr\]"'):
        gradcu.sweep(*CUBIC, 100, out=tmp_path / "a.zarr")
    assert os.listdir(tmp_path) == []


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.zarr"
    from gradcu.sweeps.unfinished import Unfinished

    with monkeypatch.context() as patch:
        patch.setattr(Unfinished, "commit", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            gradcu.sweep(*CUBIC, 100, out=path, chunk=10)
    (tmp_path / "a.zarr.part" / "data" / "f" / "c" / "3.0123456789abcdef.partial").write_bytes(b"half")
    gradcu.sweep(*CUBIC, 100, out=path, chunk=10, resume=True)
    names = [found.name for found in path.rglob("*") if found.is_file()]
    assert all(name == "zarr.json" or name.isdecimal() for name in names)
    assert json.loads((path / "zarr.json").read_text())["attributes"]["gradcu"]["chunk"] == 10

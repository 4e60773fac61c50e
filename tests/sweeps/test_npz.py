"""The .npz frame, read back by zipfile, NumPy and the checksums they verify."""

import random
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcu.sweeps import npz
from gradcu.sweeps.files import npy_header


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_checksums_of_pieces_combine(first: bytes, second: bytes):
    whole = npz.combined(zlib.crc32(first), zlib.crc32(second), len(second))
    assert whole == zlib.crc32(first + second)


def test_checksums_of_huge_pieces_combine():
    crc = zlib.crc32(bytes(1 << 20))
    for doubling in range(20, 24):
        crc = npz.combined(crc, crc, 1 << doubling)
    assert crc == zlib.crc32(bytes(1 << 24))


def layout_of(names: list[str], header: bytes, size: int) -> npz.Layout:
    return npz.Layout([npz.Member(name, header, size) for name in names])


def write(path: Path, layout: npz.Layout, rows: list[np.ndarray], piece: int, seed: int) -> None:
    pieces = [(member, at) for member, row in enumerate(rows) for at in range(0, row.size, piece)]
    random.Random(seed).shuffle(pieces)
    with path.open("wb") as file:
        for member, at in pieces:
            part = rows[member][at : at + piece]
            layout.checksum(member, at * part.itemsize, part)
            file.seek(layout.data_offset(member) + at * part.itemsize)
            file.write(part.tobytes())
        for offset, frame in layout.pieces():
            file.seek(offset)
            file.write(frame)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("piece", [1, 7, 64, 1000])
def test_pieces_in_any_order_make_a_valid_file(tmp_path: Path, rng: np.random.Generator, piece: int, seed: int):
    rows = [rng.standard_normal(257) for _ in range(3)]
    layout = layout_of(["x.npy", "f.npy", "derivative.npy"], npy_header(rows[0].dtype, (257,)), rows[0].nbytes)
    path = tmp_path / "rows.npz"
    write(path, layout, rows, piece, seed)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["x.npy", "f.npy", "derivative.npy"]
    with np.load(path) as saved:
        for name, row in zip(("x", "f", "derivative"), rows, strict=True):
            assert (saved[name] == row).all()


@pytest.mark.parametrize("length", range(1, 70))
def test_data_is_aligned_whatever_the_names(length: int):
    header = npy_header(np.dtype("float32"), (10,))
    layout = layout_of(["a" * length + ".npy", "b.npy"], header, 40)
    assert layout.data_offset(0) % 64 == layout.data_offset(1) % 64 == 0


def test_equal_results_are_equal_files(tmp_path: Path):
    row = np.arange(100.0)
    for name in ("a.npz", "b.npz"):
        write(tmp_path / name, layout_of(["f.npy"], npy_header(row.dtype, (100,)), 800), [row], 9, 1)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="a file with holes takes its full size there")
def test_more_than_four_gigabytes(tmp_path: Path):
    num = 1_200_000_000
    row = np.zeros(num // 100, np.float32)
    layout = layout_of(["x.npy", "f.npy"], npy_header(row.dtype, (num,)), 4 * num)
    zeros = zlib.crc32(bytes(row.nbytes))
    for member in range(2):
        for at in range(0, 4 * num, row.nbytes):
            layout._add(member, at, row.nbytes, zeros)
    path = tmp_path / "huge.npz"
    with path.open("wb") as file:
        # A file with holes: it takes no space.
        for offset, frame in layout.pieces():
            file.seek(offset)
            file.write(frame)
    assert path.stat().st_size > 9_600_000_000
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            assert info.file_size == 4 * num + 128
            data = layout._parts[0][4 * num][1]
            assert npz.combined(zlib.crc32(npy_header(row.dtype, (num,))), data, 4 * num) == info.CRC
        with archive.open("f.npy") as member:
            assert np.lib.format.read_magic(member) == (1, 0)
            assert np.lib.format.read_array_header_1_0(member) == ((num,), False, np.dtype("float32"))

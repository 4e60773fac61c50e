"""Pictures: the envelope loses no peak, the file is what its suffix says."""

import math
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu.sweeps.lines import envelope


def test_a_short_row_is_kept_as_it_is():
    index, values = envelope(np.array([1.0, math.inf, 3.0, math.nan], np.float32), 10)
    assert index.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(values, [1, math.nan, 3, math.nan])


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 40), st.integers(0, 2**32), st.floats(0, 0.3))
def test_every_column_keeps_its_extremes(num: int, columns: int, seed: int, holes: float):
    rng = np.random.default_rng(seed)
    row = rng.standard_normal(num).astype(np.float32)
    row[rng.random(num) < holes] = rng.choice([np.nan, np.inf, -np.inf])
    index, values = envelope(row, columns)
    assert index.size <= max(3 * columns + 5, 2 * columns)
    assert (np.diff(index) >= 0).all()
    assert (index[0], index[-1]) == (0, num - 1)
    shown = np.isfinite(values)
    np.testing.assert_array_equal(values[shown], row[index[shown]].astype(float))
    if num > 2 * columns:
        width = -(-num // columns)
        for first in range(0, num, width):
            column = row[first : first + width]
            finite = column[np.isfinite(column)]
            inside = values[(index >= first) & (index < first + width) & shown]
            if finite.size:
                assert inside.min() == finite.min()
                assert inside.max() == finite.max()
            if finite.size < column.size:
                assert np.isnan(values[(index >= first) & (index < first + width)]).any()


def test_one_peak_among_millions_is_seen():
    row = np.zeros(3_000_000, np.float32)
    row[1_234_567] = 7
    row[1_234_569] = -3
    index, values = envelope(row, 1000)
    assert values.max() == 7
    assert values.min() == -3
    assert index[values.argmax()] == 1_234_567


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".png", b"\x89PNG"), (".PNG", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_the_suffix_decides_the_format(tmp_path: Path, suffix: str, magic: bytes):
    path = tmp_path / f"sweep{suffix}"
    gradcu.sweep(gradcu.sin, -5, 5, 20000, order=1).plot(path)
    assert path.read_bytes().startswith(magic)
    assert os.listdir(tmp_path) == [path.name]


def test_a_panel_a_derivative():
    figure = gradcu.sweep(gradcu.sin, -5, 5, 50, order=4).plot()
    assert [panel.get_ylabel() for panel in figure.axes] == ["f(x)", "f'(x)", "f''(x)", "f'''(x)", "f(4) (x)"]
    assert figure.axes[-1].get_xlabel() == "x"
    assert figure.get_suptitle() == "sin"


def test_the_line_is_the_row():
    result = gradcu.sweep(gradcu.exp, 0, 1, 101, dtype="float64")
    line = result.plot().axes[0].lines[0]
    np.testing.assert_allclose(np.asarray(line.get_xdata()), result.x.numpy(), atol=1e-15)
    np.testing.assert_array_equal(np.asarray(line.get_ydata()), result.y.numpy())


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1 / x,
        gradcu.log,
        lambda x: gradcu.log(-1 - x * x),
        lambda x: gradcu.exp(x * 1000),
        lambda x: gradcu.full_like(x, 1.5e308),
        lambda x: x * 1.7e308,
        lambda x: gradcu.where(x > 0.99, 1e300, x * 1e-310),
        lambda x: gradcu.where(x > 0.99, 1e300, x),
        gradcu.zeros_like,
    ],
    ids=["pole", "log", "all NaN", "overflow", "huge constant", "huge", "tiny and huge", "step", "zero"],
)
@pytest.mark.parametrize("num", [1, 50, 20000])
def test_awkward_rows_make_a_picture_without_a_warning(tmp_path: Path, f, num: int):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradcu.sweep(f, -1, 1, num, order=1, dtype="float64").plot(tmp_path / "awkward.png")


def test_an_unknown_suffix_and_a_missing_folder_are_named(tmp_path: Path):
    result = gradcu.sweep(gradcu.sin, 0, 1, 5)
    with pytest.raises(ValueError, match=r"path: 'a\.gif': '\.gif' is not a known suffix; use \.png, \.svg or \.pdf"):
        result.plot("a.gif")
    with pytest.raises(FileNotFoundError, match=r"cannot be written: No such file"):
        result.plot(tmp_path / "nowhere" / "a.png")


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    result = gradcu.sweep(gradcu.sin, 0, 1, 5)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "gradcu\[plot\]"'):
        result.plot()


def test_a_failed_picture_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from matplotlib.figure import Figure

    path = tmp_path / "sweep.png"
    path.write_bytes(b"older")
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        gradcu.sweep(gradcu.sin, 0, 1, 5).plot(path)
    assert path.read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["sweep.png"]


def test_a_pole_leaves_the_rest_visible():
    figure = gradcu.sweep(lambda x: 1 / (x * x - 1), -3, 3, 10**5).plot()
    for panel in figure.axes:
        assert panel.get_yscale() == "asinh"
        assert "logarithmic beyond" in panel.texts[0].get_text()
    low, high = figure.axes[1].get_ylim()
    values = np.asarray(figure.axes[1].lines[0].get_ydata())
    assert low < np.nanmin(values)
    assert high > np.nanmax(values)
    assert gradcu.sweep(gradcu.sin, -3, 3, 10**5).plot().axes[0].get_yscale() == "linear"

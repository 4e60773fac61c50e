"""Pictures of several variables: maps, dots, lines of params. No peak is lost, and what is not shown is said."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from matplotlib.image import PcolorImage

import gradcu
from gradcu.sweeps import plot
from gradcu.sweeps.grid import Axis, GivenAxis, LinspaceAxis
from gradcu.sweeps.maps import Cells
from gradcu.sweeps.positions import Positions
from gradcu.sweeps.scale import halves, ordinary_size

FLOAT = np.dtype("float64")
GRID = {"u": (-2, 2, 40), "v": (-1, 3, 30)}


def saddle(u: Any, v: Any) -> Any:
    return u * u * v - v**3


def maps(figure: Any) -> list[Any]:
    """The panels, without the colour bars."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def image_of(panel: Any) -> Any:
    (image,) = panel.images
    return image


def test_a_map_a_partial():
    result = gradcu.sweep(saddle, grid=GRID, order=2)
    panels = maps(result.plot())
    titles = [panel.get_title(loc="left") for panel in panels]
    assert titles == ["f", "∂f/∂u", "∂f/∂v", "∂²f/∂u²", "∂²f/∂u∂v", "∂²f/∂v²"]
    assert [panel.get_xlabel() for panel in panels] == ["", "", "", "u", "u", "u"]
    assert [panel.get_ylabel() for panel in panels] == ["v", "", "", "v", "", ""]
    for panel, partial in zip(panels, result.partials, strict=True):
        image = image_of(panel)
        # The first variable goes to the right, the second upwards.
        np.testing.assert_array_equal(np.asarray(image.get_array()), result.partial(*partial).numpy().T)
        assert image.origin == "lower"
        np.testing.assert_allclose(image.get_extent(), [-2 - 2 / 39, 2 + 2 / 39, -1 - 2 / 29, 3 + 2 / 29])


def test_colours_say_the_sign():
    (f, du, dv) = maps(gradcu.sweep(lambda u, v: gradcu.exp(u) + 0 * v, grid=GRID).plot())
    assert image_of(f).get_cmap().name == image_of(du).get_cmap().name == "viridis"
    zero = image_of(dv)
    assert (zero.get_cmap().name, zero.norm.vmin, zero.norm.vmax) == ("RdBu_r", -1, 1)
    both = image_of(maps(gradcu.sweep(saddle, grid=GRID).plot())[0])
    assert both.get_cmap().name == "RdBu_r"
    assert both.norm.vmin == -np.abs(np.asarray(both.get_array())).max()
    assert both.norm.vmax == -both.norm.vmin


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, list[Axis], int]:
    shape = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.standard_normal(shape)
    values[rng.random(shape) < draw(st.sampled_from([0, 0.1, 1]))] = np.nan
    values[rng.random(shape) < draw(st.sampled_from([0, 0.05]))] = np.inf
    axes: list[Axis] = [
        LinspaceAxis(0, 1, size, FLOAT)
        if draw(st.booleans())
        else GivenAxis({"x": rng.permutation(size)}, FLOAT, {"x": "x"})
        for size in shape
    ]
    return values, axes, draw(st.integers(1, 20))


@settings(deadline=None)
@given(tables())
def test_every_cell_has_its_extremes(table: tuple[np.ndarray, list[Axis], int]):
    values, axes, most = table
    positions = [Positions(axis) for axis in axes]
    cells = Cells(values, positions, most)
    ordered = values
    for number, position in enumerate(positions):
        if position.order is not None:
            ordered = np.take(ordered, position.order, axis=number)
    starts = [[*firsts, size] for firsts, size in zip(cells.firsts, values.shape, strict=True)]
    assert all(firsts.size <= most for firsts in cells.firsts)
    for i, (top, bottom) in enumerate(zip(starts[0], starts[0][1:], strict=False)):
        for j, (left, right) in enumerate(zip(starts[1], starts[1][1:], strict=False)):
            cell = ordered[top:bottom, left:right]
            known = cell[~np.isnan(cell)]
            expected = (known.min(), known.max()) if known.size else (np.nan, np.nan)
            np.testing.assert_array_equal((cells.least[i, j], cells.greatest[i, j]), expected)


def test_one_peak_among_a_million_is_seen_and_the_picture_says_how():
    def peaks(u: Any, v: Any) -> Any:
        return gradcu.where((u == 1) & (v == 1), 7.0, 0.0) - gradcu.where((u == -1) & (v == -1), 3.0, 0.0)

    figure = gradcu.sweep(peaks, grid={"u": (-2, 2, 1201), "v": (-2, 2, 1601)}, order=0).plot()
    image = image_of(maps(figure)[0])
    shown = np.asarray(image.get_array())
    assert shown.size < 10**6
    assert (shown.max(), shown.min()) == (7, -3)
    assert "the value farthest from the middle of the scale" in figure.get_supxlabel()
    assert gradcu.sweep(saddle, grid=GRID).plot().get_supxlabel() == ""


def test_nan_and_infinities_have_colours_of_their_own():
    def f(u: Any, v: Any) -> Any:
        return gradcu.where(u > 1, gradcu.log(v), gradcu.where(v > 2, -1 / (0 * u), u * v))

    figure = gradcu.sweep(f, grid={"u": (-2, 2, 41), "v": (-1, 3, 41)}, order=0).plot()
    image = image_of(maps(figure)[0])
    colours = image.cmap(image.norm(image.get_array())).reshape(-1, 4)
    seen = {tuple(colour) for colour in np.round(colours, 6).tolist()}
    for colour in (image.cmap.get_bad(), image.cmap.get_over(), image.cmap.get_under()):
        assert tuple(np.round(colour, 6).tolist()) in seen
    assert figure.get_supxlabel() == "NaN is grey; the colours of the arrows are infinite"


def test_a_pole_leaves_the_rest_visible():
    figure = gradcu.sweep(lambda u, v: 1 / (u * u + v * v - 1), grid={"u": (-2, 2, 300), "v": (-2, 2, 300)}).plot()
    for panel in maps(figure):
        assert "logarithmic beyond" in panel.get_title(loc="right")
        image = image_of(panel)
        share = np.abs(np.asarray(image.norm(image.get_array())) - 0.5)
        # A tenth of the values has one half of the colours.
        assert 0.85 < (share < 0.25).mean() < 0.95


@given(st.floats(1e-100, 1e100), st.floats(1.1, 1e50), st.floats(0, 1))
def test_the_scale_of_colours_can_be_gone_back(threshold: float, ratio: float, share: float):
    forward, back = halves(threshold, threshold * ratio)
    for sign in (-1, 1):
        assert forward(back(sign * share)) == pytest.approx(sign * share, rel=1e-9, abs=1e-12)
    assert forward(threshold * ratio) == pytest.approx(1)
    assert ordinary_size(np.array([np.nan])) is None


def test_axes_that_are_not_even():
    points = np.array([3.0, 0.0, 1.0, np.nan])
    result = gradcu.sweep(lambda u, v: u + 10 * v, grid={"u": points, "v": (0, 1, 3)}, order=0, dtype="float64")
    (panel,) = maps(result.plot())
    (image,) = panel.images
    assert isinstance(image, PcolorImage)
    np.testing.assert_array_equal(np.asarray(image.get_array()), [[0, 1, 3], [5, 6, 8], [10, 11, 13]])
    assert panel.get_xlim() == (-0.5, 4)


def test_scattered_points_are_dots(rng: np.random.Generator):
    u, v = rng.standard_normal((2, 500))
    u[7] = np.nan
    result = gradcu.sweep(lambda u, v: u * v, points={"u": u, "v": v}, dtype="float64")
    for panel, partial in zip(maps(result.plot()), result.partials, strict=True):
        (dots,) = panel.collections
        assert isinstance(dots, PathCollection)
        np.testing.assert_array_equal(np.asarray(dots.get_offsets()), np.stack((u, v), 1)[~np.isnan(u)])
        np.testing.assert_array_equal(np.asarray(dots.get_array()), result.partial(*partial).numpy()[~np.isnan(u)])


def test_of_many_dots_in_a_pixel_the_peak_is_shown(rng: np.random.Generator):
    u, v = rng.uniform(0, 1, (2, 100_000))
    u[77], v[77] = 0.5, 0.25

    def f(u: Any, v: Any) -> Any:
        return gradcu.where((u == 0.5) & (v == 0.25), 9.0, gradcu.sin(20 * u) * v)

    figure = gradcu.sweep(f, points={"u": u, "v": v}, order=0).plot()
    (dots,) = maps(figure)[0].collections
    shown = np.asarray(dots.get_array())
    assert shown.size < 100_000
    assert shown.max() == 9
    assert "of the points in a pixel" in figure.get_supxlabel()


def test_a_line_a_value_of_params():
    result = gradcu.sweep(lambda x, a: gradcu.sin(a * x), -2, 2, 101, params={"a": [1, 2, 3]}, dtype="float64")
    figure = result.plot()
    assert [panel.get_ylabel() for panel in figure.axes] == ["f(x)", "f'(x)"]
    lines = figure.axes[0].lines
    for number in range(3):
        np.testing.assert_array_equal(np.asarray(lines[number].get_ydata()), result.y[number].numpy())
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a = 1", "a = 2", "a = 3"]


@pytest.mark.parametrize(("params", "label"), [(1, "a"), (2, "number of a and b")])
def test_many_values_of_params_are_a_map(params: int, label: str):
    values = np.linspace(1, 4, 30)
    given = {"a": values} if params == 1 else {"a": values, "b": values}
    result = gradcu.sweep(lambda x, a, b=1: gradcu.sin(a * x) * b, -2, 2, 101, params=given)
    for panel, partial in zip(maps(result.plot()), result.partials, strict=True):
        np.testing.assert_array_equal(np.asarray(image_of(panel).get_array()), result.partial(*partial).numpy())
        assert panel.get_ylabel() == label


def test_points_of_one_variable_are_a_line_in_order(rng: np.random.Generator):
    points = rng.permutation(np.append(np.arange(50.0), np.nan))
    figure = gradcu.sweep(gradcu.sin, points=points, dtype="float64").plot()
    line = figure.axes[0].lines[0]
    np.testing.assert_array_equal(np.asarray(line.get_xdata()), np.arange(50))
    np.testing.assert_allclose(np.asarray(line.get_ydata()), np.sin(np.arange(50)))


AWKWARD = {
    "zeros": lambda u, v: 0 * u,
    "constant": lambda u, v: 0 * u + 3,
    "all NaN": lambda u, v: gradcu.log(-1 - u * u),
    "all infinite": lambda u, v: 1 / (0 * u),
    "huge": lambda u, v: u * 1.7e308,
    "tiny": lambda u, v: u * 1e-310,
    "step": lambda u, v: gradcu.where(u > 0.9, 1e300, v),
    "pole": lambda u, v: 1 / (u * v),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of few pixels are sooner there."""
    monkeypatch.setattr(plot, "_DPI", 30)


@pytest.mark.parametrize(("name", "num"), [*((name, 31) for name in AWKWARD), ("zeros", 1), ("pole", 2)])
def test_awkward_maps_make_a_picture_without_a_warning(tmp_path: Path, small: None, name: str, num: int):
    either: list[dict[str, Any]] = [
        {"grid": {"u": (-1, 1, num), "v": (-1, 1, 3)}},
        {"points": {"u": np.linspace(-1, 1, num), "v": np.linspace(1, 2, num)}},
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for arguments in either:
            gradcu.sweep(AWKWARD[name], **arguments, order=0, dtype="float64").plot(tmp_path / "awkward.png")


@pytest.mark.parametrize(
    "arguments",
    [
        {"points": {"x": [np.nan]}},
        {"points": {"u": [np.nan, 1], "v": [1, np.inf]}},
        {"points": [np.nan, np.inf], "params": {"a": range(20)}},
    ],
)
def test_points_of_which_none_can_be_drawn(tmp_path: Path, small: None, arguments: dict[str, Any]):
    gradcu.sweep(lambda *values: values[0], **arguments).plot(tmp_path / "empty.png")


def test_more_variables_than_a_picture_has_are_refused():
    cube = gradcu.sweep(lambda u, v, w: u * v * w, grid=GRID | {"w": (0, 1, 2)})
    with pytest.raises(ValueError, match="a plot shows one or two variables, not u, v and w; sweep two of them"):
        cube.plot()
    with pytest.raises(ValueError, match="a plot shows params with one variable, not a with u and v"):
        gradcu.sweep(lambda u, v, a: u * v * a, grid=GRID, params={"a": [1, 2]}).plot()

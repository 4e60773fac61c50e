"""What a sweep computes: every partial once, or a choice of them, which has the same bits; wrong choices are named."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu.fuse.trace import program
from gradcu.sweeps.domain import Domain, domain_of, listed
from gradcu.sweeps.engine import EagerEngine
from gradcu.sweeps.grid import GivenAxis, LinspaceAxis
from gradcu.sweeps.wanted import wanted_of

FLOAT = np.dtype("float64")
GRID = {"u": (0.25, 1, 5), "v": (-2, 2, 4)}


def wave(u: Tensor, v: Tensor) -> Tensor:
    return gradcu.sin(u * v) * gradcu.exp(v)


def looking(u: Tensor, v: Tensor) -> Tensor:
    """No function that can be traced."""
    assert u.detach().numpy().size
    return wave(u, v)


def domain(*names: str, params: tuple[str, ...] = ()) -> Domain:
    outer = GivenAxis({name: [1] for name in params}, FLOAT, {name: name for name in params}) if params else None
    return Domain([LinspaceAxis(0, 1, 3, FLOAT, name) for name in names], outer)


@given(st.integers(1, 4), st.integers(0, 4))
def test_every_partial_is_there_once(variables: int, order: int):
    names = tuple("uvwt"[:variables])
    found = wanted_of(domain(*names), order).partials
    every = itertools.chain.from_iterable(itertools.product(names, repeat=k) for k in range(order + 1))
    assert len(found) == len(set(found))
    assert set(found) == {tuple(sorted(partial, key=names.index)) for partial in every}
    assert [len(partial) for partial in found] == sorted(len(partial) for partial in found)


def test_names_of_rows():
    assert wanted_of(domain("u"), 2).names == ("f", "d1", "d2")
    assert wanted_of(domain("u", "v"), 2).names == ("f", "d_u", "d_v", "d_u_u", "d_u_v", "d_v_v")
    assert listed(["u", "v", "w"]) == "u, v and w"


@pytest.mark.parametrize(
    ("variables", "params", "name"), [("f", (), "f"), (("u", "v", "u_v"), (), "d_u_v"), ("x", ("d1",), "d1")]
)
def test_names_that_files_could_not_tell_apart(variables: Any, params: Any, name: str):
    with pytest.raises(ValueError, match=f"'{name}' would be the name of a row of results and of a"):
        wanted_of(domain(*variables, params=params), 2)


@given(st.data())
def test_a_choice_is_a_part_in_the_order_of_all(data: st.DataObject):
    names = ("angle", "radius", "a_b")[: data.draw(st.integers(1, 3))]
    points, order = domain(*names), data.draw(st.integers(1, 3))
    everything = wanted_of(points, order)
    numbers = data.draw(st.lists(st.integers(1, len(everything) - 1), min_size=1, unique=True))
    chosen = [
        everything.names[number]
        if data.draw(st.booleans())
        else data.draw(st.permutations(everything.partials[number]))
        for number in numbers
    ]
    found = wanted_of(points, order, chosen)
    assert found.partials == tuple(everything.partials[number] for number in sorted({0, *numbers}))
    assert found.names == tuple(everything.names[number] for number in sorted({0, *numbers}))


@pytest.mark.parametrize("engine", ["cc", "numpy", "eager"])
@pytest.mark.parametrize(
    "partials", [["d_v"], ["d_u_v"], [("v", "u"), "d_u"], ["d_v_v_v", "f"], ["d_u_u_v", "d_v_v", "d_v"]]
)
def test_a_chosen_row_has_the_bits_that_it_has_among_all(engine: str, partials: list[Any], compiler: Any):
    options: dict[str, Any] = {"order": 3, "dtype": "float64", "engine": engine}
    everything = gradcu.sweep(wave, grid=GRID, **options)
    found = gradcu.sweep(wave, grid=GRID, partials=partials, **options)
    assert found.partials[0] == ()
    assert len(found.partials) == len({"f", *map(str, partials)})
    for partial in found.partials:
        np.testing.assert_array_equal(found.partial(*partial).numpy(), everything.partial(*partial).numpy())
    missing = next(partial for partial in everything.partials if partial not in found.partials)
    with pytest.raises(ValueError, match=r"was not computed; this sweep has f(, | and )d_"):
        found.partial(*missing)


def test_what_is_not_chosen_is_not_computed(monkeypatch: pytest.MonkeyPatch):
    everything = program(wave, FLOAT, 2, 2)
    chosen = program(wave, FLOAT, 2, 2, chosen=((0, 0), (0, 1)))
    assert len(chosen.outputs) == 2
    assert len(chosen.lines) < len(everything.lines) / 2
    # d_u_v is reached by d_u, and d_v is no way to it.
    wanted = wanted_of(domain("u", "v"), 2, ["d_u_v"])
    engine = EagerEngine(wave, domain("u", "v"), wanted, gradcu.device("cpu"))
    assert engine._steps == {(): [0], ("u",): [1]}


def test_one_variable():
    everything = gradcu.sweep(gradcu.sin, 0, 9, 1000, order=4, dtype="float64")
    found = gradcu.sweep(gradcu.sin, 0, 9, 1000, order=4, dtype="float64", partials=["d4", ("x", "x")])
    assert found.partials == ((), ("x",) * 2, ("x",) * 4)
    np.testing.assert_array_equal(found.derivative(4).numpy(), everything.derivative(4).numpy())
    with pytest.raises(ValueError, match="k = 1 was not computed; this sweep has f, d2 and d4"):
        found.derivative(1)
    summary = found.summary()
    assert [row.name for row in summary.rows] == ["f", "d2", "d4"]
    assert "\nf(4) " in str(summary)
    # The row after f's is not f', of which a summary tells the sign changes.
    assert summary.sign_change_count is None
    assert gradcu.sweep(gradcu.sin, 0, 9, 1000, order=2, partials=["d1"]).summary().sign_change_count == 3


def test_files_reductions_plots_and_untraceable_functions(tmp_path: Path):
    options: dict[str, Any] = {"grid": GRID, "order": 2, "partials": ["d_u_v"]}
    found = gradcu.sweep(wave, **options)
    for path in (tmp_path / "a.npz", tmp_path / "b.npz"):
        found.save(path) if path.name == "a.npz" else gradcu.sweep(wave, out=path, **options)
        with np.load(path) as saved:
            assert sorted(saved) == ["d_u_v", "f", "u", "v"]
            np.testing.assert_array_equal(saved["d_u_v"], found.partial("u", "v").numpy())
    reduced = gradcu.sweep(wave, reduce=("max", "integral"), **options)
    assert reduced.partial("v", "u").max == found.partial("u", "v").numpy().max()
    titles = [panel.get_title(loc="left") for panel in found.plot().axes]
    assert [title for title in titles if title] == ["f", "∂²f/∂u∂v"]
    lines = gradcu.sweep(gradcu.sin, 0, 9, 50, order=3, partials=["d3"]).plot()
    assert [panel.get_ylabel() for panel in lines.axes] == ["f(x)", "f'''(x)"]
    slow = gradcu.sweep(looking, **options)
    assert slow.summary().engine == "eager"
    np.testing.assert_allclose(slow.partial("u", "v").numpy(), found.partial("u", "v").numpy(), rtol=1e-5)


def test_sign_changes_of_every_chosen_row():
    found = gradcu.sweep(gradcu.sin, 1, 9, 1000, order=2, partials=["d2"], reduce="sign_changes")
    # sin changes its sign at pi and 2 pi.
    assert [row.sign_changes for row in found.rows] == [2, 2]


@pytest.mark.parametrize("suffix", [".npy", ".zarr"])
def test_another_choice_is_not_gone_on_with(tmp_path: Path, suffix: str):
    options: dict[str, Any] = {"grid": GRID, "order": 2, "out": tmp_path / f"a{suffix}", "resume": True}
    gradcu.sweep(wave, partials=["d_u", "d_v"], **options)
    again = gradcu.sweep(wave, partials=[("v",), ("u",)], **options)
    assert again.summary().points_per_second == 0
    for partials, now in ((["d_u"], r"\['f', 'd_u'\]"), (None, "'all'")):
        problem = rf"gone on with: partials is {now} and was \['f', 'd_u', 'd_v'\]$"
        with pytest.raises(ValueError, match=problem):
            gradcu.sweep(wave, partials=partials, **options)
    if suffix == ".npy":
        described = json.loads((tmp_path / "a.npy.json").read_text())
        assert described["partials"] == ["f", "d_u", "d_v"]


def test_dask():
    options: dict[str, Any] = {"grid": GRID, "order": 2, "partials": ["d_v_v", "d_u"]}
    lazy = gradcu.sweep(wave, distributed="dask", chunk=4, engine="numpy", **options)
    local = gradcu.sweep(wave, engine="numpy", **options)
    assert lazy.partials == local.partials == ((), ("u",), ("v", "v"))
    np.testing.assert_array_equal(lazy.partial("v", "v").compute(), local.partial("v", "v").numpy())
    np.testing.assert_array_equal(lazy.compute().partial("u").numpy(), local.partial("u").numpy())
    with pytest.raises(ValueError, match="was not computed"):
        lazy.partial("v")


WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "text": (
        "d_u",
        TypeError,
        r'partials must be a list such as \["d_v_v"\] or \[\(\'v\', \'v\'\)\], not \'d_u\' \(str\)',
    ),
    "number": (2, TypeError, r"partials must be a list .*, not 2 \(int\)"),
    "number within": ([2], TypeError, r"partials: 2 \(int\) must be the name of a row or a tuple of variables"),
    "empty": ([], ValueError, "partials must have at least one, .*; for f alone there is order=0"),
    "unknown row": (
        ["d_w"],
        ValueError,
        "partials: 'd_w' is no row of this sweep; of order 2 it has f, d_u, d_v, d_u_u, ",
    ),
    "unknown variable": ([("w",)], ValueError, "partials: there is no variable 'w'; this sweep has u and v"),
    "param": ([("a",)], ValueError, "partials: there is no variable 'a'; .* 'a' is a param"),
    "beyond": (
        [("u", "u", "v")],
        ValueError,
        r"partials: partial\('u', 'u', 'v'\) is beyond the order of this sweep, 2",
    ),
    "row beyond": (["d_u_u_v"], ValueError, "partials: 'd_u_u_v' is no row of this sweep; of order 2"),
    "twice": (["d_u", "d_u"], ValueError, "partials has 'd_u' twice$"),
    "twice in two ways": (["d_u_v", ("v", "u")], ValueError, r"partials has \('v', 'u'\) twice: it is 'd_u_v'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_choice_is_named(name: str):
    partials, kind, problem = WRONG[name]
    points = domain_of(None, None, None, GRID, None, {"a": [1]}, "float32")
    with pytest.raises(kind, match=problem):
        wanted_of(points, 2, partials)

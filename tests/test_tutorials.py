"""The programs of the derivative tutorials show in gradcu what they show in PyTorch, cell by cell."""

import copy
import functools
import re
from typing import Any

import pytest

import gradcu
from tests import tutorials
from tests.golden import load
from tests.tutorials import NOTEBOOKS, Outcome, cells

GOLDEN = load("tutorials")
CELLS = [(notebook, number) for notebook in NOTEBOOKS for number in range(len(cells(notebook)))]

pytest.importorskip("matplotlib", reason="the notebooks plot")


@functools.cache
def outcomes(notebook: str) -> list[Outcome]:
    return list(tutorials.run(notebook, "gradcu"))


def expected(notebook: str, number: int) -> dict[str, Any]:
    """What PyTorch shows, under gradcu's name."""
    shown = copy.deepcopy(GOLDEN[notebook][number])
    for part in {"stdout", "value", "error"} & shown.keys():
        shown[part] = re.sub(r"\btorch\.", "gradcu.", shown[part])
    return shown


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_golden_data_is_of_these_cells(notebook: str):
    assert [cell["source"] for cell in GOLDEN[notebook]] == cells(notebook)


@pytest.mark.parametrize(("notebook", "number"), CELLS)
def test_a_cell_shows_what_it_shows_in_pytorch(notebook: str, number: int):
    assert outcomes(notebook)[number].shown == expected(notebook, number)


@functools.cache
def outcomes_on_cuda(notebook: str) -> list[Outcome]:
    with gradcu.device("cuda"):
        return list(tutorials.run(notebook, "gradcu", on_cuda))


def on_cuda(source: str) -> str:
    """A cell as one writes it for tensors on a GPU: NumPy and matplotlib get copies on the CPU."""
    source = source.replace(".numpy()", ".cpu().numpy()")
    return re.sub(r"plt\.plot\(([^,]+), ([^,]+?)(\)|, label)", _plot_on_cpu, source)


def _plot_on_cpu(call: re.Match[str]) -> str:
    x, y, rest = call.groups()
    return call[0] if "cpu()" in x else f"plt.plot(({x}).cpu(), ({y}).cpu(){rest}"


def without_device(shown: dict[str, Any]) -> dict[str, Any]:
    """What a cell shows, but for its source, and for the device of tensors and where lines break around it."""
    return {
        part: re.sub(r"\s+", " ", text.replace(", device='cuda:0'", "").replace(",\n       device='cuda:0'", ""))
        if isinstance(text, str)
        else text
        for part, text in shown.items()
        if part != "source"
    }


@pytest.mark.parametrize(("notebook", "number"), CELLS)
def test_a_cell_shows_on_cuda_what_it_shows_on_the_cpu(cuda: str, notebook: str, number: int):
    shown = outcomes_on_cuda(notebook)[number].shown
    assert without_device(shown) == without_device(expected(notebook, number))


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_ipython_displays_a_value_as_it_displays_pytorchs(notebook: str):
    """IPython shows the repr, but of a node `<SumBackward0 at 0x...>`, as of any object without a repr of its own."""
    pretty = pytest.importorskip("IPython.lib.pretty", reason="needs IPython").pretty
    for number, outcome in enumerate(tutorials.run(notebook, "gradcu")):
        text = expected(notebook, number).get("value")
        if text is not None and not isinstance(outcome.value, tuple | list):
            assert tutorials.hide_addresses(pretty(outcome.value)) == text.replace(" object at ", " at ")

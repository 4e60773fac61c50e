"""The picture of a sweep: lines or maps, a panel for f and for each derivative, as a Figure and as a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .domain import Domain, listed
from .grid import GivenAxis
from .lines import draw_lines
from .maps import draw_maps, draw_scattered
from .store import ReplacedFile, checked_path
from .wanted import Partial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .result import Run

SUFFIXES = (".png", ".svg", ".pdf")

_WIDTH, _DPI = 9.0, 150
_MOST_LINES = 8
"""More values of params than these are the rows of a map."""
_TITLE = 90


def draw(run: Run, rows: Mapping[Partial, np.ndarray]) -> Figure:
    """The Figure of a sweep.

    Raises ImportError where matplotlib is not installed, ValueError for a sweep of more than two variables, or of two
    with params.
    """
    figure_class = _figure_class()
    domain = run.domain
    check_drawable(domain.variables, domain.params)
    several = len(domain.variables) > 1
    across = min(len(rows), 3) if several else 1
    height = 0.4 + (2.9 if several else 2.4) * -(-len(rows) // across) if _is_map(domain) else 1.2 + 2.0 * len(rows)
    width = _WIDTH if across < 3 else 4 / 3 * _WIDTH
    figure = figure_class(figsize=(width, height), dpi=_DPI, layout="constrained")
    # Two a pixel, so that a column's line spans all that its points do; a map's cells are pixels.
    columns = int(_WIDTH * _DPI)
    if not _is_map(domain):
        draw_lines(figure, domain, rows, 2 * columns)
    elif isinstance(domain.axes[0], GivenAxis) and len(domain.axes) == 1:
        draw_scattered(figure, domain, rows, across, columns // across)
    else:
        draw_maps(figure, domain, rows, across, columns // across)
    title = run.function if len(run.function) <= _TITLE else run.function[: _TITLE - 3] + "..."
    figure.suptitle(title, fontsize="medium", parse_math=False)
    return figure


def save_figure(figure: Figure, path: Any) -> None:
    """Writes the picture; the file appears once it is complete."""
    name = checked_path("path", path, SUFFIXES)
    target = ReplacedFile(name)
    try:
        figure.savefig(target.file, format=os.path.splitext(name)[1][1:].lower())
        target.commit()
    except BaseException:
        target.abandon()
        raise


def require_matplotlib() -> None:
    """Raises ImportError where matplotlib is not installed, naming the extra that has it."""
    _figure_class()


def _is_map(domain: Domain) -> bool:
    return len(domain.variables) > 1 or (bool(domain.params) and domain.shape[0] > _MOST_LINES)


def check_drawable(variables: Sequence[str], params: Sequence[str]) -> None:
    """Raises ValueError for a sweep of more than two variables, or of two with params."""
    if len(variables) > 2:
        raise ValueError(
            f"a plot shows one or two variables, not {listed(variables)}; sweep two of them, and give f the "
            "others as numbers"
        )
    if len(variables) == 2 and params:
        raise ValueError(
            f"a plot shows params with one variable, not {listed(params)} with {listed(variables)}; "
            "sweep the variables with the params as numbers in f"
        )


def _figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f'a plot needs matplotlib ({error}); install it with `pip install "gradcu[plot]"`') from error
    return Figure

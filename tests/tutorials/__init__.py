"""What people type when they learn derivatives: short notebooks that begin with `import torch`, and what runs them.

`<notebook>.txt` holds cells, each behind a line `# %%`; a cell that begins with `%reset` forgets all names, as in
IPython. A cell that says `# random` prints random numbers.
"""

import ast
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
NOTEBOOKS = sorted(file.stem for file in FOLDER.glob("*.txt"))

# Enough to tell one curve from another.
SAMPLES = 11


class Outcome(NamedTuple):
    """What a cell shows (JSON-able, nothing that is absent) and the value of its last expression."""

    shown: dict[str, Any]
    value: Any


def cells(notebook: str) -> list[str]:
    """The sources of a notebook's cells."""
    text = (FOLDER / f"{notebook}.txt").read_text(encoding="utf-8")
    return [cell.strip("\n") for cell in text.split("# %%\n")[1:]]


def run(notebook: str, package: str = "torch", adapted: Callable[[str], str] = str) -> Iterator[Outcome]:
    """Runs a notebook's cells one after the other, with `package` in PyTorch's place, each as `adapted` gives it."""
    module = import_module(package)
    module.manual_seed(0)
    names: dict[str, Any] = {}
    try:
        for number, source in enumerate(cells(notebook)):
            if source.startswith("%reset"):
                names.clear()
            names["__name__"] = "__main__"
            yield run_cell(adapted(source), package, names, f"<cell {number} of {notebook}>")
    finally:
        module.set_printoptions(profile="default")


def with_package(source: str, package: str) -> str:
    """The same lines without IPython's commands, and with `package` imported under PyTorch's name."""
    source = re.sub(r"^%.*$", "", source, flags=re.MULTILINE)
    source = re.sub(r"^import torch$", f"import {package} as torch", source, flags=re.MULTILINE)
    return re.sub(r"^from torch\b", f"from {package}", source, flags=re.MULTILINE)


def run_cell(source: str, package: str, names: dict[str, Any], filename: str) -> Outcome:
    """Runs one cell as IPython does, and keeps what it would put on the screen."""
    statements = ast.parse(with_package(source, package)).body
    hide = hide_random if "# random" in source else hide_addresses
    last = statements[-1].value if isinstance(statements[-1], ast.Expr) else None
    if last is not None:
        del statements[-1]
    value = error = shown_value = None
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(io.StringIO()) as printed:
        warnings.simplefilter("always")
        # Where there is a display, matplotlib says that the tests' backend opens no window.
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
        try:
            code = compile(ast.Module(statements, type_ignores=[]), filename, "exec")
            exec(code, names)  # noqa: S102 - the notebooks are the tests' own
            if last is not None:
                value = eval(compile(ast.Expression(last), filename, "eval"), names)  # noqa: S307
                shown_value = None if value is None else hide(repr(value))
        except Exception as raised:
            error = raised
    shown = {
        "source": source,
        "stdout": hide(printed.getvalue()),
        "value": shown_value,
        "warnings": [describe_warning(warning, filename) for warning in caught],
        "error": None if error is None else f"{type(error).__name__}: {error}",
        "curves": list(curves()),
    }
    return Outcome({key: part for key, part in shown.items() if part}, value)


def hide_addresses(text: str) -> str:
    return re.sub(r"\b0x[0-9a-fA-F]+", "0x...", text)


def hide_random(text: str) -> str:
    return re.sub(r"\d+\.\d+", "#.####", text)


def describe_warning(warning: warnings.WarningMessage, filename: str) -> dict[str, Any]:
    """The category, the first sentence, and the line of the cell where it points; None for a line elsewhere."""
    sentence = re.split(r"\.\s", str(warning.message))[0].removesuffix(".")
    line = warning.lineno if warning.filename == filename else None
    return {"category": warning.category.__name__, "text": sentence, "line": line}


def curves() -> Iterator[dict[str, Any]]:
    """The label, length and some points of every line of the open figures, which it closes."""
    pyplot = import_module("matplotlib.pyplot")
    for figure in map(pyplot.figure, pyplot.get_fignums()):
        for line in (line for axes in figure.axes for line in axes.lines):
            x, y = line.get_xydata().T.round(4)
            step = max(1, (len(x) - 1) // (SAMPLES - 1))
            some = {"x": x[::step].tolist(), "y": y[::step].tolist()}
            yield {"label": line.get_label(), "length": len(x), **some}
    pyplot.close("all")

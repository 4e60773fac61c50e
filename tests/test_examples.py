"""Every example runs as a script, without a warning, and leaves its picture where it is told to."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="some examples plot")

FOLDER = Path(__file__).resolve().parent.parent / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
PNG = b"\x89PNG\r\n\x1a\n"


def picture(example: Path) -> str | None:
    """The name of the picture that the example says it writes."""
    named = re.search(r"(\w+\.png) by default", example.read_text(encoding="utf-8"))
    return named and named[1]


ON_CUDA = [example for example in EXAMPLES if "ends with exit code 2" in example.read_text(encoding="utf-8")]
"""Where there is no CUDA device these say so; CuPy on CPU runs them in tests/cuda."""


def run(example: Path, folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-W", "error", str(example), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if example in ON_CUDA and done.returncode:
        assert (done.returncode, done.stderr) == (2, "this example needs CuPy and a CUDA device\n")
        return
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_runs_and_its_asserts_hold(example: Path, tmp_path: Path):
    run(example, tmp_path)
    name = picture(example)
    assert {file.name for file in tmp_path.glob("*.png")} == ({name} if name else set())
    if name:
        assert (tmp_path / name).read_bytes().startswith(PNG)


@pytest.mark.parametrize("example", [*filter(picture, EXAMPLES)], ids=lambda example: example.stem)
def test_a_picture_goes_where_the_argument_says(example: Path, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    run(example, tmp_path, "elsewhere/other.png")
    assert (tmp_path / "elsewhere" / "other.png").read_bytes().startswith(PNG)
    assert not list(tmp_path.glob("*.png"))


def test_there_are_examples_for_cuda():
    assert len(ON_CUDA) == 3


def test_the_readme_lists_every_example_and_its_picture():
    rows = re.findall(r"^\| \[(\S+)\]\(\1\) \|.*?\| ?`?(\S*?)`? ?\|$", (FOLDER / "README.md").read_text("utf-8"), re.M)
    assert rows == [(example.name, picture(example) or "") for example in EXAMPLES]


def test_every_example_asserts_something():
    for example in EXAMPLES:
        assert re.search(r"^ *assert ", example.read_text(encoding="utf-8"), re.MULTILINE), example

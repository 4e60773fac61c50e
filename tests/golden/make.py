"""Write golden data from the installed PyTorch: `python -m tests.golden.make [topic ...]`, every topic by default."""

import argparse
import json
import os
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from tests.golden import FOLDER, encode, is_encoded

LINE = 160
# PyTorch and MKL choose their code by the CPU's vector width, and the last bit of a result by that code.
ONE_CODE_PATH = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"}


def topics() -> list[str]:
    """The topics that have a `make_<topic>.py`."""
    return sorted(file.stem.removeprefix("make_") for file in FOLDER.glob("make_*.py"))


def torch_version() -> str | None:
    """The installed PyTorch's version without its build ("2.13.0", not "2.13.0+cpu"), or None."""
    try:
        return metadata.version("torch").partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def layout(value: Any, depth: int = 0) -> str:
    """JSON in which whatever fits on a line is on one line, so that a diff shows the cases that changed.

    A longer dict or list has one line for each entry, laid out likewise; an encoded array and a list of numbers or
    strings are never broken.
    """
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(line) + depth <= LINE or is_encoded(value):
        return line
    if isinstance(value, dict):
        entries = [f"{json.dumps(key, ensure_ascii=False)}: {layout(item, depth + 1)}" for key, item in value.items()]
        opening, closing = "{}"
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        entries = [layout(item, depth + 1) for item in value]
        opening, closing = "[]"
    else:
        return line
    separator = "\n" + " " * (depth + 1)
    return f"{opening}{separator}{(',' + separator).join(entries)}\n{' ' * depth}{closing}"


def write(topic: str, folder: Path) -> None:
    data = import_module(f"tests.golden.make_{topic}").collect()
    text = layout({"torch": torch_version(), "data": encode(data)}) + "\n"
    (folder / f"{topic}.json").write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.golden.make", description=__doc__)
    parser.add_argument("topic", nargs="*", help=f"of {', '.join(topics())}; all of them where none is named")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write them, by default beside this file")
    options = parser.parse_args()
    unknown = sorted(set(options.topic) - set(topics()))
    if unknown:
        parser.error(f"no tests/golden/make_<topic>.py for {', '.join(unknown)}; there are {', '.join(topics())}")
    if torch_version() is None:
        parser.error("the golden data comes from PyTorch, which is not installed: pip install torch==2.13.0")
    os.environ.update(ONE_CODE_PATH)
    for topic in options.topic or topics():
        write(topic, options.folder)


if __name__ == "__main__":
    main()

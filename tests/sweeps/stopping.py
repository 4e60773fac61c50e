"""What the tests of stopped and killed sweeps share: a function that stops a sweep, and what is left of one."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradcu
from gradcu import Tensor

SUFFIXES = (".npy", ".zarr")


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def journal(path: Path) -> list[Any]:
    """The lines of an unfinished sweep's journal, the description first."""
    text = Path(f"{path}.part", "journal").read_text()
    return [json.loads(line) for line in text.splitlines()]


def wave(x: Tensor) -> Tensor:
    return gradcu.sin(x * 3) * gradcu.exp(-x * x / 8)


NUM, CHUNK = 5000, 200


class Stops:
    """wave, until it has seen so many blocks."""

    def __init__(self, blocks: int, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.rest, self.error, self.points = blocks, error, 0
        self.lock = threading.Lock()

    def __call__(self, x: Tensor) -> Tensor:
        # Not what the engine and others try it on.
        if x.shape[0] == CHUNK:
            with self.lock:
                self.rest -= 1
                if self.rest < 0:
                    raise self.error("enough")
                self.points += x.shape[0]
        return wave(x)


def sweep(f: Callable[[Tensor], Tensor], path: Path, **changes: Any) -> Any:
    arguments = {"start": -3, "stop": 3, "num": NUM, "order": 2, "chunk": CHUNK, "engine": "eager"} | changes
    return gradcu.sweep(f, out=path, **arguments)

"""Sweeps on CUDA devices with little memory: each halves its chunk and goes on, or says at which size it ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.sweeps.chunk_length import ChunkLength
from tests.cpu_cuda.bed import Bed

REDUCED = ("min", "max", "mean", "integral", "histogram")
GIVEN = np.geomspace(0.5, 3, 70_001)


def wave(x: Tensor) -> Tensor:
    return gradcu.exp(-x * x / 8) * gradcu.sin(3 * x)


def looks_at_values(x: Tensor) -> Tensor:
    return wave(x) if float(x.detach().max()) > -1e30 else x


def ridge(u: Tensor, v: Tensor) -> Tensor:
    return u * u * gradcu.sin(v)


LINE: dict[str, Any] = {"start": -3, "stop": 4, "num": 70_001}
GRID: dict[str, Any] = {"grid": {"u": (-1, 2, 300), "v": (0, 3, 200)}}

SWEEPS: dict[str, tuple[Callable[..., Tensor], dict[str, Any], int]] = {
    "line": (wave, LINE, 8_192),
    "line to a file": (wave, LINE | {"out": "wave.npy"}, 8_192),
    "line, reduced": (wave, LINE | {"reduce": REDUCED}, 8_192),
    "grid": (ridge, GRID, 8_192),
    "grid to a file": (ridge, GRID | {"out": "ridge.npz"}, 8_192),
    "grid, reduced": (ridge, GRID | {"reduce": REDUCED}, 8_192),
    "points": (wave, {"points": GIVEN}, 8_192),
    "points to a file": (wave, {"points": GIVEN, "out": "wave.npz"}, 8_192),
    "eager": (looks_at_values, LINE | {"num": 5_001}, 256),
    "eager to a file": (looks_at_values, LINE | {"num": 5_001, "out": "wave.npz"}, 256),
    "eager, reduced": (looks_at_values, LINE | {"num": 5_001, "reduce": REDUCED}, 256),
    "float16": (wave, LINE | {"num": 1_001, "dtype": "float16"}, 256),
}
"""By a name: the function, the other arguments, the least chunk."""


def swept(name: str, folder: Path) -> Any:
    f, options, _ = SWEEPS[name]
    if "out" in options:
        options = options | {"out": folder / options["out"]}
    return gradcu.sweep(f, device="cuda", **options)


def outcome(name: str, folder: Path) -> Any:
    """The result, or what the error says where memory was short."""
    try:
        return swept(name, folder)
    except gradcu.OutOfMemoryError as error:
        return str(error)


def bits_of(result: Any) -> tuple[list[bytes], str]:
    """All that a sweep finds."""
    rows = [] if not hasattr(result, "partials") else [result.partial(*partial) for partial in result.partials]
    found = result.summary().as_dict()
    return [row.cpu().numpy().tobytes() for row in rows], json.dumps([found["rows"], found.get("sign_changes")])


@pytest.mark.parametrize("name", SWEEPS)
def test_refused_allocations_one_after_the_other(bed: Bed, name: str, tmp_path: Path):
    """At whichever allocation memory ends, a sweep goes on with what it has, or says what it lacks."""
    expected, least = bits_of(swept(name, tmp_path)), SWEEPS[name][2]
    failures = 0
    for allowed in range(200):
        folder = tmp_path / str(allowed)
        folder.mkdir()
        with bed.out_of_memory_after(allowed):
            found = outcome(name, folder)
        if not isinstance(found, str):
            assert bits_of(found) == expected
            break
        failures += 1
        assert found.startswith("CUDA out of memory. ")
        assert "Out of memory allocating" in found
        # The few points on which eager tries a function can't be halved.
        assert f"a sweep's chunk of {least:,} points on cuda:0: " in found or least == 256
        assert list(folder.iterdir()) == []
    assert 0 < failures < 150


MEMORY = {
    "line": 570_000, "line to a file": 300_000, "line, reduced": 40_000, "grid": 721_000, "grid to a file": 340_000,
    "grid, reduced": 5_000, "points": 800_000, "points to a file": 400_000, "eager": 60_000, "eager to a file": 60_000,
    "eager, reduced": 60_000, "float16": 14_000,
}  # fmt: skip
"""So many bytes that all would not fit, and some do."""


@pytest.mark.parametrize("name", SWEEPS)
def test_a_short_memory_shortens_the_chunk(bed: Bed, name: str, tmp_path: Path):
    expected = bits_of(swept(name, tmp_path))
    with bed.memory_of(MEMORY[name]):
        found = swept(name, tmp_path)
        bits = bits_of(found)
    assert bits == expected
    assert " points for want of memory" in found.summary().engine_reason


def test_lengths_are_halved_once_for_what_was_tried_together():
    length = ChunkLength(100, 20)
    place = gradcu.device("cpu")
    for tried, points in ((100, 50), (100, 50), (50, 25), (100, 25), (25, 20)):
        length.halve(tried, place, MemoryError())
        assert length.points == points
    with pytest.raises(gradcu.OutOfMemoryError, match="a sweep's chunk of 20 points on cpu: none left"):
        length.halve(20, place, MemoryError("none left"))
    assert length.told("why") == "why, in chunks of 20 points for want of memory"

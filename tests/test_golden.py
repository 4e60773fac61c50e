"""The golden data is complete, survives its file format, and is what the PyTorch that it names gives."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.golden import FOLDER, decode, encode, make, path, read

TOPICS = make.topics()
DTYPES = ["bool", "int8", "uint64", "int64", "float16", "float32", "float64", "complex64", "complex128"]


def test_every_topic_has_its_file_and_every_file_its_topic():
    assert [file.stem for file in sorted(FOLDER.glob("*.json"))] == TOPICS
    assert TOPICS


@pytest.fixture(scope="module")
def made_anew(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of every topic's file as the installed PyTorch gives it, in a process of its own."""
    folder = tmp_path_factory.mktemp("golden")
    subprocess.run([sys.executable, "-m", "tests.golden.make", "--folder", folder], cwd=root, check=True)
    return folder


@pytest.mark.parametrize("topic", TOPICS)
def test_pytorch_still_gives_the_golden_data(topic: str, request: pytest.FixtureRequest):
    recorded, installed = read(topic)["torch"], make.torch_version()
    if installed != recorded:
        pytest.skip(f"the golden data is PyTorch {recorded}'s; installed is {installed or 'none'}")
    anew = request.getfixturevalue("made_anew") / f"{topic}.json"
    assert anew.read_text(encoding="utf-8").splitlines() == path(topic).read_text(encoding="utf-8").splitlines()


def exact(value: Any) -> Any:
    """What tells a value from every other: its type, shape and text, in which NaN equals NaN and -0.0 is not 0.0."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, repr(value.tolist())
    return type(value), repr(value)


@given(st.sampled_from(DTYPES).flatmap(lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, min_side=0))))
def test_arrays_survive_the_file(array: np.ndarray[Any, Any]):
    text = make.layout(encode({"array": array}))
    assert "\n" not in text.removeprefix('{\n "array": ').removesuffix("\n}")
    assert exact(decode(json.loads(text))["array"]) == exact(array)


NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text()


@given(st.recursive(NUMBERS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_nested_values_survive_the_file(value: Any):
    assert exact(decode(json.loads(make.layout(encode(value))))) == exact(value)


def test_encoding_twice_changes_nothing():
    once = encode([np.float32(math.nan), math.inf, 1j, (1, "a")])
    assert encode(once) == once

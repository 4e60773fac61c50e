"""Comparing gradcu with what PyTorch gave for the same case."""

import functools
from typing import Any

import pytest

import gradcu
from tests.autograd.cases import cases, run
from tests.golden import load


@functools.cache
def _golden() -> dict[str, Any]:
    return load("autograd")


def check(subject: str, name: str) -> None:
    """Asserts that the case gives what PyTorch gives: numbers up to rounding, all else exactly."""
    assert_alike(run(cases(subject)[name], gradcu), _golden()[subject][name])


def assert_alike(found: Any, expected: Any, where: str = "") -> None:
    if isinstance(expected, float) and isinstance(found, float):
        assert found == pytest.approx(expected, rel=1e-6), where
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_alike(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(found, list):
        assert len(found) == len(expected), where
        for position, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_alike(one, other, f"{where}[{position}]")
    else:
        assert type(found) is type(expected), where
        assert found == expected, where

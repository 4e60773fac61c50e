"""Counting the nodes of graphs that are alive."""

import gc
from collections.abc import Iterator

import pytest

from gradcu.autograd.graph import Node


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only reference counting frees memory in the test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def nodes_alive() -> int:
    """How many nodes exist in the whole process."""
    return sum(isinstance(thing, Node) for thing in gc.get_objects())

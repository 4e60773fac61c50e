"""Anomaly detection: where the forward of a node stands, told when its backward fails or gives NaN."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ._device import xp_of
from ._graph import Node
from ._pending import Pending

_TRACEBACK, _PARENT = "traceback_", "parent_"
"""What is noted in a node's ``metadata``, under PyTorch's names."""

_PACKAGE = os.path.dirname(__file__) + os.sep


class Anomaly:
    """Whether nodes note where they come from, and whether NaN in a gradient is an error."""

    enabled = False
    check_nan = True


class _Running(threading.local):
    """The node whose backward runs in this thread."""

    node: Node | None = None


RUNNING = _Running()


def note_origin(node: Node) -> None:
    """Notes, where that is asked for, the call that recorded a node, and whose backward it was part of."""
    if not Anomaly.enabled:
        return
    # Here, since few programs need it.
    import traceback

    frames = traceback.extract_stack()
    while frames and frames[-1].filename.startswith(_PACKAGE):
        frames.pop()
    node.metadata[_TRACEBACK] = "".join(traceback.format_list(frames))
    if RUNNING.node is not None:
        node.metadata[_PARENT] = RUNNING.node


def refuse_nan(node: Node, gradients: Iterable[Any]) -> None:
    """Raises RuntimeError where one of the gradients of a node's operands has a NaN."""
    for number, gradient in enumerate(gradients):
        array = getattr(gradient, "_array", gradient)
        if array is None or isinstance(array, Pending) or array.dtype.kind not in "fc":
            continue
        xp = np if isinstance(array, np.generic) else xp_of(array)
        if bool(xp.isnan(array).any()):
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {number}th output.")


def tell_origin(node: Node) -> None:
    """Warns of where the node stands whose backward has failed, and of those in whose backward it was recorded."""
    met: Node | None = node
    while met is not None:
        stack, name = met.metadata.get(_TRACEBACK), met.name()
        if stack is None:
            _warn(
                f"Error detected in {name}. No forward pass information available. Enable detect anomaly during "
                "forward pass for more information."
            )
        elif met is node:
            _warn(f"Error detected in {name}. Traceback of forward call that caused the error:\n{stack}")
        else:
            _warn(
                f"Previous calculation was induced by {name}. Traceback of forward call that induced the previous "
                f"calculation:\n{stack}"
            )
        met = met.metadata.get(_PARENT)


def _warn(text: str) -> None:
    try:
        warnings.warn(text, UserWarning, stacklevel=2)
    except UserWarning:
        # Where warnings are errors, the error that is told of must be the one that is raised.
        print(text, file=sys.stderr)

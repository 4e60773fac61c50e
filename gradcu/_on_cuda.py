"""Elementwise ops on arrays of CUDA devices: one launch for a result, one for all the gradients of a node.

Their kernels come from the fused engine, several layers above. It is loaded by its name with the first of them, so that
neither the recorder nor the walker imports it, and a program on the CPU never does.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ._device import xp_of
from ._op import Op, Plan


def forward(op: Op, xp: Any, operands: Sequence[Any], statics: tuple[Any, ...]) -> Any:
    """What ``op`` makes of raw arrays of the current device, and numbers; None where it has no kernel for these."""
    return _kernels().forward(op, xp, operands, statics) if op.elementwise else None


def gradients(plan: Plan, targets: tuple[int, ...], gradient: Any, values: Sequence[Any]) -> list[Any] | None:
    """The gradients of the operands in ``targets``, of the shape of ``gradient``; None where there is no kernel.

    ``values`` has what the rules of the ``plan`` may name. A gradient that is the cotangent itself is ``gradient``.
    """
    return _kernels().gradients(plan, targets, xp_of(gradient), gradient, values) if plan.op.elementwise else None


@functools.cache
def _kernels() -> Any:
    return import_module(".fuse.pointwise", __package__)

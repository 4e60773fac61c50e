"""The class of what a Tensor may hold in place of an array: a value that is not computed yet.

Only the generic path (``gradcu._record``), a Tensor's memory and ``device_of`` know it. What a pending value is made of
stands in ``gradcu.fuse``.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from ._device import device
    from ._graph import Node
    from ._op import Op
    from ._tensor import Tensor


class Pending:
    """A value to be computed: it has an array's shape, dtype and device, and no elements."""

    __slots__ = ()

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    device: device

    def takes(self, op: Op, arrays: Sequence[Any]) -> bool:
        """Whether it says what becomes of ``op`` on ``arrays``; if not, the pending ones of them are computed first.

        Views are of memory, which a pending value has none of.
        """
        return not op.view

    def computed(self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...]) -> Any:
        """What ``op`` makes of ``operands``, of which this is one."""
        raise NotImplementedError

    def lifted(self, value: Any, operand: Any = None) -> Any:
        """An operand beside this one as a pending value too; a Python number and None stay what they are.

        ``operand`` is the Tensor whose array ``value`` is.
        """
        raise NotImplementedError

    def followed(self, op: Op, values: tuple[Any, ...]) -> Tensor | None:
        """The Tensor that an elementwise ``op`` gives for these operands, of which one has this value, and numbers.

        None where it is not known yet, so that the op goes its usual way.
        """
        return None

    def recorded(self, results: Sequence[Tensor], node: Node | None) -> None:
        """Learns of the Tensors that hold what `computed` gave, and of the node that made them."""

    def held(self) -> Any:
        """The same value, through which no derivative passes: that of a Tensor that does not require grad."""
        raise NotImplementedError

    def materialised(self) -> Any:
        """The array. Raises where there is none to be had."""
        raise NotImplementedError

    def settle(self, tensor: Tensor, op: Op | None = None) -> None:
        """Gives ``tensor``, whose value this is, an edge that others may know of, and an array if that takes one.

        ``op`` is what asks for it.
        """


class _Fusing(threading.local):
    """What the functions of this thread are recorded in while `gradcu.compile` runs one of them."""

    trace: Any = None


FUSING = _Fusing()

TRACES: list[Any] = []
"""The traces of all threads, and something for whatever else wants to see every op. While it is empty, as it mostly is,
functions need not ask further."""

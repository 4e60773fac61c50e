"""The class of what a Tensor may hold in place of an array: a value that is not computed yet.

Only the generic path (``gradcu._record``), a Tensor's memory and ``device_of`` know it. What a pending value is made of
stands in ``gradcu.fuse``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from ._device import device
    from ._op import Op


class Pending:
    """A value to be computed: it has an array's shape, dtype and device, and no elements."""

    __slots__ = ()

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def device(self) -> device:
        """Where the elements will be."""
        raise NotImplementedError

    def computed(self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...]) -> Any:
        """What ``op`` makes of ``operands``, of which this is one."""
        raise NotImplementedError

    def lifted(self, value: Any) -> Any:
        """An operand beside this one as a pending value too; a Python number and None stay what they are."""
        raise NotImplementedError

    def held(self) -> Any:
        """The same value, through which no derivative passes: that of a Tensor that does not require grad."""
        raise NotImplementedError

    def materialised(self) -> Any:
        """The array. Raises where there is none to be had."""
        raise NotImplementedError

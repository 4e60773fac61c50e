"""What functions with several results return: tuples whose items also have names, as in PyTorch's ``return_types``."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, ClassVar


class _ValuesAndIndices(tuple[Any, Any]):
    __slots__ = ()

    _fields: ClassVar[tuple[str, ...]] = ("values", "indices")

    values: Any = property(itemgetter(0), doc="The chosen elements.")
    indices: Any = property(itemgetter(1), doc="Where they are along the dimension.")

    def __repr__(self) -> str:
        return f"gradcu.return_types.{type(self).__name__}(\nvalues={self[0]!r},\nindices={self[1]!r})"


class max(_ValuesAndIndices):  # noqa: N801
    """What ``gradcu.max`` along a dimension returns: ``values`` and ``indices``."""

    __slots__ = ()


class min(_ValuesAndIndices):  # noqa: N801
    """What ``gradcu.min`` along a dimension returns: ``values`` and ``indices``."""

    __slots__ = ()

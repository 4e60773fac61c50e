"""What functions with several results return: tuples whose items also have names, as in PyTorch's ``return_types``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from ._tensor import Tensor


class _ValuesAndIndices(tuple["Tensor", "Tensor"]):
    __slots__ = ()

    _fields: ClassVar[tuple[str, ...]] = ("values", "indices")

    @property
    def values(self) -> Tensor:
        """The chosen elements."""
        return self[0]

    @property
    def indices(self) -> Tensor:
        """Where they are along the dimension."""
        return self[1]

    def __repr__(self) -> str:
        return f"gradcu.return_types.{type(self).__name__}(\nvalues={self[0]!r},\nindices={self[1]!r})"


class max(_ValuesAndIndices):  # noqa: N801
    """What ``gradcu.max`` along a dimension returns: ``values`` and ``indices``."""

    __slots__ = ()


class min(_ValuesAndIndices):  # noqa: N801
    """What ``gradcu.min`` along a dimension returns: ``values`` and ``indices``."""

    __slots__ = ()


class cummax(_ValuesAndIndices):  # noqa: N801
    """What ``gradcu.cummax`` returns: ``values`` and ``indices``."""

    __slots__ = ()


class cummin(_ValuesAndIndices):  # noqa: N801
    """What ``gradcu.cummin`` returns: ``values`` and ``indices``."""

    __slots__ = ()


class kthvalue(_ValuesAndIndices):  # noqa: N801
    """What ``gradcu.kthvalue`` returns: ``values`` and ``indices``."""

    __slots__ = ()


class median(_ValuesAndIndices):  # noqa: N801
    """What ``gradcu.median`` along a dimension returns: ``values`` and ``indices``."""

    __slots__ = ()


class sort(_ValuesAndIndices):  # noqa: N801
    """What ``gradcu.sort`` returns: ``values`` and ``indices``."""

    __slots__ = ()


class topk(_ValuesAndIndices):  # noqa: N801
    """What ``gradcu.topk`` returns: ``values`` and ``indices``."""

    __slots__ = ()

"""Where a backward runs, as far as it leads over CUDA devices: each node where its forward ran."""

from __future__ import annotations

import contextlib
from typing import NoReturn

from ._device import OutOfMemoryError, Place, out_of_memory
from ._graph import Node


class Journey:
    """The places of one walk, beginning with where the caller was on the device of the first ``node``."""

    __slots__ = ("_at", "_inside", "_places")

    def __init__(self, node: Node) -> None:
        assert node.place is not None
        self._places = [Place(node.place.device)]
        self._inside = contextlib.ExitStack()
        self._at = node

    def go_to(self, node: Node) -> None:
        """Computes from here on where a node's forward did: on its stream, after all that was launched elsewhere."""
        place = node.place
        assert place is not None
        self._at = node
        if len(self._places) > 1 and place.is_at(self._places[-1]):
            return
        for other in self._places:
            place.wait_for(other)
        self._places.append(place)
        self._inside.close()
        self._inside.enter_context(place.entered())

    def end(self) -> None:
        """Goes back to where the caller was, which waits for what was launched elsewhere."""
        self._inside.close()
        for place in self._places[1:]:
            self._places[0].wait_for(place)

    def explain(self, error: MemoryError) -> NoReturn:
        """Raises the error with the operation's name in its message."""
        if self._at.place is None or isinstance(error, OutOfMemoryError):
            raise error
        raise out_of_memory(self._at.name(), self._at.place.device, error) from error

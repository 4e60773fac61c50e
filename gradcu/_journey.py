"""Where a backward runs, as far as it leads over CUDA devices: each node where its forward ran."""

from __future__ import annotations

import contextlib
from typing import Any, NoReturn

from ._device import CPU, OutOfMemoryError, Place, device_of, out_of_memory
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

    def sum(self, before: Any, value: Any) -> Any:
        """The sum of two gradients of one edge, where they are; a move's backward gives one that is elsewhere."""
        place = device_of(getattr(value, "_array", value))
        assert self._at.place is not None
        if place is CPU or place is self._at.place.device:
            return before + value
        # The move has waited for all that came before it. The last place is where the walk is.
        self._places.insert(-1, Place(place))
        with place.context:
            return before + value

    def end(self) -> None:
        """Goes back to where the caller was, on each device, which waits for what was launched elsewhere.

        And the other streams wait for that: memory of gradients that they gave out is theirs again, and a stream where
        the walk went from there may still read it.
        """
        self._inside.close()
        for device in {place.device for place in self._places}:
            here = Place(device)
            for place in self._places:
                here.wait_for(place)
            for place in self._places:
                if place.device is device:
                    place.wait_for(here)

    def explain(self, error: MemoryError) -> NoReturn:
        """Raises the error with the operation's name in its message."""
        if self._at.place is None or isinstance(error, OutOfMemoryError):
            raise error
        raise out_of_memory(self._at.name(), self._at.place.device, error) from error

"""What functions were seen to do when they were traced, step by step, and the programs that came of it.

A step is an op on what earlier steps made, or a constant, or a value held. Functions that take the same steps from the
first on make the same expressions and the same graph, and so have the same derivatives. The steps form a tree, whose
branches are what functions do next after the same beginning; the programs hang on the last steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .expr import Expr

if TYPE_CHECKING:
    from .program import Program
    from .traced import Trace

_MOST = 1 << 15
"""So many steps, and lines of programs, are kept: some hundred functions."""

Maker = Callable[["Trace"], Expr]
"""Makes the expression of a step, in a trace that has those of the steps before."""


class Step:
    """What was done after other steps, of which the last has the number before this one's.

    ``after`` has the steps that were seen to follow, by their keys, and ``programs`` those of functions that end here.
    ``dtype`` is that of what an op makes of Tensors that require grad, if what it makes does so too.
    """

    __slots__ = ("after", "dtype", "maker", "number", "programs")

    def __init__(self, number: int, maker: Maker | None = None) -> None:
        self.number, self.maker = number, maker
        self.after: dict[Any, Step] = {}
        self.programs: dict[Any, Program] = {}
        self.dtype: np.dtype[Any] | None = None


class Steps:
    """The trees of steps, one for each kind of arguments."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._roots: dict[Any, Step] = {}
        self._lock = threading.Lock()
        self.count = 0

    def root(self, kind: Any, arguments: int) -> Step:
        """What functions of that many arguments begin with; ``kind`` tells those from others."""
        found = self._roots.get(kind)
        if found is None or self.count > self._most:
            with self._lock:
                if self.count > self._most:
                    # Traces that are under way have hold of their own tree.
                    self._roots.clear()
                    self.count = 0
                found = self._roots.setdefault(kind, Step(arguments - 1))
        return found

    def following(self, step: Step, key: Any, maker: Maker) -> Step:
        """The step with that key after another one; a new one where nobody took it before."""
        found = step.after.get(key)
        if found is None:
            found = step.after.setdefault(key, Step(step.number + 1, maker))
            self.count += 1
        return found

    def add(self, end: Step, key: Any, program: Program) -> None:
        """Remembers a program of functions that end with a step."""
        end.programs[key] = program
        self.count += len(program.lines)

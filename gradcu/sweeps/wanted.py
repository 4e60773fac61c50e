"""What a sweep computes: f, and all of its partial derivatives up to a total order, or some; and their names."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from ..fuse.partials import Counts, multi_indices
from .domain import Domain, listed

Partial = tuple[str, ...]
"""The variables by which f is differentiated, in the order of the domain's, each as often as it is; () is f."""

_MOST_KNOWN = 64
"""The kinds of sweeps for which this is kept: to make it takes longer than a small sweep."""


class Wanted:
    """f and those of its partial derivatives that are computed, the first of them f; each mixed one stands once.

    ``numbers`` are those of their rows, and ``names`` what the rows are called in tables and files. ``chosen`` are the
    partials as counts of each variable, None where they are all that there are up to ``order``.
    """

    __slots__ = ("chosen", "names", "numbers", "order", "partials")

    def __init__(self, variables: tuple[str, ...], order: int, partials: tuple[Partial, ...], is_choice: bool) -> None:
        self.order, self.partials = order, partials
        self.numbers = {partial: number for number, partial in enumerate(partials)}
        self.names = tuple(row_name(partial, len(variables)) for partial in partials)
        self.chosen: tuple[Counts, ...] | None = None
        if is_choice:
            self.chosen = tuple(tuple(partial.count(name) for name in variables) for partial in partials)

    def __len__(self) -> int:
        return len(self.partials)

    @property
    def has_slope(self) -> bool:
        """Whether the row after f's is the first derivative by the one variable."""
        return self.names[1:2] == ("d1",)


def wanted_of(domain: Domain, order: int, chosen: Any = None) -> Wanted:
    """What the arguments ``order`` and ``partials`` of `gradcu.sweep` ask for.

    Raises TypeError and ValueError for a choice that is wrong, and ValueError where two things that a file of the sweep
    holds would have one name.

    >>> from gradcu.sweeps.domain import domain_of
    >>> grid = domain_of(None, None, None, {"u": (0, 1, 3), "v": (0, 1, 3)}, None, None, "float32")
    >>> wanted_of(grid, 2).partials
    ((), ('u',), ('v',), ('u', 'u'), ('u', 'v'), ('v', 'v'))
    >>> wanted_of(grid, 2, ["d_u_u", ("v", "u")]).names
    ('f', 'd_u_u', 'd_u_v')
    """
    everything = _all(domain.variables, domain.names, order)
    return everything if chosen is None else _choice(everything, domain, chosen)


@functools.lru_cache(_MOST_KNOWN)
def _all(variables: tuple[str, ...], names: tuple[str, ...], order: int) -> Wanted:
    partials = tuple(
        tuple(name for name, count in zip(variables, counts, strict=True) for _ in range(count))
        for counts in multi_indices(len(variables), order)
    )
    wanted = Wanted(variables, order, partials, is_choice=False)
    taken: dict[str, str] = {}
    for name, what in [*((row, "a row of results") for row in wanted.names), *((name, "a variable") for name in names)]:
        if name in taken:
            both = f"of {taken[name]} and of {what}"
            raise ValueError(f"{name!r} would be the name {both}; give the variables other names")
        taken[name] = what
    return wanted


def _choice(everything: Wanted, domain: Domain, chosen: Any) -> Wanted:
    example = f'such as ["{everything.names[-1]}"] or [{everything.partials[-1]!r}]'
    if isinstance(chosen, str) or not isinstance(chosen, Iterable):
        raise TypeError(f"partials must be a list {example}, not {chosen!r} ({type(chosen).__name__})")
    found: dict[Partial, Any] = {}
    for given in chosen:
        partial = _named(given, everything) if isinstance(given, str) else _by_variables(given, everything, domain)
        if partial in found:
            raise ValueError(
                f"partials has {given!r} twice" + ("" if found[partial] == given else f": it is {found[partial]!r}")
            )
        found[partial] = given
    if not found:
        raise ValueError(f"partials must have at least one, {example}; for f alone there is order=0")
    kept = tuple(partial for partial in everything.partials if not partial or partial in found)
    return Wanted(domain.variables, everything.order, kept, is_choice=True)


def _named(name: str, everything: Wanted) -> Partial:
    """The partial of a row's name."""
    if name not in everything.names:
        raise ValueError(
            f"partials: {name!r} is no row of this sweep; of order {everything.order} it has {listed(everything.names)}"
        )
    return everything.partials[everything.names.index(name)]


def _by_variables(given: Any, everything: Wanted, domain: Domain) -> Partial:
    """The partial by these variables, in any order."""
    if not isinstance(given, Sequence):
        raise TypeError(
            f"partials: {given!r} ({type(given).__name__}) must be the name of a row or a tuple of variables"
        )
    return partial_of(given, everything.order, domain, "partials: ")


def partial_of(variables: Sequence[Any], order: int, domain: Domain, owner: str = "") -> Partial:
    """The partial derivative by these variables, in any order, as a sweep of that order calls it.

    Messages put ``owner`` before what they say. Raises ValueError where there is none.
    """
    known = domain.variables
    for name in variables:
        if name not in known:
            hint = f"; {name!r} is a param, by which f is not differentiated" if name in domain.params else ""
            raise ValueError(f"{owner}there is no variable {name!r}; this sweep has {listed(known)}{hint}")
    if len(variables) > order:
        raise ValueError(f"{owner}partial{tuple(variables)!r} is beyond the order of this sweep, {order}")
    return tuple(sorted(variables, key=known.index))


def row_name(partial: Partial, variables: int) -> str:
    """What a row is called in tables and files: f, d1, d2, ... of one variable, f, d_u, d_u_v, ... of several."""
    if not partial:
        return "f"
    return f"d{len(partial)}" if variables == 1 else "_".join(("d", *partial))

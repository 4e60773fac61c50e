"""How a function gets the coordinates of a sweep's points: by keyword where its parameters have their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .domain import Domain, listed
from .probe import name_of

if TYPE_CHECKING:
    from .._tensor import Tensor


class Bound:
    """A function of one Tensor for each of the domain's names, in their order, whatever f calls them.

    The variables are passed by keyword where f has parameters of all their names, and so are the params; otherwise by
    position, the variables first. Variables come by position where the params do. Raises TypeError where f does not
    take that, and where a coordinate would end up in a parameter that has another's name.
    """

    def __init__(self, f: Callable[..., Tensor], domain: Domain) -> None:
        self._f = self.__wrapped__ = f
        self.__qualname__ = name_of(f)
        signature = _signature(f)
        named: set[str] = set()
        if signature is not None:
            known = {parameter.name for parameter in signature.parameters.values() if parameter.kind in _NAMED}
            if known.issuperset(domain.params):
                named |= set(domain.params)
                if known.issuperset(domain.variables):
                    named |= set(domain.variables)
        self._positional = len(domain.names) - len(named)
        self._keywords = [name for name in domain.names if name in named]
        if signature is not None:
            self._check(signature, domain)

    def __call__(self, *values: Tensor) -> Tensor:
        """What f returns."""
        keywords = dict(zip(self._keywords, values[self._positional :], strict=True))
        return self._f(*values[: self._positional], **keywords)

    def _check(self, signature: inspect.Signature, domain: Domain) -> None:
        positional = domain.names[: self._positional]
        try:
            bound = signature.bind(*positional, **dict(zip(self._keywords, self._keywords, strict=True)))
        except TypeError as error:
            raise TypeError(f"{self.__qualname__}{signature} does not take {_wanted(domain)}: {error}") from None
        for parameter, name in bound.arguments.items():
            if parameter != name and parameter in domain.names and isinstance(name, str):
                raise TypeError(
                    f"{self.__qualname__}{signature} takes {parameter} where the sweep passes {name}; its parameters "
                    f"must be named {listed(domain.names)}, all of them, or otherwise"
                )


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def bound(f: Callable[..., Tensor], domain: Domain) -> Callable[..., Tensor]:
    """The function of one Tensor for each of the domain's names, in their order, that f is."""
    # A function of x alone may call it as it likes.
    return f if domain.names == ("x",) else Bound(f, domain)


def _signature(f: Callable[..., Any]) -> inspect.Signature | None:
    """None for what does not tell, as some functions written in C."""
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        return None


def _wanted(domain: Domain) -> str:
    def group(names: Sequence[str], thing: str) -> str:
        return f"the {thing}{'' if len(names) == 1 else 's'} {listed(names)}"

    variables = group(domain.variables, "variable")
    return f"{variables} and {group(domain.params, 'param')}" if domain.params else variables

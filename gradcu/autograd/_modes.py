"""Grad modes: whether operations are recorded, for a block, a function, or from here on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Token
from types import TracebackType
from typing import Any, TypeVar

from .._graph import GRAD_ENABLED

F = TypeVar("F", bound=Callable[..., Any])


def is_grad_enabled() -> bool:
    """Whether operations are recorded here and now.

    >>> import gradcu
    >>> gradcu.is_grad_enabled()
    True
    """
    return GRAD_ENABLED.get()


class _Mode:
    """A block, or a decorator of functions, in which recording is on or off."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(GRAD_ENABLED.set(self.mode))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        GRAD_ENABLED.reset(self._tokens.pop())

    def __call__(self, function: F) -> F:
        mode = self.mode

        @functools.wraps(function)
        def in_mode(*args: Any, **kwargs: Any) -> Any:
            with _Mode(mode):
                return function(*args, **kwargs)

        return in_mode  # type: ignore[return-value]


class no_grad(_Mode):  # noqa: N801
    """Records nothing within the block or the decorated function.

    >>> import gradcu
    >>> x = gradcu.tensor(2.0, requires_grad=True)
    >>> with gradcu.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    def __new__(cls, function: Any = None) -> Any:
        self = super().__new__(cls)
        if function is None:
            return self
        self.__init__()
        return self(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__(False)


class enable_grad(_Mode):  # noqa: N801
    """Records within the block or the decorated function, inside ``no_grad`` too.

    >>> import gradcu
    >>> x = gradcu.tensor(2.0, requires_grad=True)
    >>> with gradcu.no_grad(), gradcu.enable_grad():
    ...     y = x * x
    >>> y.requires_grad
    True
    """

    def __new__(cls, function: Any = None) -> Any:
        self = super().__new__(cls)
        if function is None:
            return self
        self.__init__()
        return self(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__(True)


class set_grad_enabled(_Mode):  # noqa: N801
    """Turns recording on or off from here on, or for a ``with`` block, or for a decorated function.

    >>> import gradcu
    >>> x = gradcu.tensor(2.0, requires_grad=True)
    >>> with gradcu.set_grad_enabled(False):
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(bool(mode))
        self._before = GRAD_ENABLED.get()
        GRAD_ENABLED.set(self.mode)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        GRAD_ENABLED.set(self._before)

    def __call__(self, function: F) -> F:
        GRAD_ENABLED.set(self._before)
        return super().__call__(function)

"""Modes: whether operations are recorded, for a block, a function, or from here on.

The mode is a context variable: every thread starts with recording on, and an asyncio task with its parent's mode.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, TypeVar, cast

from .._graph import GRAD_ENABLED, INFERENCE
from .._pending import TRACES

F = TypeVar("F", bound=Callable[..., Any])


def is_grad_enabled() -> bool:
    """Whether operations are recorded here and now.

    >>> import gradcu
    >>> gradcu.is_grad_enabled()
    True
    """
    return GRAD_ENABLED.get()


class _Mode:
    """A block, or a decorator of functions and generators, in which recording is on or off."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(GRAD_ENABLED.get())
        GRAD_ENABLED.set(self.mode)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A token could not be reset where the block ends in another context, as one across an await may.
        GRAD_ENABLED.set(self._before.pop())

    def _block(self) -> _Mode:
        """A block of the same mode, for one call of a decorated function."""
        return _Mode(self.mode)

    def __call__(self, function: F) -> F:
        if isinstance(function, type):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate "
                "functions or methods. To preserve the current behavior of class decoration, you can directly decorate "
                "the `__init__` method and nothing else.",
                FutureWarning,
                stacklevel=2,
            )
        if _is_generator(function):
            return cast(F, _generator_in(self._block, function))

        @functools.wraps(function)
        def in_mode(*args: Any, **kwargs: Any) -> Any:
            with self._block():
                return function(*args, **kwargs)

        return cast(F, in_mode)


def _generator_in(block: Callable[[], _Mode], function: Callable[..., Any]) -> Callable[..., Any]:
    """A generator whose body runs in the mode of ``block``, while whoever iterates over it keeps their own."""

    @functools.wraps(function)
    def in_mode(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        resume, value = generator.send, None
        while True:
            try:
                with block():
                    item = resume(value)
            except StopIteration as stop:
                return stop.value
            try:
                resume, value = generator.send, (yield item)
            except BaseException as error:
                resume, value = generator.throw, error

    return in_mode


class no_grad(_Mode):  # noqa: N801
    """Records nothing within the block or the decorated function.

    >>> import gradcu
    >>> x = gradcu.tensor(2.0, requires_grad=True)
    >>> with gradcu.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    def __new__(cls, orig_func: Any = None) -> Any:
        return super().__new__(cls) if orig_func is None else cls()(orig_func)

    def __init__(self, orig_func: Any = None) -> None:
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

    def __new__(cls, orig_func: Any = None) -> Any:
        return super().__new__(cls) if orig_func is None else cls()(orig_func)

    def __init__(self, orig_func: Any = None) -> None:
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
        self._at_call = GRAD_ENABLED.get()
        GRAD_ENABLED.set(self.mode)

    def __enter__(self) -> None:
        GRAD_ENABLED.set(self.mode)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        GRAD_ENABLED.set(self._at_call)

    def __call__(self, function: F) -> F:
        GRAD_ENABLED.set(self._at_call)
        return super().__call__(function)


class inference_mode(_Mode):  # noqa: N801
    """Records nothing within the block or the decorated function, like ``no_grad``, and makes *inference tensors*.

    These have no version: they can't be saved for backward, nor changed in place elsewhere. ``inference_mode(False)``
    within such a block is the ordinary mode again.

    >>> import gradcu
    >>> x = gradcu.tensor(2.0, requires_grad=True)
    >>> with gradcu.inference_mode():
    ...     y = x * x
    >>> y.requires_grad, y.is_inference()
    (False, True)
    >>> x * y
    Traceback (most recent call last):
    RuntimeError: Inference tensors cannot be saved for backward. ...
    """

    def __new__(cls, mode: Any = True) -> Any:
        return super().__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)
        self._inference_before: list[bool] = []

    def __enter__(self) -> None:
        super().__enter__()
        self._inference_before.append(INFERENCE.get())
        INFERENCE.set(not self.mode)
        TRACES.append(INFERENCE)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        TRACES.remove(INFERENCE)
        INFERENCE.set(self._inference_before.pop())
        super().__exit__(kind, error, trace)

    def _block(self) -> _Mode:
        return inference_mode(not self.mode)


def is_inference_mode_enabled() -> bool:
    """Whether new Tensors are inference tensors here and now.

    >>> import gradcu
    >>> gradcu.is_inference_mode_enabled()
    False
    """
    return INFERENCE.get()


def _is_generator(function: Callable[..., Any]) -> bool:
    """Whether calling ``function`` makes a generator; the inspect module, which could tell, is slow to import."""
    return bool(getattr(getattr(function, "__code__", None), "co_flags", 0) & 0x20)

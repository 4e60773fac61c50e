"""What a sweep would run, in words: the lines of its program, and their C."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..fuse.compiler import CompilerError, find_compiler
from ..fuse.program import NotInCError, Program, c_body
from ..fuse.source import kernel_source
from ..fuse.trace import UntraceableError, program
from . import choice
from .grid import checked_dtype, counted
from .probe import name_of

if TYPE_CHECKING:
    from .._tensor import Tensor


def explain(f: Callable[[Tensor], Tensor], order: int, dtype: Any, engine: str = "auto", num: int | None = None) -> str:
    """The engine that a sweep of ``num`` points would take, by default of very many, and what that would run.

    Raises ValueError for an unknown engine and for a function that the engine asked for can't do.

    >>> import gradcu
    >>> print(explain(gradcu.exp, 1, "float32", "numpy"))
    function  exp
    rows      f and 1 derivative, float32
    engine    numpy (asked for)
    <BLANKLINE>
    t0:float32 = exp(x)
    return t0, t0
    """
    if engine not in choice.ENGINES:
        raise ValueError(f"engine must be {', '.join(choice.ENGINES[:-1])} or {choice.ENGINES[-1]}, not {engine!r}")
    found = checked_dtype(dtype)
    if engine == "eager":
        return _text(f, order, found, "eager (asked for)", [_EAGER])
    try:
        traced = program(f, found, order)
        name, reason, source = _engine(engine, traced, num)
    except (UntraceableError, NotInCError) as error:
        if engine != "auto":
            raise ValueError(f"engine {engine!r} can't do this sweep: {error}") from error
        return _text(f, order, found, f"eager ({error})", [_EAGER])
    _, *lines = traced.key.split("\n")
    return _text(f, order, found, f"{name} ({reason})", [*lines, *source])


def _text(f: Callable[[Tensor], Tensor], order: int, dtype: Any, engine: str, lines: list[str]) -> str:
    facts = [
        f"function  {name_of(f)}",
        f"rows      f and {counted(order, 'derivative')}, {dtype}",
        f"engine    {engine}",
    ]
    return "\n".join((*facts, "", *lines))


_EAGER = "Blocks of points go through the function and the autograd: there is no program to show."


def _engine(engine: str, traced: Program, num: int | None) -> tuple[str, str, list[str]]:
    """The engine's name, why it is that one, and the lines of its C source."""
    if engine == "numpy":
        return "numpy", "asked for", []
    if engine == "auto" and num is not None and num < choice._WORTH_COMPILING:
        return "numpy", "too few points to compile for", []
    try:
        compiler = find_compiler()
        source = kernel_source(c_body(traced), len(traced.outputs), traced.dtype, compiler)
    except (CompilerError, NotInCError) as error:
        if engine == "cc":
            raise
        return "numpy", str(error).partition("\n")[0], []
    return "cc", compiler.name, ["", *source.rstrip().split("\n")]

"""What a sweep would run, in words: the lines of its program, and their C."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..fuse.compiler import CompilerError, find_compiler
from ..fuse.cuda_source import sweep_source
from ..fuse.elementwise import elementwise_source
from ..fuse.program import NotInCError, Program
from ..fuse.source import kernel_source
from ..fuse.trace import UntraceableError, program
from . import choice
from .binding import bound
from .cuda_engine import signed_rows
from .cuda_points import KernelPoints
from .domain import Domain
from .engine import UnsuitableError
from .fused import WORTH_COMPILING
from .grid import counted
from .probe import name_of
from .wanted import Wanted

if TYPE_CHECKING:
    from .._tensor import Tensor


def explain(f: Callable[..., Tensor], domain: Domain, wanted: Wanted, engine: str = "auto") -> str:
    """The engine that a sweep over the domain would take, and what that would run.

    Raises ValueError for an unknown engine and for a function that the engine asked for can't do.

    >>> import gradcu
    >>> from gradcu.sweeps.domain import domain_of
    >>> from gradcu.sweeps.wanted import wanted_of
    >>> domain = domain_of(0, 1, 1000, None, None, None, "float32")
    >>> print(explain(gradcu.exp, domain, wanted_of(domain, 1), "numpy"))
    function  exp
    rows      f and 1 derivative, float32
    engine    numpy (asked for)
    <BLANKLINE>
    t0:float32 = exp(x)
    return t0, t0
    """
    if engine not in choice.ENGINES:
        raise ValueError(f"engine must be {', '.join(choice.ENGINES[:-1])} or {choice.ENGINES[-1]}, not {engine!r}")
    if engine == "eager":
        return _text(f, domain, wanted, "eager (asked for)", [_EAGER])
    try:
        counts = len(domain.variables), len(domain.params)
        traced = program(bound(f, domain), domain.dtype, wanted.order, *counts, wanted.chosen)
        name, reason, source = _engine(engine, traced, domain)
    except (UntraceableError, NotInCError, UnsuitableError) as error:
        if engine != "auto":
            raise ValueError(f"engine {engine!r} can't do this sweep: {error}") from error
        return _text(f, domain, wanted, f"eager ({error})", [_EAGER])
    _, *lines = traced.key.split("\n")
    return _text(f, domain, wanted, f"{name} ({reason})", [*lines, *source])


def _text(f: Callable[..., Tensor], domain: Domain, wanted: Wanted, engine: str, lines: list[str]) -> str:
    facts = [
        f"function  {name_of(f)}",
        f"rows      f and {counted(len(wanted) - 1, 'derivative')}, {domain.dtype}",
        f"engine    {engine}",
    ]
    return "\n".join((*facts, "", *lines))


_EAGER = "Blocks of points go through the function and the autograd: there is no program to show."


def _engine(engine: str, traced: Program, domain: Domain) -> tuple[str, str, list[str]]:
    """The engine's name, why it is that one, and the lines of its C source."""
    if engine == "numpy":
        return "numpy", "asked for", []
    if engine == "cuda":
        source = sweep_source(traced, KernelPoints(domain, traced).axes, signed=signed_rows(traced, domain))
        return "cuda", "NVRTC", ["", *source.text.rstrip().split("\n")]
    if engine == "auto" and domain.num < WORTH_COMPILING:
        return "numpy", "too few points to compile for", []
    try:
        compiler = find_compiler()
        made = elementwise_source if domain.line is None else kernel_source
        source = made(traced, compiler)
    except (CompilerError, NotInCError) as error:
        if engine == "cc":
            raise
        return "numpy", str(error).partition("\n")[0], []
    return "cc", compiler.name, ["", *source.rstrip().split("\n")]

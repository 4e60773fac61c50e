"""The engines that run programs: the one that was asked for, or the better that works here."""

from __future__ import annotations

import warnings

from ..fuse.cache import CacheError
from ..fuse.compiler import CompilerError, NoCompilerError
from ..fuse.kernel import compiled_before
from ..fuse.program import NotInCError, Program
from .blockwise import BlocksEngine
from .compiled import CompiledEngine
from .domain import Domain
from .engine import Engine

WORTH_COMPILING = 1 << 16
"""Fewer points are done sooner than compiled for, unless that was done before."""


def fused(name: str, program: Program, domain: Domain, depth: int = 0) -> Engine:
    """The engine of that name for a program: cc, numpy, or for "auto" cc where it works and is worth it.

    Raises what `CompiledEngine` does where cc was asked for. Where auto passes over a compiler that fails, it warns
    whoever called gradcu.sweep, which is ``depth`` calls further up than in `run`.
    """
    if name == "cc":
        return CompiledEngine(program, domain)
    return BlocksEngine(program, domain) if name == "numpy" else _best(program, domain, depth)


def _best(program: Program, domain: Domain, depth: int) -> Engine:
    try:
        compiler = compiled_before(program)
        if compiler is None and domain.num < WORTH_COMPILING:
            return BlocksEngine(program, domain, "too few points to compile for")
        return CompiledEngine(program, domain, compiler)
    except NotInCError as error:
        reason = str(error)
    except (CompilerError, CacheError) as error:
        reason = str(error).partition("\n")[0]
        if not isinstance(error, NoCompilerError):
            problem = f"the sweep runs on NumPy, since it can't be compiled: {error}"
            warnings.warn(problem, UserWarning, stacklevel=6 + depth)
    return BlocksEngine(program, domain, reason)

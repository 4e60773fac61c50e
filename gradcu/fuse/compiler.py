"""The system's C compiler: found as a build tool finds it, asked what it is, and made to build shared libraries."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

_NAMES = ("cc", "gcc", "clang")

# The processor at hand, in the words that compilers have for it: gcc and clang, clang on some ARM systems.
_NATIVE = (("-march=native",), ("-mcpu=native",), ())

_FLAGS = (
    "-std=gnu11",
    "-O3",
    # Nobody looks at errno and at the floating-point exception flags. Results stay the same, NaN, infinity and the sign
    # of zero included; but with the flags kept, the sides of a condition could not be computed for all points at once.
    "-fno-math-errno",
    "-fno-trapping-math",
    # a*b + c is rounded twice, as it is written, as NumPy does it and as every compiler then does it. Fused, the bits
    # would depend on which products the compiler fancied, and those of polynomials differ from the other engines'.
    "-ffp-contract=off",
    "-fPIC",
    "-shared",
)

# gcc would move a call behind the condition under which its value is used, join branches that have the same condition,
# and compute part of a choice in each branch before it: three ways to a loop that goes point by point.
_LEFT_ALONE = ("-fno-tree-sink", "-fno-thread-jumps", "-fno-tree-pre")

# The vector functions of glibc, for which compilers have names on this platform.
_VECTOR_LIBRARY = "libmvec.so.1"

# Whether the processor multiplies and adds in one: for x86 and for ARM.
_FUSED = ("__FMA__", "__ARM_FEATURE_FMA")

_SECONDS = 120


class CompilerError(RuntimeError):
    """A C compiler cannot do what it should; the message has its own words."""


class NoCompilerError(CompilerError):
    """There is no C compiler."""


class Compiler:
    """One C compiler with the options that kernels are built with.

    ``identity`` is everything about the compiler that a kernel's machine code depends on: the options and, in `macros`,
    its version and what it assumes of the processor. ``vector_math`` is whether loops over functions of <math.h> may
    call the platform's vector library, and ``has_fma`` whether the processor multiplies and adds with one rounding.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.command = tuple(command)
        self._native, self.macros = self._probed()
        self.is_clang = "#define __clang__ 1" in self.macros
        self.version = _macro(self.macros, "__VERSION__").strip('"')
        self.vector_math = "#define __x86_64__ 1" in self.macros and _has_vector_library()
        self.has_fma = any(f"#define {name} 1" in self.macros for name in _FUSED)
        self.flags = (*self._native, *_FLAGS)
        self.libraries: tuple[str, ...] = ("-lm",)
        if not self.is_clang:
            self.flags += _LEFT_ALONE
        if self.vector_math:
            self.libraries = ("-lmvec", "-lm")
            self.flags += ("-fveclib=libmvec",) if self.is_clang else ()
        self.identity = "\n".join((" ".join((*self.flags, *self.libraries)), self.macros))

    @property
    def name(self) -> str:
        """What to call it in a summary: ``gcc 12.2.0``."""
        return self.version if self.is_clang else f"gcc {self.version}"

    def build(self, source: str, library: str) -> None:
        """Compiles a C translation unit to the shared library of that path. Raises CompilerError where that fails."""
        self._run([*self.flags, "-x", "c", "-", "-o", library, *self.libraries], source)

    def _probed(self) -> tuple[tuple[str, ...], str]:
        """The first way to ask for the processor's own instructions that is understood, and the macros it defines."""
        failure: CompilerError | None = None
        for native in _NATIVE:
            try:
                return native, self._run([*native, "-dM", "-E", "-x", "c", "-"], "")
            except CompilerError as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def _run(self, arguments: Sequence[str], source: str) -> str:
        command = [*self.command, *arguments]
        # Messages in English: they go into warnings, and reports.
        environment = os.environ | {"LC_ALL": "C"}
        try:
            done = subprocess.run(
                command, input=source, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False,
                env=environment,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CompilerError(f"{shlex.join(self.command)} cannot be run: {error}") from error
        if done.returncode != 0:
            message = done.stderr.strip() or done.stdout.strip() or "no message"
            raise CompilerError(f"{shlex.join(self.command)} failed with exit code {done.returncode}: {message}")
        return done.stdout


def find_compiler() -> Compiler:
    """The compiler that the environment variable CC names, with its arguments; else cc, gcc or clang; else ziglang's.

    Raises CompilerError where there is none, or where it does not work.
    """
    return _found(os.environ.get("CC", "").strip(), os.environ.get("PATH"))


@functools.lru_cache(maxsize=4)
def _found(asked: str, path: str | None) -> Compiler:
    if asked:
        command = shlex.split(asked)
        if shutil.which(command[0], path=path) is None:
            raise CompilerError(f"CC is {asked!r}, and there is no program {command[0]!r}")
        return Compiler(command)
    for name in _NAMES:
        program = shutil.which(name, path=path)
        if program is not None:
            return Compiler([program])
    if importlib.util.find_spec("ziglang") is not None:
        return Compiler([sys.executable, "-m", "ziglang", "cc"])
    raise NoCompilerError(
        f"there is no C compiler: none of {', '.join(_NAMES)} is on the PATH, CC is not set, and the package ziglang, "
        "which brings one (pip install gradcu[cc]), is not installed"
    )


@functools.cache
def _has_vector_library() -> bool:
    """Whether glibc's libmvec is there and has all that it has had since glibc 2.35."""
    try:
        library = ctypes.CDLL(_VECTOR_LIBRARY)
    except OSError:
        return False
    return hasattr(library, "_ZGVbN4v_tanhf")


def _macro(macros: str, name: str) -> str:
    for line in macros.splitlines():
        if line.startswith(f"#define {name} "):
            return line.split(" ", 2)[2]
    return ""

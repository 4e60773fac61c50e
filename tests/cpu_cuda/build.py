"""Running g++, and keeping what it made in a directory that only this user can read and write."""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

NATIVE = Path(__file__).parent / "native"
STANDARD = ["-std=c++17", "-O1", "-fPIC"]
# Two kernels may have one name: none may take another's template instances.
KERNELS = ["-w", "-fno-strict-aliasing", "-fno-gnu-unique"]


class BuildError(Exception):
    """g++ refused a source; the message has its errors."""


@functools.cache
def folder() -> Path:
    """The directory of everything that was built, private to this user. Raises PermissionError if it is not."""
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradcu-cpu-cuda"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o700:
        raise PermissionError(f"{path} must be this user's alone (mode 0700): what lies there is run as code")
    return path


def digest(*texts: str) -> str:
    """A name for what is made of these texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:32]


@functools.cache
def native_digest() -> str:
    """A name for the sources in native/, and the compiler: whatever was built from others is built again."""
    sources = [path.read_text() for path in sorted(NATIVE.rglob("*")) if path.is_file()]
    return digest(subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout, *sources)


def compiled(path: Path, arguments: Sequence[str | Path]) -> Path:
    """``path``, made by g++ with these arguments unless it is there already.

    It gets its name when it is complete: processes and threads may make the same file at a time.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        number, unfinished = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
        os.close(number)
        try:
            run = subprocess.run(["g++", *map(str, arguments), "-o", unfinished], capture_output=True, text=True)
            if run.returncode:
                raise BuildError("\n".join(line for line in run.stderr.splitlines() if "error" in line))
            os.replace(unfinished, path)
        finally:
            Path(unfinished).unlink(missing_ok=True)
    return path


def library(name: str, sources: Iterable[str], *more: str) -> Path:
    """A shared library of files in native/, which other libraries find under ``name``."""
    files = [NATIVE / source for source in sources]
    return compiled(
        folder() / f"{digest(native_digest(), *more)}-{name}" / name,
        [*STANDARD, "-shared", f"-Wl,-soname,{name}", *files, *more],
    )

"""Compiled code on disk: one file a kernel, in a directory that only the user can write.

A library is code that this process will run, so nobody else may be able to put one there, and a damaged one must not be
loaded: the name of a file ends in the digest of its contents. A file gets its name once it is complete, and two
processes that build the same library at a time both succeed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Callable

_ENTRY = re.compile(r"[0-9a-f]{32}-[0-9a-f]{32}\.lib")
_UNFINISHED = re.compile(r"[0-9a-f]{32}-\w+\.tmp")
# No build takes that long (seconds); what is older was left behind by a process that was killed.
_ABANDONED = 3600
_OTHERS_CAN_WRITE = stat.S_IWGRP | stat.S_IWOTH


class CacheError(RuntimeError):
    """The directory for compiled code cannot be used."""


def location() -> str:
    """Where compiled code is kept: GRADCU_CACHE_DIR, or ``gradcu`` in the user's cache directory of the platform."""
    asked = os.environ.get("GRADCU_CACHE_DIR", "")
    if asked:
        return os.path.abspath(asked)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "") or os.path.join(os.path.expanduser("~"), "AppData", "Local")
        return os.path.join(base, "gradcu", "Cache")
    if sys.platform == "darwin":
        return os.path.join(os.path.expanduser("~"), "Library", "Caches", "gradcu")
    base = os.environ.get("XDG_CACHE_HOME", "")
    # A relative one counts as unset: XDG Base Directory Specification.
    return os.path.join(base if os.path.isabs(base) else os.path.join(os.path.expanduser("~"), ".cache"), "gradcu")


def library(facts: str, build: Callable[[str], None]) -> str:
    """The path of the library that these facts (source, compiler, processor) describe, built if it is not there.

    ``build`` writes it to the path that it is given. Raises CacheError where the directory cannot be used, and what
    ``build`` raises.
    """
    folder = _checked_folder()
    key = hashlib.sha256(facts.encode()).hexdigest()[:32]
    for name in _entries(folder):
        if name.startswith(key):
            path = os.path.join(folder, name)
            if _is_whole(path):
                return path
            with contextlib.suppress(OSError):
                os.remove(path)
    return _built(folder, key, build)


def usage() -> tuple[int, int]:
    """How many libraries are kept, and their bytes."""
    folder = location()
    sizes = []
    for name in _entries(folder):
        # Another process may be clearing.
        with contextlib.suppress(FileNotFoundError):
            sizes.append(os.path.getsize(os.path.join(folder, name)))
    return len(sizes), sum(sizes)


def clear() -> int:
    """Removes all libraries, and gives their number. Processes that use one may go on using it; other files stay."""
    folder = location()
    count = 0
    for name in _entries(folder):
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(folder, name))
            count += 1
    for name in _entries(folder, _UNFINISHED):
        path = os.path.join(folder, name)
        with contextlib.suppress(FileNotFoundError):
            if time.time() - os.path.getmtime(path) > _ABANDONED:
                os.remove(path)
    return count


def _entries(folder: str, kind: re.Pattern[str] = _ENTRY) -> list[str]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [name for name in names if kind.fullmatch(name)]


def _checked_folder() -> str:
    folder = location()
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.stat(folder)
    except OSError as error:
        raise CacheError(f"{_problem(folder)}: {error.strerror}") from error
    # Windows keeps the user's own directories to the user.
    if sys.platform != "win32":
        if found.st_uid != os.geteuid():
            raise CacheError(f"{_problem(folder)}: it belongs to user {found.st_uid}, not to this one ({os.geteuid()})")
        if found.st_mode & _OTHERS_CAN_WRITE:
            mode = stat.S_IMODE(found.st_mode)
            raise CacheError(f"{_problem(folder)}: others can write to it (mode {mode:04o}); chmod it to 0700")
    return folder


def _problem(folder: str) -> str:
    return f"{folder} cannot keep compiled code (GRADCU_CACHE_DIR sets another directory)"


def _is_whole(path: str) -> bool:
    """Whether a file has the contents that it was named after. Loading half a library would end the process."""
    try:
        return os.path.basename(path)[33:65] == _digest(path)
    except OSError:
        return False


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _built(folder: str, key: str, build: Callable[[str], None]) -> str:
    try:
        handle, temporary = tempfile.mkstemp(suffix=".tmp", prefix=f"{key}-", dir=folder)
        os.close(handle)
    except OSError as error:
        raise CacheError(f"{_problem(folder)}: {error.strerror}") from error
    try:
        build(temporary)
        # Linkers make a new file, with the mode that the umask gives.
        os.chmod(temporary, 0o700)
        path = os.path.join(folder, f"{key}-{_digest(temporary)}.lib")
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)
        raise
    return path

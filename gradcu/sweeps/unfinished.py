"""What there is of a sweep that is not complete: a directory beside its file, with the data, a journal and a lock.

``sweep.npy`` is written as ``sweep.npy.part/data`` and renamed once it is complete, so that its name never stands for
half a result. The journal has a line with the figures of every block whose bytes were given to the system before. So a
process that is killed, at whatever moment, leaves all that a later one needs to go on; what has no whole line is
computed again. Nothing here waits for the disk: after a power cut, what the system had not written by then is missing,
and the journal doesn't know.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from typing import Any

from .capacity import unwritable
from .statistics import BlockStatistics

SUFFIX = ".part"


class Unfinished:
    """The directory of one unfinished file, which belongs to this process until `commit`, `release` or `abandon`.

    ``begun`` is the description that the journal opens with, None where there is nothing to go on with. Raises OSError
    where the directory cannot be written, BlockingIOError while another process has it.
    """

    def __init__(self, path: str) -> None:
        self.path, self.folder = path, path + SUFFIX
        self.data = os.path.join(self.folder, "data")
        self._journal_path = os.path.join(self.folder, "journal")
        self._journal = -1
        self._writing = threading.Lock()
        self._lock = _locked(path, self.folder)
        self.begun = self._header()

    def start(self, description: dict[str, Any]) -> None:
        """Opens the journal. From now on the data counts."""
        self.put(_line(description), self._journal_path)
        self.begun = description

    def blocks(self) -> Iterator[tuple[int, BlockStatistics]]:
        """The blocks that are done, with their figures. At their end the journal is ready for more."""
        with open(self._journal_path, "rb") as file:
            end = len(file.readline())
            for line in file:
                found = _parsed(line)
                # What a killed process wrote of its last line.
                if found is None:
                    break
                end += len(line)
                yield found[0], BlockStatistics.from_json(found[1])
        os.truncate(self._journal_path, end)
        self._journal = os.open(self._journal_path, os.O_WRONLY | os.O_APPEND)

    def note(self, block: int, figures: BlockStatistics) -> None:
        """Adds a block, all of whose bytes are written, to the journal."""
        rest = memoryview(_line([block, figures.as_json()]))
        with self._writing:
            try:
                while rest:
                    rest = rest[os.write(self._journal, rest) :]
            except OSError as error:
                raise unwritable(self._journal_path, error) from error

    def put(self, contents: bytes, path: str) -> None:
        """Writes a small file, which appears under its name with all of its contents."""
        temporary = os.path.join(self.folder, "temporary")
        try:
            with open(temporary, "wb") as file:
                file.write(contents)
            os.replace(temporary, path)
        except OSError as error:
            raise unwritable(path, error) from error

    def commit(self) -> None:
        """Gives the data its name, in place of what has it, and removes the rest."""
        # A directory can't be renamed to a name that another one has.
        if os.path.isdir(self.path):
            os.rename(self.path, os.path.join(self.folder, "replaced"))
        os.replace(self.data, self.path)
        self.abandon()

    def release(self) -> None:
        """Leaves everything as it is, to be gone on with."""
        self._close_journal()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def clear(self) -> None:
        """Removes everything but the lock; the journal first, without which the data is nothing."""
        self._close_journal()
        for path in (self._journal_path, *(entry.path for entry in os.scandir(self.folder) if entry.name != "lock")):
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.remove(path)
        self.begun = None

    def abandon(self) -> None:
        """Removes the directory. Does nothing once it is removed or released."""
        if self._lock < 0:
            return
        self.clear()
        if sys.platform == "win32":
            # Open files can't be removed there.
            self.release()
        # Another process may be about to take the lock, or, on Windows, has it.
        with contextlib.suppress(OSError):
            os.remove(os.path.join(self.folder, "lock"))
            os.rmdir(self.folder)
        self.release()

    def _close_journal(self) -> None:
        if self._journal >= 0:
            os.close(self._journal)
        self._journal = -1

    def _header(self) -> dict[str, Any] | None:
        """The description. A journal without data is left of a sweep whose data has its name already."""
        if not os.path.exists(self.data):
            return None
        try:
            with open(self._journal_path, "rb") as file:
                return _parsed(file.readline())
        except FileNotFoundError:
            return None


def is_unfinished(path: str) -> bool:
    """Whether there is an unfinished sweep to ``path``."""
    return all(os.path.exists(os.path.join(path + SUFFIX, name)) for name in ("journal", "data"))


def _locked(path: str, folder: str) -> int:
    """The handle of the directory's lock, which the system takes back when this process ends, however it ends."""
    lock = os.path.join(folder, "lock")
    while True:
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            # Its last owner has just removed the directory.
            continue
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            _lock(handle)
            if os.path.samestat(os.fstat(handle), os.stat(lock)):
                return handle
            os.close(handle)
        except FileNotFoundError:
            os.close(handle)
        except OSError as error:
            os.close(handle)
            if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise BlockingIOError(errno.EAGAIN, f"another sweep is writing {path}") from None
            raise unwritable(lock, error) from error


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    """What a line holds; None for one that was not written to its end."""
    if not line.endswith(b"\n"):
        return None
    try:
        return json.loads(line)
    except ValueError:
        return None

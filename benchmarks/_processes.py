"""Measured processes: one library on one job each, which answer a line with a line."""

import contextlib
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from typing import IO, Any

# Threads of a library that has just finished may spin for a while; they must not take the next one's cores.
PAUSE = 0.3


class Process:
    """A module of this package with some arguments, in a process of its own."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.errors: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by stop
        command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
        pipe = subprocess.PIPE
        # What it starts, a C++ compiler say, is ended with it.
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True, start_new_session=True
        )
        self.ended = False

    def ask(self, request: Any, limit: float) -> dict[str, Any]:
        """The answer to a request, for which there are ``limit`` seconds.

        Raises RuntimeError, with the process's last words, where there is none; the process is no more then.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        answer = ""
        timer = threading.Timer(limit, self.end)
        timer.start()
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            pass
        finally:
            timer.cancel()
        if not answer:
            self.process.wait()
            if self.ended:
                raise RuntimeError(f"not done in {limit:.0f} s")
            self.errors.seek(0)
            words = self.errors.read().strip().splitlines() or [f"exit code {self.process.returncode}"]
            raise RuntimeError(words[-1])
        return json.loads(answer)

    def end(self) -> None:
        """Ends the process at once, whatever it does."""
        self.ended = True
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()

    def stop(self) -> None:
        """Lets the process end, which it does when nobody asks any more."""
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.end()
            self.process.communicate()
        self.errors.close()


def installed(distributions: Mapping[str, str], peers: Iterable[str]) -> list[str]:
    """Those whose distribution is installed; importing it would cost this process its memory."""
    found = []
    for peer in peers:
        try:
            importlib.metadata.version(distributions[peer])
        except importlib.metadata.PackageNotFoundError:
            continue
        found.append(peer)
    return found

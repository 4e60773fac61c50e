"""What a Dask worker process of the tests preloads: CuPy on CPU, before anything there imports CuPy."""

from typing import Any

from .bed import start


def dask_setup(worker: Any) -> None:
    """Called by Dask once, when the worker begins."""
    start()

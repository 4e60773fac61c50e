"""What a Dask worker process of the tests preloads: CuPy on CPU, before anything there imports CuPy."""

from .bed import start

start()

"""CuPy on CPU: the real CuPy, run on a machine without a GPU. See README.md."""

"""What is special about CUDA devices. Everything here needs one: `python -m tests.cpu_cuda` has CuPy on CPU."""

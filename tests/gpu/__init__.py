"""Tests of a real CUDA device, `pytest -m gpu`: they need NumPy, CuPy and pytest alone, and no installation."""

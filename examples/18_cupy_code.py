"""Differentiating CuPy code as it stands, on a GPU: call it with Tensors instead of arrays.

Where there is no CUDA device it says so and ends with exit code 2.
"""

import sys

import gradcu

if not gradcu.cuda.is_available():
    print("this example needs CuPy and a CUDA device", file=sys.stderr)
    sys.exit(2)

import cupy


def damped(t, rate, frequency):
    """Written for CuPy arrays, and knows nothing of derivatives."""
    return cupy.exp(-rate * t) * cupy.sin(frequency * t)


def energy(signal):
    return cupy.mean(cupy.square(signal))


times = cupy.linspace(0, 4, 100_001)
measured = damped(times, 0.5, 3.0)

# The parameters are Tensors, the arrays stay what they are: CuPy's, which gradcu takes without a copy.
rate = gradcu.tensor(0.4, dtype=gradcu.float64, device="cuda", requires_grad=True)
frequency = gradcu.tensor(3.1, dtype=gradcu.float64, device="cuda", requires_grad=True)
misfit = energy(damped(times, rate, frequency) - measured)
gradient = [slope.item() for slope in gradcu.autograd.grad(misfit, (rate, frequency))]
print("misfit", misfit.item(), "its gradient", gradient)

# The same by finite differences, with the function as CuPy calls it.
step = 1e-6
for slope, (along_rate, along_frequency) in zip(gradient, ((step, 0.0), (0.0, step)), strict=True):
    above = energy(damped(times, 0.4 + along_rate, 3.1 + along_frequency) - measured)
    below = energy(damped(times, 0.4 - along_rate, 3.1 - along_frequency) - measured)
    assert abs(slope - float(above - below) / (2 * step)) < 1e-7

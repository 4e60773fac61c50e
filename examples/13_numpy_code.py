"""Differentiating NumPy code as it stands: call it with Tensors instead of arrays."""

import numpy as np

import gradcu


def oscillation(t, rate, frequency):
    """Written for NumPy arrays, and knows nothing of derivatives."""
    return np.exp(-rate * t) * np.sin(frequency * t) + np.sqrt(1 + t**2)


def energy(t, rate, frequency):
    return np.sum(np.square(oscillation(t, rate, frequency)))


times = np.linspace(0, 4, 9)

t = gradcu.tensor(times, requires_grad=True)
oscillation(t, 0.5, 3.0).sum().backward()
by_hand = np.exp(-0.5 * times) * (3 * np.cos(3 * times) - 0.5 * np.sin(3 * times)) + times / np.sqrt(1 + times**2)
print("d oscillation/dt:", t.grad)
assert t.grad is not None
assert np.allclose(t.grad.numpy(), by_hand)

# What depends on a parameter can be differentiated with respect to it, beside plain arrays.
rate = gradcu.tensor(0.5, dtype=gradcu.float64, requires_grad=True)
(slope,) = gradcu.autograd.grad(energy(gradcu.from_numpy(times), rate, 3.0), rate)
step = 1e-6
difference = (energy(times, 0.5 + step, 3.0) - energy(times, 0.5 - step, 3.0)) / (2 * step)
print(f"d energy/d rate: {slope.item():.6f} by autograd, {difference:.6f} by finite differences")
assert np.isclose(slope.item(), difference)

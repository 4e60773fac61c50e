"""A function on large tensors whose elementwise operations run as one loop, and so do its gradients: gradcu.compile."""

import numpy as np

import gradcu


@gradcu.compile
def energy(x, y, stiffness):
    stretch = gradcu.sqrt(x * x + y * y) - 1
    density = stiffness * stretch**2 + gradcu.exp(-x * x) * gradcu.cos(3 * y)
    # An ordinary branch: it runs at every call, with the values of that call.
    if density.mean() > 1:
        density = density / 2
    return density.sum()


x = gradcu.linspace(-2, 2, 1000, requires_grad=True)
y = gradcu.linspace(-1, 1, 500).reshape(500, 1).requires_grad_()
total = energy(x, y, 0.5)
slope, other = gradcu.autograd.grad(total, (x, y))
print(total, slope[:3])
print(energy.explain(x, y, 0.5))

# The function as it is gives the same.
expected = gradcu.autograd.grad(energy.__wrapped__(x, y, 0.5), (x, y))
assert np.allclose(slope.numpy(), expected[0].numpy(), rtol=1e-3, atol=1e-3)
assert np.allclose(other.numpy(), expected[1].numpy(), rtol=1e-3, atol=1e-3)

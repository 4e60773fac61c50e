"""Derivatives of any order: `create_graph=True` makes a derivative something that can be differentiated again."""

import math

import gradcu as torch
from gradcu.autograd import grad


def nth_derivative(f, x, n):
    """The n-th derivative of f at x, by differentiating n times."""
    y = f(x)
    for _ in range(n):
        if not y.requires_grad:
            # The last derivative was a constant, so from here on all of them are 0.
            return torch.zeros_like(x)
        (y,) = grad(y.sum(), x, create_graph=True)
    return y


def polynomial(x):
    return x**2 + x**3


x = torch.tensor(5.0, requires_grad=True)
for order, value in enumerate([150, 85, 32, 6, 0, 0]):
    derivative = nth_derivative(polynomial, x, order)
    print(f"derivative {order} of x^2 + x^3 at 5: {derivative.item():g}")
    assert derivative == value

# The fourth derivative of the sine is the sine again, here at many points.
x = torch.linspace(-math.pi, math.pi, 101, requires_grad=True)
assert torch.allclose(nth_derivative(torch.sin, x, 4), torch.sin(x), atol=1e-6)

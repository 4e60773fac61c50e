"""The derivative at many points at once: the sum's gradient is f' at every point. Draws x^2 and 2x.

Run it with the name of the picture to write, sum_trick.png by default.
"""

import sys

import matplotlib.pyplot as plt

import gradcu as torch

x = torch.linspace(-10, 10, 101, requires_grad=True)
y = x**2
# Point i appears in no other term of the sum, so the sum's derivative with respect to x[i] is f'(x[i]).
y.sum().backward()
assert x.grad is not None

points = x.detach()
plt.plot(points, y.detach(), label="$x^2$")
plt.plot(points, x.grad, label="derivative, $2x$")
plt.xlabel("x")
plt.title("A parabola and its derivative")
plt.grid(alpha=0.3)
plt.legend()
plt.savefig(sys.argv[1] if len(sys.argv) > 1 else "sum_trick.png", dpi=150)

assert torch.equal(x.grad, 2 * points)

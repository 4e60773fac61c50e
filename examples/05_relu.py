"""relu and its derivative, which is 0 left of the kink, at the kink too, and 1 right of it.

Run it with the name of the picture to write, relu.png by default.
"""

import sys

import matplotlib.pyplot as plt

import gradcu as torch

# 1024 steps of 5/256 each, which floating point holds exactly, so one point is at 0.
x = torch.linspace(-10, 10, 1025, requires_grad=True)
y = torch.relu(x)
y.sum().backward()
assert x.grad is not None

points = x.detach()
plt.plot(points, y.detach(), label="relu(x)")
plt.plot(points, x.grad, "--", label="derivative")
plt.xlabel("x")
plt.title("relu and its derivative")
plt.grid(alpha=0.3)
plt.legend()
plt.savefig(sys.argv[1] if len(sys.argv) > 1 else "relu.png", dpi=150)

print("at -10, 0 and 10:", x.grad[[0, 512, 1024]])
assert points[512] == 0
assert x.grad.tolist() == [0.0] * 513 + [1.0] * 512

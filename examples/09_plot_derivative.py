"""f(x) = x^3 - 3x^2 + 4 and f', side by side, with the turning points that f' gives away.

Run it with the name of the picture to write, cubic.png by default.
"""

import sys

import matplotlib.pyplot as plt

import gradcu as torch


def f(x):
    return x**3 - 3 * x**2 + 4


x = torch.linspace(-5, 5, 1000, requires_grad=True)
y = f(x)
y.sum().backward()
slope = x.grad
assert slope is not None

points = x.detach()
turning = torch.tensor([0.0, 2.0])
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(points, y.detach(), label="$f(x) = x^3 - 3x^2 + 4$")
left.plot(turning, f(turning), "o", color="C3", label="turning points")
right.plot(points, slope, color="C1", label="$f'(x)$")
right.plot(turning, 0 * turning, "o", color="C3", label="$f'(x) = 0$")
right.axhline(0, color="gray", linewidth=0.8)
for axes, title in ((left, "A cubic"), (right, "Its derivative, by autograd")):
    axes.set(title=title, xlabel="x")
    axes.grid(alpha=0.3)
    axes.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "cubic.png", dpi=150)

assert torch.allclose(slope, 3 * points**2 - 6 * points, atol=1e-4)
changes = points[1:][torch.sign(slope[1:]) != torch.sign(slope[:-1])]
print("f' changes its sign near", changes)
assert all(min(abs(change - 0), abs(change - 2)) < 0.02 for change in changes.tolist())

"""What derivative tutorials do, with ``device="cuda"``: the rest is as on the CPU.

Where there is no CUDA device it says so and ends with exit code 2.
"""

import sys

import gradcu as torch

if not torch.cuda.is_available():
    print("this example needs CuPy and a CUDA device", file=sys.stderr)
    sys.exit(2)

# The derivative of x^2 at 2.
x = torch.tensor(2.0, device="cuda", requires_grad=True)
y = x**2
y.backward()
print("derivative at x = 2:", x.grad)
assert x.grad is not None
assert (x.grad.item(), str(x.grad.device)) == (4.0, "cuda:0")

# Partial derivatives of u v + u^2.
u = torch.tensor(1.0, device="cuda", requires_grad=True)
v = torch.tensor(2.0, device="cuda", requires_grad=True)
(u * v + u**2).backward()
assert u.grad is not None
assert v.grad is not None
assert (u.grad.item(), v.grad.item()) == (4.0, 1.0)

# The derivative at many points, by the sum; new tensors are on the device where it is the default.
with torch.device("cuda"):
    points = torch.linspace(-10, 10, 1025, requires_grad=True)
    torch.relu(points).sum().backward()
assert points.grad is not None
assert points.grad.tolist() == [0.0] * 513 + [1.0] * 512

# The third derivative, by differentiating the graph of the second.
x = torch.tensor([1.0, 2.0], device="cuda", requires_grad=True)
derivative = x**4
for _ in range(3):
    (derivative,) = torch.autograd.grad(derivative.sum(), x, create_graph=True)
assert derivative.tolist() == [24.0, 48.0]

# What NumPy or a plot needs is on the CPU.
print("relu's slopes:", points.grad.cpu().numpy()[[0, 512, 1024]])

# A sweep on the device: f and two derivatives at a million points, which stay there.
sweep = torch.sweep(lambda x: x**3 - 3 * x**2 + 4, -5, 5, 1_000_001, order=2, device="cuda")
assert sweep.derivative(2)[-1].item() == 24.0

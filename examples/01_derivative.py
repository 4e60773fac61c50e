"""The derivative of a function of one number: `backward` leaves dy/dx in `x.grad`."""

import gradcu as torch

x = torch.tensor(3.0, requires_grad=True)
y = x**2
y.backward()
print("y = x^2 at 3:", y)
print("dy/dx = 2x:", x.grad)
assert x.grad == 6

x = torch.tensor(2.0, requires_grad=True)
y = x**2 + 2 * x + 1
y.backward()
print("d(x^2 + 2x + 1)/dx = 2x + 2 at 2:", x.grad)
assert x.grad == 6

# backward adds to what is there, so a second function's derivative needs a fresh start.
assert x.grad is not None
x.grad.zero_()
y = 2 * x**3 + x
y.backward()
print("d(2x^3 + x)/dx = 6x^2 + 1 at 2:", x.grad)
assert x.grad == 25

# The chain rule needs no thought: exp(y) of the same y.
x = torch.tensor(1.0, requires_grad=True)
z = torch.exp(2 * x**3 + x)
z.backward()
print("d exp(2x^3 + x)/dx = (6x^2 + 1) exp(2x^3 + x) at 1:", x.grad)
assert x.grad is not None
assert torch.isclose(x.grad, 7 * torch.exp(torch.tensor(3.0)))

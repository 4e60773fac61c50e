"""Partial derivatives: one `backward` fills the `grad` of every input."""

import gradcu as torch

u = torch.tensor(1.0, requires_grad=True)
v = torch.tensor(2.0, requires_grad=True)
f = u * v + u**2
f.backward()
print("f = uv + u^2 at (1, 2):", f)
print("df/du = v + 2u:", u.grad)
print("df/dv = u:", v.grad)
assert u.grad == 4
assert v.grad == 1

# The inputs can as well be the elements of one tensor, whose grad is then the gradient.
x = torch.tensor([1.0, 2.0], requires_grad=True)
f = (x[0] + 2 * x[1] ** 3) ** 2
f.backward()
print("gradient of (x1 + 2 x2^3)^2 at (1, 2):", x.grad)
assert x.grad is not None
assert x.grad.tolist() == [2 * 17, 2 * 17 * 6 * 4]

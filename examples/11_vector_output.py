"""A function with several outputs: `gradient=` says how much each of them counts."""

import gradcu as torch

x = torch.tensor([1.0, 7.0, -2.0], requires_grad=True)
y = 3 * x * x + x**2
try:
    y.backward()
except RuntimeError as error:
    print("without gradient=:", error)
else:
    raise AssertionError("backward took a vector")

# backward computes gradient . Jacobian: with ones it is the derivative of the sum of the outputs.
y.backward(gradient=torch.ones(len(y)))
print("d sum(y)/dx = 8x:", x.grad)
assert x.grad is not None
assert x.grad.tolist() == [8, 56, -16]

# Other weights pick outputs, here the middle one alone.
y = 3 * x * x + x**2
(middle,) = torch.autograd.grad(y, x, grad_outputs=torch.tensor([0.0, 1.0, 0.0]))
print("dy[1]/dx:", middle)
assert middle.tolist() == [0, 56, 0]

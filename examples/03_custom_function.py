"""A function with a derivative rule of its own."""

from typing import Any

import gradcu as torch
from gradcu.autograd import gradcheck


class Softsign(torch.autograd.Function):
    """x / (1 + |x|), whose derivative is 1 / (1 + |x|)^2."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """The value; what the derivative needs of it is saved."""
        denominator = 1 + torch.abs(x)
        ctx.save_for_backward(denominator)
        return x / denominator

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> torch.Tensor:
        """The derivative with respect to x, times the derivative of the final result with respect to the value."""
        (denominator,) = ctx.saved_tensors
        return grad_outputs[0] / denominator**2


x = torch.tensor([-3.0, 0.0, 1.0], requires_grad=True)
y = Softsign.apply(x)
y.sum().backward()
print("softsign:", y)
print("its derivative:", x.grad)
assert x.grad is not None
assert x.grad.tolist() == [1 / 16, 1, 1 / 4]

# gradcheck compares the rule with finite differences, in double precision.
points = torch.tensor([-2.0, -0.5, 0.7, 4.0], dtype=torch.float64, requires_grad=True)
assert gradcheck(Softsign.apply, (points,))

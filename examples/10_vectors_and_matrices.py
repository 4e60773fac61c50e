"""`x @ x.t()` for a vector and for a matrix of one row, and derivatives with respect to vectors."""

import gradcu as torch

row = torch.tensor([[1, 7, -2]])
print("a matrix of one row:", row.shape, "times its transpose", row.t().shape, "is", row @ row.t())
assert (row @ row.t()).tolist() == [[54]]
try:
    torch.dot(row, row)
except RuntimeError as error:
    print("dot is for vectors:", error)
else:
    raise AssertionError("dot took matrices")

vector = torch.tensor([1, 7, -2])
print("a vector:", vector.shape, "times itself is", vector @ vector.t())
assert torch.dot(vector, vector) == 54

x = torch.tensor([1.0, 7.0, -2.0], requires_grad=True)
w = torch.tensor([1.0, 7.0, 5.0])
y = 3 * torch.dot(x, w) + x @ x.t()
y.backward()
print("y = 3 w.x + x.x:", y)
print("gradient 3w + 2x:", x.grad)
assert x.grad is not None
assert x.grad.tolist() == [5, 35, 11]

# The gradient of x A x with respect to x is (A + A^T) x.
A = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, -1.0], [4.0, 0.0, 1.0]])
(gradient,) = torch.autograd.grad(x @ A @ x, x)
assert torch.equal(gradient, (A + A.t()) @ x)

"""The Jacobian of a function of two arguments, and the Hessian of a function of a vector."""

import gradcu as torch
from gradcu.autograd.functional import hessian, jacobian


def f(x, y):
    return 2 * torch.exp(x) + 3 * y


x = torch.tensor([0.0, 1.0, 2.0])
y = torch.tensor([4.0, 5.0, 6.0])
with_respect_to_x, with_respect_to_y = jacobian(f, (x, y))
print("df/dx:", with_respect_to_x, sep="\n")
print("df/dy:", with_respect_to_y, sep="\n")
assert torch.allclose(with_respect_to_x, torch.diag(2 * torch.exp(x)))
assert torch.equal(with_respect_to_y, 3 * torch.eye(3))


def rosenbrock(point):
    return (1 - point[0]) ** 2 + 100 * (point[1] - point[0] ** 2) ** 2


curvature = hessian(rosenbrock, torch.tensor([1.0, 1.0]))
print("Hessian of Rosenbrock's function at its minimum:", curvature, sep="\n")
assert curvature.tolist() == [[802, -400], [-400, 200]]

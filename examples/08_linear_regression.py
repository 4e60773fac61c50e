"""The gradient of a linear regression's squared loss, by hand and by four ways of writing the loss, all equal.

The loss is g(b0, b1), the sum over all points of (y - (b0 + b1 x))^2, and its gradient is wanted at (1, 0.5).
"""

import gradcu as torch

X = torch.linspace(-3, 2.7, 20)
Y = torch.tensor([
    -7.1452, -5.4253, -5.1977, -3.6225, -3.8022, -4.4101, -4.6622, -3.1932, -1.7325, -1.8879,
    -1.0742, -0.2320, 1.8226, 1.5453, -1.5535, 0.8857, 1.7537, 3.1607, 1.8912, 4.0895,
])  # fmt: skip


def gradient(loss):
    """The gradient of loss(b0, b1) at (1, 0.5)."""
    b0 = torch.tensor(1.0, requires_grad=True)
    b1 = torch.tensor(0.5, requires_grad=True)
    return torch.stack(torch.autograd.grad(loss(b0, b1), (b0, b1)))


def vectors(b0, b1):
    return ((Y - (b0 + b1 * X)) ** 2).sum()


def columns(b0, b1):
    XX = X.reshape(20, 1)
    # Y has to be a column too: a row minus a column would be a table of 20 x 20.
    return ((Y.reshape(20, 1) - (b0 + b1 * XX)) ** 2).sum()


def stacked(b0, b1):
    data = torch.stack([X, Y], dim=1)
    return sum((y - (b0 + b1 * x)) ** 2 for x, y in data)


def concatenated(b0, b1):
    data = torch.cat([X.reshape(20, 1), Y.reshape(20, 1)], dim=1)
    return ((data[:, 1] - (b0 + b1 * data[:, 0])) ** 2).sum()


residuals = Y - (1.0 + 0.5 * X)
by_hand = torch.stack([-2 * residuals.sum(), -2 * (X * residuals).sum()])
print(f"{'by hand':13}", by_hand)
for loss in (vectors, columns, stacked, concatenated):
    print(f"{loss.__name__:13}", gradient(loss))
    assert torch.allclose(gradient(loss), by_hand)

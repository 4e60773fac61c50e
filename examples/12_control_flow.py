"""Derivatives through while and if: what ran is what is differentiated."""

import gradcu as torch


def f(a):
    b = a * 2
    while b.norm() < 1000:
        b = b * 2
    return b if b.sum() > 0 else 100 * b


for start in (5.0, -5.0):
    a = torch.tensor([start], requires_grad=True)
    d = f(a)
    d.backward()
    print(f"f({start:g}) = {d.item():g}, derivative {a.grad}")
    # However many turns the loop takes, f multiplies by a constant, which is its derivative.
    assert a.grad is not None
    assert torch.equal(a.grad, d.detach() / start)

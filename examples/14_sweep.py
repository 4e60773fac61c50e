"""A large sweep: f, f' and f'' at a million points, a summary, a picture and a file.

Run it with the name of the picture to write, sweep.png by default.
"""

import sys
from pathlib import Path

import numpy as np

import gradcu


def ripple(x):
    return gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x)


picture = Path(sys.argv[1] if len(sys.argv) > 1 else "sweep.png")
sweep = gradcu.sweep(ripple, -10, 10, 1_000_000, order=2)
print(sweep.summary())
sweep.plot(picture)
sweep.save(picture.with_suffix(".npz"))

x = sweep.x.numpy().astype(np.float64)
derivative = np.exp(-x * x / 8) * (3 * np.cos(3 * x) - x / 4 * np.sin(3 * x)) - np.sin(x)
assert np.allclose(sweep.derivative(1).numpy(), derivative, atol=1e-5)
with np.load(picture.with_suffix(".npz")) as saved:
    assert np.array_equal(saved["d1"], sweep.derivative(1).numpy())
    assert saved["d2"].shape == (1_000_000,)

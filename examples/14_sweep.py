"""A large sweep: f, f' and f'' at two million points, a summary, a picture and a file.

Run it with the name of the picture to write, sweep.png by default.
"""

import sys
from pathlib import Path

import numpy as np

import gradcu


def f(x):
    return gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x)


picture = Path(sys.argv[1] if len(sys.argv) > 1 else "sweep.png")
sweep = gradcu.sweep(f, -10, 10, 2_000_000, order=2, dtype=gradcu.float64)
print(sweep.summary())
sweep.plot(picture)
sweep.save(picture.with_suffix(".npz"))

x, wave, slow = sweep.x.numpy(), np.sin(3 * sweep.x.numpy()), np.cos(3 * sweep.x.numpy())
derivative = np.exp(-x * x / 8) * (3 * slow - x / 4 * wave) - np.sin(x)
assert np.allclose(sweep.derivative(1).numpy(), derivative, atol=1e-12)
with np.load(picture.with_suffix(".npz")) as saved:
    assert np.array_equal(saved["d1"], sweep.derivative(1).numpy())
    assert len(saved["d2"]) == 2_000_000

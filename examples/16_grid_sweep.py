"""Maps of a function of two variables and all its partial derivatives up to the second, over half a million points.

Run it with the name of the picture to write, maps.png by default.
"""

import sys

import numpy as np

import gradcu


def hills(u, v):
    return gradcu.exp(-(u * u + v * v) / 2) * gradcu.sin(2 * u) * gradcu.cos(3 * v)


def wave(x, a):
    return gradcu.sin(a * x)


sweep = gradcu.sweep(hills, grid={"u": (-3, 3, 1000), "v": (-2, 2, 500)}, order=2)
print(sweep.summary())
sweep.plot(sys.argv[1] if len(sys.argv) > 1 else "maps.png")

u, v = sweep.axis("u").numpy()[:, None], sweep.axis("v").numpy()
bell = np.exp(-(u * u + v * v) / 2)
slope = bell * (2 * np.cos(2 * u) - u * np.sin(2 * u))
mixed = slope * (-3 * np.sin(3 * v) - v * np.cos(3 * v))
assert sweep.y.shape == (1000, 500)
assert np.allclose(sweep.partial("u").numpy(), slope * np.cos(3 * v), atol=1e-5)
assert np.allclose(sweep.partial("v", "u").numpy(), mixed, atol=1e-5)

# The same points in any order, and one sweep for several values of a parameter.
assert gradcu.sweep(hills, points={"u": [0.5, 0.0], "v": [1.0, 0.0]}).y.tolist()[1] == 0
waves = gradcu.sweep(wave, 0, 1, 5, params={"a": [1, 2, 3]})
assert waves.derivative(1)[:, 0].tolist() == [1, 2, 3]

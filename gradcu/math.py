"""``torch.math``: the standard library's math module, under the name that PyTorch's namespace happens to give it.

Its functions take and return Python numbers, so a Tensor loses its graph there. ``gradcu.exp`` and its like keep it.

>>> import gradcu as torch
>>> torch.math.sqrt(torch.tensor(4.0))
2.0
"""

from math import *  # noqa: F403

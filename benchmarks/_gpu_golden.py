"""What a device computes, written to a file, so that machines without one can compare."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import gradcu
from gradcu import Tensor

FOLDER = Path(__file__).parent.parent / "tests" / "golden" / "gpu"
"""Where the files of devices are kept."""

UNITS = 16
"""So many units in the last place of the value, or of 1, may lie between two devices: their functions are others."""

SWEPT: dict[str, Callable[[Tensor], Tensor]] = {
    "polynomial": lambda x: x**3 - 3 * x**2 + 4,
    "relu": lambda x: gradcu.relu(x),
    "waves": lambda x: gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x),
    "tanh chain": lambda x: gradcu.tanh(gradcu.sin(x) ** 2 + 0.5 * x) * gradcu.exp(-x * x / 50),
}


def outputs(device: Any) -> dict[str, np.ndarray]:
    """The results by name: sweeps with their derivatives, and values and gradients of what has a kernel of its own."""
    return dict(_outputs(device))


def _outputs(device: Any) -> Iterator[tuple[str, np.ndarray]]:
    for dtype in ("float32", "float64"):
        for name, f in SWEPT.items():
            sweep = gradcu.sweep(f, -3, 4, 1001, order=2, dtype=dtype, device=device)
            yield f"points of {name}, {dtype}", _array(sweep.x)
            for order in range(3):
                yield f"sweep of {name}, {dtype}, order {order}", _array(sweep.derivative(order))
        x = gradcu.linspace(-3, 3, 1025, dtype=dtype, device=device, requires_grad=True)
        rows, index = x.reshape(25, 41), gradcu.arange(1025, device=device) % 7
        programs = {
            "atan2": gradcu.atan2(x, x * x + 1), "sum": (x * x).mean(), "rows": rows.sum(1) * rows.mean(0)[:25],
            "max": rows.max(0).values, "softmax": rows.softmax(1), "logsumexp": rows.logsumexp(0), "index": x[index],
        }  # fmt: skip
        for name, value in programs.items():
            weights = gradcu.linspace(0.5, 1, value.numel(), dtype=dtype, device=device).reshape(value.shape)
            yield f"{name}, {dtype}", _array(value)
            (gradient,) = gradcu.autograd.grad(value, x, weights, retain_graph=True)
            yield f"gradient of {name}, {dtype}", _array(gradient)


def write(path: Path, device: Any, described: str) -> None:
    """Writes the results of a device to a file. It says which, and gets its name once it is whole."""
    results = {
        name: {"dtype": array.dtype.name, "shape": list(array.shape), "data": array.ravel().tolist()}
        for name, array in outputs(device).items()
    }
    unfinished = path.with_suffix(".unfinished")
    try:
        unfinished.write_text(json.dumps({"device": described, "results": results}) + "\n", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def differences(path: Path, device: Any) -> list[str]:
    """Where a device's results are not those of a file, a line each."""
    golden = json.loads(path.read_text(encoding="utf-8"))["results"]
    found = outputs(device)
    wrong = [f"{name} is in one of the two alone" for name in golden.keys() ^ found.keys()]
    for name in golden.keys() & found.keys():
        expected = np.array(golden[name]["data"], golden[name]["dtype"]).reshape(golden[name]["shape"])
        if expected.shape != found[name].shape or expected.dtype != found[name].dtype:
            wrong.append(f"{name}: {expected.dtype} {expected.shape}, not {found[name].dtype} {found[name].shape}")
            continue
        unit = np.finfo(expected.dtype).eps * np.maximum(1, np.abs(expected))
        # A linspace's points are defined to the bit.
        worst = float((np.abs(found[name] - expected) / unit).max())
        if worst > (0 if name.startswith("points") else UNITS):
            wrong.append(f"{name}: {worst:.1f} units apart")
    return wrong


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()

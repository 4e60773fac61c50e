"""A function of a tensor, forward and backward, as each library compiles it.

``python -m benchmarks._compilers PEER FUNCTION NUM`` is one measured process. It answers each line of standard input,
"forward" or "both" in JSON, with the seconds that a call took and a few of the values; benchmarks.compile starts and
feeds it.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ._sweepers import FUNCTIONS, jax_names

# Computes f(x), or f(x) and the gradient of its sum, on a tensor that is there; results are complete when it returns.
Call = Callable[[], tuple[Any, ...]]
Function = Callable[[Any, Any], Any]


def points(num: int) -> np.ndarray:
    """What every library computes with."""
    return np.linspace(-5, 5, num, dtype=np.float32)


def gradcu_compiled(function: Function, num: int) -> dict[str, Call]:
    """``gradcu.compile``, differentiated as any other function."""
    import gradcu

    return _as_in_torch(gradcu, gradcu.compile(lambda x: function(gradcu, x)), gradcu.from_numpy(points(num)))


def gradcu_eager(function: Function, num: int) -> dict[str, Call]:
    """The function as it is."""
    import gradcu

    return _as_in_torch(gradcu, lambda x: function(gradcu, x), gradcu.from_numpy(points(num)))


def torch_compiled(function: Function, num: int) -> dict[str, Call]:
    """``torch.compile``, differentiated as any other function."""
    import torch

    compiled = torch.compile(lambda x: function(torch, x), fullgraph=True, dynamic=False)
    return _as_in_torch(torch, compiled, torch.from_numpy(points(num)))


def torch_vjp(function: Function, num: int) -> dict[str, Call]:
    """``torch.compile`` of one function that gives the value and the gradient, from one loop."""
    import torch

    # By torch's annotations its result has two items or three.
    transforms: Any = torch.func
    x, ones = torch.from_numpy(points(num)), torch.ones(num)

    def with_gradient(x: Any, ones: Any) -> tuple[Any, Any]:
        y, pull_back = transforms.vjp(lambda x: function(torch, x), x)
        return y, pull_back(ones)[0]

    forward = torch.compile(lambda x: function(torch, x), fullgraph=True, dynamic=False)
    both = torch.compile(with_gradient, fullgraph=True, dynamic=False)
    return {"forward": lambda: (forward(x),), "both": lambda: both(x, ones)}


def torch_eager(function: Function, num: int) -> dict[str, Call]:
    """The function as it is."""
    import torch

    return _as_in_torch(torch, lambda x: function(torch, x), torch.from_numpy(points(num)))


def jax_jit(function: Function, num: int) -> dict[str, Call]:
    """``jax.jit`` of the function, and of one that gives the value and the gradient."""
    import jax
    import jax.numpy as jnp

    names = jax_names()
    x, ones = jnp.asarray(points(num)), jnp.ones(num, "float32")

    def with_gradient(x: Any, ones: Any) -> tuple[Any, Any]:
        y, pull_back = jax.vjp(lambda x: function(names, x), x)
        return y, pull_back(ones)[0]

    forward, both = jax.jit(lambda x: function(names, x)), jax.jit(with_gradient)
    return {
        "forward": lambda: (jax.block_until_ready(forward(x)),),
        "both": lambda: jax.block_until_ready(both(x, ones)),
    }


def _as_in_torch(library: Any, function: Callable[[Any], Any], x: Any) -> dict[str, Call]:
    ones = library.ones(len(x))
    leaf = x.detach().requires_grad_()

    def forward() -> tuple[Any]:
        with library.no_grad():
            return (function(x),)

    def both() -> tuple[Any, Any]:
        y = function(leaf)
        return y.detach(), library.autograd.grad(y, leaf, ones)[0]

    return {"forward": forward, "both": both}


# A name, the distribution it needs, and what makes its calls.
PEERS: dict[str, tuple[str, Callable[[Function, int], dict[str, Call]]]] = {
    "gradcu.compile": ("numpy", gradcu_compiled),
    "gradcu eager": ("numpy", gradcu_eager),
    "torch.compile": ("torch", torch_compiled),
    "torch.compile, vjp inside": ("torch", torch_vjp),
    "PyTorch eager": ("torch", torch_eager),
    "JAX jit": ("jax", jax_jit),
}


def serve(peer: str, expression: str, num: int) -> None:
    """Answers each line of standard input with one line on standard output."""
    # Libraries that print to standard output must not disturb the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    calls = PEERS[peer][1](FUNCTIONS[expression], num)
    for line in sys.stdin:
        call = calls[json.loads(line)]
        began = time.perf_counter()
        results = call()
        seconds = time.perf_counter() - began
        values = [float(array[place]) for array in results for place in (0, num // 3, num - 1)]
        del results
        print(json.dumps({"seconds": seconds, "values": values}), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))

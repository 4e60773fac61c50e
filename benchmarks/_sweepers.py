"""The main job, f and f' at every point of a linspace in float32, as each library does it best.

``python -m benchmarks._sweepers PEER FUNCTION NUM`` is one measured process. It reads lines of JSON, ``[start, stop]``,
and answers each with the seconds taken, its peak memory and a few of the values; benchmarks.sweep starts and feeds it.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

# In every library's names: m is gradcu, torch, or JAX's functions.
FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "x**3 - 3*x**2 + 4": lambda m, x: x**3 - 3 * x**2 + 4,
    "relu(x)": lambda m, x: m.relu(x),
    "exp(-x*x/8)*sin(3*x) + cos(x)": lambda m, x: m.exp(-x * x / 8) * m.sin(3 * x) + m.cos(x),
    "tanh(sin(x)**2 + x/2)*exp(-x**2/50)": lambda m, x: m.tanh(m.sin(x) ** 2 + x / 2) * m.exp(-(x**2) / 50),
}

# Runs one sweep from start to stop; the results f and f' are complete when it returns.
Sweep = Callable[[float, float], tuple[Any, Any]]


def gradcu_sweep(function: Callable[[Any, Any], Any], num: int) -> Sweep:
    """``gradcu.sweep``, which also returns x."""
    import gradcu

    def sweep(start: float, stop: float) -> tuple[Any, Any]:
        result = gradcu.sweep(lambda x: function(gradcu, x), start, stop, num, order=1, dtype=gradcu.float32)
        return result.y, result.derivative(1)

    return sweep


def torch_eager(function: Callable[[Any, Any], Any], num: int) -> Sweep:
    """The tutorials' way: linspace, the function, sum, backward."""
    import torch

    def sweep(start: float, stop: float) -> tuple[Any, Any]:
        x = torch.linspace(start, stop, num, requires_grad=True)
        y = function(torch, x)
        y.sum().backward()
        return y.detach(), x.grad

    return sweep


def torch_compiled(form: str) -> Callable[[Callable[[Any, Any], Any], int], Sweep]:
    """One compiled kernel that makes x itself; start and stop are tensors, so that new ones compile nothing."""

    def make(function: Callable[[Any, Any], Any], num: int) -> Sweep:
        import torch

        # By torch's annotations their results have two items or three.
        transforms: Any = torch.func

        @torch.compile(fullgraph=True, dynamic=False)
        def compiled(start: Any, step: Any) -> tuple[Any, Any]:
            x = start + step * torch.arange(num, dtype=torch.float32)
            if form == "jvp":
                return transforms.jvp(lambda x: function(torch, x), (x,), (torch.ones_like(x),))
            y, pull_back = transforms.vjp(lambda x: function(torch, x), x)
            return y, pull_back(torch.ones_like(y))[0]

        def sweep(start: float, stop: float) -> tuple[Any, Any]:
            return compiled(torch.tensor(start), torch.tensor((stop - start) / (num - 1)))

        return sweep

    return make


def jax_names() -> Any:
    """JAX's functions under the names that FUNCTIONS has for them."""
    import jax
    import jax.numpy as jnp

    return SimpleNamespace(exp=jnp.exp, sin=jnp.sin, cos=jnp.cos, tanh=jnp.tanh, relu=jax.nn.relu)


def jax_jit(form: str) -> Callable[[Callable[[Any, Any], Any], int], Sweep]:
    """One jitted function that makes x itself; start and stop are arguments, so that new ones compile nothing."""

    def make(function: Callable[[Any, Any], Any], num: int) -> Sweep:
        import jax
        import jax.numpy as jnp

        names = jax_names()

        @jax.jit
        def jitted(start: Any, step: Any) -> tuple[Any, Any]:
            x = start + step * jnp.arange(num, dtype=jnp.float32)
            if form == "jvp":
                return jax.jvp(lambda x: function(names, x), (x,), (jnp.ones_like(x),))
            return jax.vmap(jax.value_and_grad(lambda x: function(names, x)))(x)

        def sweep(start: float, stop: float) -> tuple[Any, Any]:
            return jax.block_until_ready(jitted(start, (stop - start) / (num - 1)))

        return sweep

    return make


# A name, the distribution it needs, and what makes its sweep. Which form is faster depends on the function.
PEERS: dict[str, tuple[str, Callable[[Callable[[Any, Any], Any], int], Sweep]]] = {
    "gradcu.sweep": ("numpy", gradcu_sweep),
    "PyTorch eager": ("torch", torch_eager),
    "torch.compile, vjp": ("torch", torch_compiled("vjp")),
    "torch.compile, jvp": ("torch", torch_compiled("jvp")),
    "JAX jit, vjp": ("jax", jax_jit("vjp")),
    "JAX jit, jvp": ("jax", jax_jit("jvp")),
}


def peak_memory() -> float:
    """The most memory this process has held, in MiB."""
    with contextlib.suppress(FileNotFoundError), open("/proc/self/status", encoding="utf-8") as lines:
        # Unlike ru_maxrss, this does not start at what the parent process held.
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    """Lets the peak start again at what the process holds now, where the system can do that."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="utf-8") as control:
        control.write("5")


def serve(peer: str, expression: str, num: int) -> None:
    """Answers each line of standard input with one line on standard output."""
    # Libraries that print to standard output must not disturb the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    make = PEERS[peer][1]
    # A small sweep loads what the library loads at first use, so that it is not counted as the sweep's memory.
    make(FUNCTIONS[expression], 1000)(-1.0, 1.0)
    forget_peak()
    idle = peak_memory()
    sweep = make(FUNCTIONS[expression], num)
    for line in sys.stdin:
        start, stop = json.loads(line)
        began = time.perf_counter()
        y, slope = sweep(start, stop)
        seconds = time.perf_counter() - began
        places = [0, num // 3, num - 1]
        values = [float(array[place]) for array in (y, slope) for place in places]
        del y, slope
        answer = {"seconds": seconds, "memory": peak_memory() - idle, "total": peak_memory(), "values": values}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))

"""The main job, f and its derivatives at every point of a linspace, as each library does it best.

``python -m benchmarks._sweepers PEER FUNCTION NUM DTYPE ORDER CORES`` is one measured process. It reads lines of JSON,
``[start, stop, repeats]``, and answers each with the seconds taken, its peak memory and a few of the values;
benchmarks._rounds starts and feeds it.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

# In every library's names: m is gradcu, torch, or JAX's functions.
FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "x**3 - 3*x**2 + 4": lambda m, x: x**3 - 3 * x**2 + 4,
    "relu(x)": lambda m, x: m.relu(x),
    "exp(-x*x/8)*sin(3*x) + cos(x)": lambda m, x: m.exp(-x * x / 8) * m.sin(3 * x) + m.cos(x),
    "tanh(sin(x)**2 + x/2)*exp(-x**2/50)": lambda m, x: m.tanh(m.sin(x) ** 2 + x / 2) * m.exp(-(x**2) / 50),
}
# None of whose high derivatives vanish, as those of the polynomial and of relu do.
FURTHER: dict[str, Callable[[Any, Any], Any]] = {
    "1/(1 + x**2)": lambda m, x: 1 / (1 + x**2),
    "exp(sin(x))": lambda m, x: m.exp(m.sin(x)),
    "sin(x)**10": lambda m, x: m.sin(x) ** 10,
}
WAVES = "exp(-x*x/8)*sin(3*x) + cos(x)"
CHAIN = "tanh(sin(x)**2 + x/2)*exp(-x**2/50)"


class Job(NamedTuple):
    """A sweep but for its end points."""

    expression: str
    num: int
    dtype: str = "float32"
    order: int = 1

    def function(self, names: Any) -> Callable[[Any], Any]:
        """The function in a library's names."""
        function = (FUNCTIONS | FURTHER)[self.expression]
        return lambda x: function(names, x)


# Runs one sweep from start to stop; f, f', f'', ... are complete when it returns.
Sweep = Callable[[float, float], Sequence[Any]]


def gradcu_sweep(engine: str) -> Callable[[Job], Sweep]:
    """``gradcu.sweep``, which also returns x."""

    def make(job: Job) -> Sweep:
        import gradcu

        function = job.function(gradcu)

        def sweep(start: float, stop: float) -> Sequence[Any]:
            result = gradcu.sweep(function, start, stop, job.num, order=job.order, dtype=job.dtype, engine=engine)
            return [result.derivative(k) for k in range(job.order + 1)]

        return sweep

    return make


def gradcu_reduction(engine: str) -> Callable[[Job], Sweep]:
    """``gradcu.sweep`` that keeps no rows, but their least, largest and mean values."""

    def make(job: Job) -> Sweep:
        import gradcu

        function, kept = job.function(gradcu), ("min", "max", "mean")

        def sweep(start: float, stop: float) -> Sequence[Any]:
            gradcu.sweep(
                function, start, stop, job.num, order=job.order, dtype=job.dtype, engine=engine, reduce=kept
            )  # fmt: skip
            return []

        return sweep

    return make


def torch_eager(job: Job) -> Sweep:
    """The tutorials' way: linspace, the function, then grad again and again."""
    import torch

    function, dtype = job.function(torch), getattr(torch, job.dtype)

    def sweep(start: float, stop: float) -> Sequence[Any]:
        x = torch.linspace(start, stop, job.num, requires_grad=True, dtype=dtype)
        rows = [function(x)]
        for k in range(1, job.order + 1):
            if rows[-1].requires_grad:
                (slope,) = torch.autograd.grad(rows[-1].sum(), x, create_graph=k < job.order)
            else:
                slope = torch.zeros_like(x)
            rows.append(slope)
        return [row.detach() for row in rows]

    return sweep


# Gives f, f', f'', ... of x.
Rows = Callable[[Any], tuple[Any, ...]]


def differentiated(function: Callable[[Any], Any], higher: Callable[[Rows], Rows], order: int) -> Rows:
    """A function and its derivatives up to that order, each by ``higher`` from those below it."""

    def value(x: Any) -> tuple[Any, ...]:
        return (function(x),)

    rows: Rows = value
    for _ in range(order):
        rows = higher(rows)
    return rows


def torch_compiled(form: str) -> Callable[[Job], Sweep]:
    """One compiled kernel that makes x itself; start and stop are tensors, so that new ones compile nothing."""

    def make(job: Job) -> Sweep:
        import torch

        # By torch's annotations their results have two items or three.
        transforms: Any = torch.func
        dtype = getattr(torch, job.dtype)

        def higher(lower: Rows) -> Rows:
            def rows_and_slope(x: Any) -> tuple[Any, ...]:
                if form == "jvp":
                    rows, slopes = transforms.jvp(lower, (x,), (torch.ones_like(x),))
                    return (*rows, slopes[-1])
                last, pull_back, rows = transforms.vjp(lambda x: (lower(x)[-1], lower(x)), x, has_aux=True)
                return (*rows, pull_back(torch.ones_like(last))[0])

            return rows_and_slope

        rows = differentiated(job.function(torch), higher, job.order)

        @torch.compile(fullgraph=True, dynamic=False)
        def compiled(start: Any, step: Any) -> tuple[Any, ...]:
            return rows(start + step * torch.arange(job.num, dtype=dtype))

        def sweep(start: float, stop: float) -> Sequence[Any]:
            step = (stop - start) / max(job.num - 1, 1)
            return compiled(torch.tensor(start, dtype=dtype), torch.tensor(step, dtype=dtype))

        return sweep

    return make


def jax_names() -> Any:
    """JAX's functions under the names that FUNCTIONS has for them."""
    import jax
    import jax.numpy as jnp

    return SimpleNamespace(exp=jnp.exp, sin=jnp.sin, cos=jnp.cos, tanh=jnp.tanh, relu=jax.nn.relu)


def jax_jit(form: str) -> Callable[[Job], Sweep]:
    """One jitted function that makes x itself; start and stop are arguments, so that new ones compile nothing."""

    def make(job: Job) -> Sweep:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", job.dtype == "float64")

        def higher(lower: Rows) -> Rows:
            """Of an array (jvp) or of one number (vjp)."""

            def rows_and_slope(x: Any) -> tuple[Any, ...]:
                if form == "jvp":
                    rows, slopes = jax.jvp(lower, (x,), (jnp.ones_like(x),))
                    return (*rows, slopes[-1])
                slope, rows = jax.grad(lambda x: (lower(x)[-1], lower(x)), has_aux=True)(x)
                return (*rows, slope)

            return rows_and_slope

        rows = differentiated(job.function(jax_names()), higher, job.order)

        @jax.jit
        def jitted(start: Any, step: Any) -> tuple[Any, ...]:
            x = start + step * jnp.arange(job.num, dtype=job.dtype)
            return rows(x) if form == "jvp" else jax.vmap(rows)(x)

        def sweep(start: float, stop: float) -> Sequence[Any]:
            return jax.block_until_ready(jitted(start, (stop - start) / max(job.num - 1, 1)))

        return sweep

    return make


_FILL = """
#define FILL(T, name) void name(T *row, long long count, double value) { \\
    for (long long i = 0; i < count; i++) row[i] = (T)value; \\
}
FILL(float, fill_float32)
FILL(double, fill_float64)
"""


def c_fill(fresh: bool) -> Callable[[Job], Sweep]:
    """As many rows filled with one number by two threads, in memory that the system just gave, or in that of before."""

    def make(job: Job) -> Sweep:
        import ctypes
        import tempfile
        import threading

        import numpy as np

        from gradcu.fuse.compiler import find_compiler

        with tempfile.TemporaryDirectory() as folder:
            find_compiler().build(_FILL, f"{folder}/fill.so")
            fill = ctypes.CDLL(f"{folder}/fill.so")[f"fill_{job.dtype}"]
        fill.argtypes, fill.restype = (ctypes.c_void_p, ctypes.c_longlong, ctypes.c_double), None
        half, size = job.num // 2, np.dtype(job.dtype).itemsize
        kept = [] if fresh else [np.ones(job.num, job.dtype) for _ in range(job.order + 1)]

        def sweep(start: float, stop: float) -> Sequence[Any]:
            rows = kept or [np.empty(job.num, job.dtype) for _ in range(job.order + 1)]

            def work(first: int, count: int) -> None:
                for row in rows:
                    fill(row.ctypes.data + first * size, count, start)

            other = threading.Thread(target=work, args=(half, job.num - half))
            other.start()
            work(0, half)
            other.join()
            return rows

        return sweep

    return make


# A name, the distribution it needs, and what makes its sweep. Which form is faster depends on the function.
PEERS: dict[str, tuple[str, Callable[[Job], Sweep]]] = {
    "gradcu, cc": ("numpy", gradcu_sweep("cc")),
    "gradcu, numpy": ("numpy", gradcu_sweep("numpy")),
    "PyTorch eager": ("torch", torch_eager),
    "torch.compile, vjp": ("torch", torch_compiled("vjp")),
    "torch.compile, jvp": ("torch", torch_compiled("jvp")),
    "JAX jit, vjp": ("jax", jax_jit("vjp")),
    "JAX jit, jvp": ("jax", jax_jit("jvp")),
    "C fill, fresh memory": ("numpy", c_fill(fresh=True)),
    "C fill, same memory": ("numpy", c_fill(fresh=False)),
    "gradcu, cc, reduced": ("numpy", gradcu_reduction("cc")),
    "gradcu, numpy, reduced": ("numpy", gradcu_reduction("numpy")),
}
REDUCED = ("gradcu, cc, reduced", "gradcu, numpy, reduced")
FILLS = ("C fill, fresh memory", "C fill, same memory")


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


def keep_to(cores: int) -> None:
    """Runs on that many cores, and fails rather than taking more memory than is free."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    with contextlib.suppress(ImportError, FileNotFoundError), open("/proc/meminfo", encoding="ascii") as lines:
        import resource

        free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (free * 9 // 10, resource.RLIM_INFINITY))


def serve(peer: str, job: Job, cores: int) -> None:
    """Answers each line of standard input with one line on standard output."""
    # Libraries that print to standard output must not disturb the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    keep_to(cores)
    make = PEERS[peer][1]
    # A small sweep loads what the library loads at first use, so that it is not counted as the sweep's memory.
    make(job._replace(num=1000, order=min(job.order, 1)))(-1.0, 1.0)
    forget_peak()
    idle = peak_memory()
    sweep = make(job)
    places = [0, job.num // 3, job.num - 1]
    for line in sys.stdin:
        start, stop, repeats = json.loads(line)
        seconds, values = [], []
        for number in range(repeats):
            shifted = start + number / 4096
            began = time.perf_counter()
            rows = sweep(shifted, stop)
            seconds.append(time.perf_counter() - began)
            if number == 0:
                values = [[float(row[place]) for place in places] for row in rows]
            del rows
        answer = {"seconds": seconds, "memory": peak_memory() - idle, "total": peak_memory(), "values": values}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], Job(sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])), int(sys.argv[6]))

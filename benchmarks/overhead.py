"""What recording and backward cost where the arithmetic itself costs nothing: small tensors, and `import`.

Run it with ``python -m benchmarks.overhead``. Every library that is installed runs the same job in the same process.
"""

import argparse
import contextvars
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import gradcu

from ._common import Times, interleaved, machine, optional, rotated, table, versions

torch = optional("torch")
autograd = optional("autograd")
mygrad = optional("mygrad")

CHAIN_PAIRS = 100
POINTS = 1000

Job = Callable[[], Any]


def scalar_job(library: Any) -> Job:
    """x**2 + 2*x + 1 and its derivative, in a library with PyTorch's interface."""

    def job() -> Any:
        x = library.tensor(3.0, requires_grad=True)
        y = x**2 + 2 * x + 1
        y.backward()
        return x.grad

    return job


def chain_job(library: Any) -> Job:
    """Two hundred operations on a scalar, each using the last one's result, and back."""

    def job() -> Any:
        x = library.tensor(0.5, requires_grad=True)
        y = x
        for _ in range(CHAIN_PAIRS):
            y = y * 0.99
            y = y + 0.01
        y.backward()
        return x.grad

    return job


def relu_job(library: Any) -> Job:
    """The tutorials' sweep: linspace, relu, sum, backward."""

    def job() -> Any:
        x = library.linspace(-10, 10, POINTS, requires_grad=True)
        library.relu(x).sum().backward()
        return x.grad

    return job


def autograd_jobs() -> dict[str, Job]:
    """The three jobs in HIPS autograd, which differentiates functions."""
    anp = optional("autograd.numpy")

    def chain(x: Any) -> Any:
        for _ in range(CHAIN_PAIRS):
            x = x * 0.99
            x = x + 0.01
        return x

    scalar_derivative = autograd.grad(lambda x: x**2 + 2 * x + 1)
    chain_derivative = autograd.grad(chain)
    relu_derivative = autograd.grad(lambda x: anp.sum(anp.maximum(x, 0)))
    return {
        "scalar": lambda: scalar_derivative(3.0),
        "chain": lambda: chain_derivative(0.5),
        "relu": lambda: relu_derivative(np.linspace(-10, 10, POINTS, dtype=np.float32)),
    }


def mygrad_jobs() -> dict[str, Job]:
    """The three jobs in MyGrad, whose tensors require a gradient unless told otherwise."""
    relu = optional("mygrad.nnet.activations").relu

    def scalar() -> Any:
        x = mygrad.tensor(3.0, dtype=np.float32)
        y = x**2 + 2 * x + 1
        y.backward()
        return x.grad

    def chain() -> Any:
        x = mygrad.tensor(0.5, dtype=np.float32)
        y = x
        for _ in range(CHAIN_PAIRS):
            y = y * 0.99
            y = y + 0.01
        y.backward()
        return x.grad

    def relu_sweep() -> Any:
        x = mygrad.linspace(-10, 10, POINTS, dtype=np.float32)
        relu(x).sum().backward()
        return x.grad

    return {"scalar": scalar, "chain": chain, "relu": relu_sweep}


def jobs_by_library() -> dict[str, dict[str, Job]]:
    """The three jobs of each installed library, gradcu's first."""
    libraries = {
        name: {"scalar": scalar_job(library), "chain": chain_job(library), "relu": relu_job(library)}
        for name, library in {"gradcu": gradcu, "PyTorch": torch}.items()
        if library is not None
    }
    if autograd is not None:
        libraries["HIPS autograd"] = autograd_jobs()
    if mygrad is not None:
        libraries["MyGrad"] = mygrad_jobs()
    return libraries


EXPECTED = {"scalar": 8.0, "chain": 0.99**CHAIN_PAIRS, "relu": POINTS / 2}
TITLES = {
    "scalar": "x**2 + 2*x + 1 on a scalar, backward",
    "chain": "200 operations on a scalar, backward",
    "relu": "linspace of 1000, relu, sum, backward",
}


def check(libraries: dict[str, dict[str, Job]]) -> None:
    """Raises ValueError unless every library computes the derivatives that the jobs are about."""
    for library, jobs in libraries.items():
        for name, job in jobs.items():
            total = float(np.sum(np.asarray(job(), dtype=np.float64)))
            if not math.isclose(total, EXPECTED[name], rel_tol=1e-4):
                raise ValueError(f"{library} computes {total} for {name}, not {EXPECTED[name]}")


def jobs_table(rounds: int) -> str:
    """Microseconds a job, a column for each library."""
    libraries = jobs_by_library()
    check(libraries)
    rows = []
    for name, title in TITLES.items():
        times = interleaved({library: jobs[name] for library, jobs in libraries.items()}, rounds)
        ratio = f"{times['gradcu'].median / times['PyTorch'].median:.2f}" if "PyTorch" in times else "-"
        rows.append([title, *(microseconds(times[library]) for library in libraries), ratio])
    return table(["us: best (median)", *libraries, "gradcu / PyTorch"], rows)


def silence_table(rounds: int) -> str:
    """Microseconds of one exp, from the bare ufunc to the recorded operation."""
    quiet = contextvars.copy_context()
    quiet.run(np.seterr, all="ignore")
    columns = {"scalar": np.float32(0.5), f"{POINTS} points": np.linspace(-1, 1, POINTS, dtype=np.float32)}
    measured = {}
    for title, array in columns.items():
        jobs = silence_jobs(array, quiet)
        measured[title] = interleaved(jobs, rounds)
    rows = [[job, *(microseconds(times[job]) for times in measured.values())] for job in measured["scalar"]]
    return table(["exp, us: best (median)", *columns], rows)


def silence_jobs(array: Any, quiet: contextvars.Context) -> dict[str, Job]:
    """The ways to compute exp of that array."""
    constant = gradcu.tensor(array)
    leaf = gradcu.tensor(array, requires_grad=True)

    def under_errstate() -> Any:
        with np.errstate(all="ignore"):
            return np.exp(array)

    jobs: dict[str, Job] = {
        "np.exp": lambda: np.exp(array),
        "np.exp under np.errstate": under_errstate,
        "np.exp in a prepared context": lambda: quiet.run(np.exp, array),
        "gradcu.exp, nothing to record": lambda: gradcu.exp(constant),
        "gradcu.exp, recorded": lambda: gradcu.exp(leaf),
    }
    if torch is not None:
        torch_constant = torch.tensor(array)
        torch_leaf = torch.tensor(array, requires_grad=True)
        jobs["torch.exp, nothing to record"] = lambda: torch.exp(torch_constant)
        jobs["torch.exp, recorded"] = lambda: torch.exp(torch_leaf)
    return jobs


def import_table(rounds: int) -> str:
    """Milliseconds that the import statement takes in a new interpreter."""
    modules = ["numpy", "gradcu"] + [name for name in ("autograd", "mygrad", "torch") if optional(name) is not None]
    samples: dict[str, list[float]] = {name: [] for name in modules}
    for number in range(rounds + 1):
        for name in rotated(modules, number):
            taken = import_seconds(name)
            # The first round also reads the files from disk and compiles them.
            if number:
                samples[name].append(taken)
    times = {name: Times(min(taken), statistics.median(taken)) for name, taken in samples.items()}
    rows = [
        [f"import {name}", milliseconds(taken), f"{taken.best / times['numpy'].best:.2f}"]
        for name, taken in times.items()
    ]
    return table(["ms: best (median)", "time", "of numpy's"], rows)


def import_seconds(name: str) -> float:
    """Seconds of ``import name`` in a new interpreter, its start not counted."""
    code = f"import time; start = time.perf_counter(); import {name}; print(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def microseconds(times: Times) -> str:
    """Best and median, in microseconds."""
    return f"{times.best * 1e6:.2f} ({times.median * 1e6:.2f})"


def milliseconds(times: Times) -> str:
    """Best and median, in milliseconds."""
    return f"{times.best * 1e3:.1f} ({times.median * 1e3:.1f})"


def main() -> None:
    """Prints the machine and the three tables, as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="rounds of the small jobs (default: %(default)s)")
    parser.add_argument("--imports", type=int, default=15, help="rounds of the imports (default: %(default)s)")
    options = parser.parse_args()
    print(f"{machine()}; gradcu {gradcu.__version__}, {versions('numpy', 'torch', 'autograd', 'mygrad')}\n")
    print(jobs_table(options.rounds), end="\n\n")
    print(silence_table(options.rounds), end="\n\n")
    print(import_table(options.imports))


if __name__ == "__main__":
    main()

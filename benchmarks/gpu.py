"""How fast gradcu is on a CUDA device, beside what its memory gives, and beside PyTorch and JAX where these are.

Run it with ``python -m benchmarks.gpu``, from a checkout, on a machine that has NumPy, CuPy and a GPU; nothing has to
be installed and nothing is downloaded. Each part prints a Markdown table; one that fails says why, the others go on.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gradcu
from gradcu import Tensor

from . import _gpu_golden
from ._common import machine, optional, table, versions
from ._gpu import ON_CPU, Rates, device_line, launches, rates, seconds

ONE, TWO = (
    ("neg", "abs", "reciprocal", "exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu", "erf", "expm1", "atan"),
    ("add", "sub", "mul", "div", "maximum", "atan2", "hypot"),
)
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")

CHAINS: dict[str, Callable[[Tensor], Tensor]] = {
    "mul": lambda x: x * x,
    "silu": lambda x: x * gradcu.sigmoid(x),
    "twenty ops": lambda x: _repeated(x, 5).sum(),
    "softmax": lambda x: x.reshape(-1, 8).softmax(1),
}


def _repeated(x: Tensor, times: int) -> Tensor:
    for _ in range(times):
        x = ((x * 1.5).sin() + x).exp().neg()
    return x


def operand(num: int) -> Tensor:
    """Numbers at which every op is defined, of which a gradient is wanted."""
    return gradcu.linspace(0.25, 0.75, num, device="cuda", requires_grad=True)


def memory(options: argparse.Namespace, found: Rates) -> str:
    """The rates that the other parts are measured by."""
    return table(["", "GB/s"], [["copy", f"{found.copy / 1e9:.0f}"], ["fill", f"{found.fill / 1e9:.0f}"]])


def sweeps(options: argparse.Namespace, found: Rates) -> str:
    """Bytes of results a second, as a fraction of the fill rate: aimed at 90% for the polynomial and relu."""
    rows = []
    for name, f in _gpu_golden.SWEPT.items():
        for dtype in ("float32", "float64"):
            for order in (1, 2):
                swept: Any = []

                def sweep(f: Any = f, dtype: str = dtype, order: int = order, swept: Any = swept) -> None:
                    # The last results' memory is taken again.
                    swept.clear()
                    swept.append(gradcu.sweep(f, -5, 5, options.num, order=order, dtype=dtype, device="cuda"))

                taken = seconds(sweep, options.rounds)
                written = sum(swept[0].derivative(n).numel() * swept[0].y.element_size() for n in range(order + 1))
                where = str(swept[0].y.device)
                rate = written / taken / found.fill
                rows.append([name, dtype, str(order), f"{1000 * taken:.2f}", f"{rate:.0%}", where])
    return table(["function", "dtype", "order", "ms", "of the fill rate", "results on"], rows)


def products(options: argparse.Namespace, found: Rates) -> str:
    """Sweeps of u u sin(v) over a grid, at given points (which the host sends) and with a param, all first partials."""
    given = np.linspace(0.5, 3, options.num)
    side = int(options.num**0.5)
    kinds: dict[str, dict[str, Any]] = {
        "grid": {"grid": {"u": (-1, 2, side), "v": (0.5, 3, side)}},
        "points": {"points": {"u": given, "v": given[::-1]}},
        "params": {"grid": {"u": (-1, 2, options.num // 4)}, "params": {"v": given[:4]}},
    }
    rows = []
    for name, points in kinds.items():
        for dtype in ("float32", "float64"):
            swept: Any = []

            def sweep(points: Any = points, dtype: str = dtype, swept: Any = swept) -> None:
                swept.clear()
                swept.append(gradcu.sweep(lambda u, v: u * u * gradcu.sin(v), dtype=dtype, device="cuda", **points))

            taken = seconds(sweep, options.rounds)
            written = sum(swept[0].partial(*partial).numel() for partial in swept[0].partials)
            rate = written * swept[0].y.element_size() / taken / found.fill
            rows.append([name, dtype, f"{1000 * taken:.2f}", f"{rate:.0%}", swept[0].summary().engine])
    return table(["points", "dtype", "ms", "of the fill rate", "engine"], rows)


def pointwise(options: argparse.Namespace, found: Rates) -> str:
    """Bytes a second of an op's forward and backward, as a fraction of the copy rate: aimed at 85%."""
    rows = []
    for name in (*ONE, *TWO):
        operands = [operand(options.num) for _ in range(1 + (name in TWO))]
        function = getattr(gradcu, name)
        cotangent = operand(options.num).detach()
        result = function(*operands)
        node: Any = result.grad_fn
        saved = sum(entry is not None for entry in node.saved)
        forward = seconds(lambda function=function, operands=operands: function(*operands), options.rounds)
        backward = seconds(
            lambda result=result, operands=operands, cotangent=cotangent: gradcu.autograd.grad(
                result, operands, cotangent, retain_graph=True
            ),
            options.rounds,
        )
        moved = 4 * options.num * (len(operands) + 1), 4 * options.num * (1 + saved + len(operands))
        shares = [nbytes / taken / found.copy for nbytes, taken in zip(moved, (forward, backward), strict=True)]
        rows.append([name, f"{1000 * forward:.3f}", f"{shares[0]:.0%}", f"{1000 * backward:.3f}", f"{shares[1]:.0%}"])
    return table(["op", "forward, ms", "of the copy rate", "backward, ms", "of the copy rate"], rows)


def peers(options: argparse.Namespace, found: Rates) -> str:
    """Forward and backward together, op by op, beside PyTorch eager and JAX: aimed at never slower than PyTorch."""
    others = {name: make for name, make in {"PyTorch": _in_torch, "JAX": _in_jax}.items() if make("neg", 1) is not None}
    if not others:
        return "Neither PyTorch nor JAX finds the device here."
    rows = []
    for name in (*ONE, *TWO):
        operands = [operand(options.num) for _ in range(1 + (name in TWO))]
        cotangent = operand(options.num).detach()

        def ours(name: str = name, operands: Any = operands, cotangent: Any = cotangent) -> None:
            gradcu.autograd.grad(getattr(gradcu, name)(*operands), operands, cotangent)

        taken = seconds(ours, options.rounds)
        row = [name, f"{1000 * taken:.3f}"]
        for make in others.values():
            work = make(name, options.num)
            row.append("-" if work is None else f"{work(options.rounds) / taken:.2f}")
        rows.append(row)
    return table(["op", "gradcu, ms", *(f"{name} / gradcu" for name in others)], rows)


def _in_torch(name: str, num: int) -> Callable[[int], float] | None:
    torch = optional("torch")
    if torch is None or not torch.cuda.is_available() or not hasattr(torch, name):
        return None
    function = getattr(torch, name)
    operands = [torch.linspace(0.25, 0.75, num, device="cuda", requires_grad=True) for _ in range(1 + (name in TWO))]
    cotangent = operands[0].detach()

    def measure(rounds: int) -> float:
        best = float("inf")
        for _ in range(rounds + 1):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            torch.autograd.grad(function(*operands), operands, cotangent)
            end.record()
            end.synchronize()
            best = min(best, start.elapsed_time(end) / 1000)
        return best

    return measure


def _in_jax(name: str, num: int) -> Callable[[int], float] | None:
    jax = optional("jax")
    if jax is None or jax.default_backend() != "gpu":
        return None
    names = {"neg": "negative", "sub": "subtract", "mul": "multiply", "div": "divide", "atan": "arctan"}
    names |= {"atan2": "arctan2"}
    function = getattr(jax.numpy, names.get(name, name), None) or getattr(jax.nn, name, None)
    if function is None:
        return None
    operands = [jax.numpy.linspace(0.25, 0.75, num, dtype="float32") for _ in range(1 + (name in TWO))]

    def differentiate(*given: Any) -> Any:
        value, pull = jax.vjp(function, *given)
        return value, pull(given[0])

    compiled = jax.jit(differentiate)

    def measure(rounds: int) -> float:
        best = float("inf")
        for _ in range(rounds + 1):
            start = time.perf_counter()
            jax.block_until_ready(compiled(*operands))
            best = min(best, time.perf_counter() - start)
        return best

    return measure


def counts(options: argparse.Namespace, found: Rates) -> str:
    """Kernels launched by a forward, and by it with its backward."""
    rows = []
    for name, f in CHAINS.items():
        x = operand(1024)
        cotangent = gradcu.ones_like(f(x))

        def both(f: Any = f, x: Tensor = x, cotangent: Tensor = cotangent) -> None:
            gradcu.autograd.grad(f(x), x, cotangent)

        forward = launches(lambda f=f, x=x: f(x))
        rows.append([name, str(forward), str(launches(both) - forward)])
    return table(["function", "launches, forward", "launches, backward"], rows)


def sanitizers(options: argparse.Namespace, found: Rates) -> str:
    """NVIDIA's compute-sanitizer over every kernel."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        return "compute-sanitizer is not installed here."
    rows = []
    for tool in TOOLS:
        command = [
            program,
            "--tool",
            tool,
            "--error-exitcode",
            "9",
            sys.executable,
            "-m",
            "benchmarks.gpu",
            "--kernels",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=options.patience, check=False)
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        rows.append([tool, str(done.returncode), *(last or [""])])
    return table(["tool", "exit status", "its last line"], rows)


def golden(options: argparse.Namespace, found: Rates) -> str:
    """Writes what the device computes; the test suite compares with the files in tests/golden/gpu."""
    _gpu_golden.write(options.golden, "cuda", device_line())
    wrong = _gpu_golden.differences(options.golden, "cpu")
    return "\n".join([f"written to {options.golden}", *(f"- not as on the CPU: {line}" for line in wrong)])


PARTS: dict[str, Callable[[argparse.Namespace, Rates], str]] = {
    part.__name__: part for part in (memory, sweeps, products, pointwise, peers, counts, sanitizers, golden)
}


def run_kernels() -> None:
    """Launches every kernel, for compute-sanitizer to watch."""
    from tests.cuda.sanitizer_rows import PROGRAMS

    for program in PROGRAMS.values():
        for dtype in ("float32", "float64"):
            for size in (33, 1025):
                program(size, dtype)
    gradcu.cuda.synchronize()


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables; the exit status is 2 where CUDA can't be had, and 1 where a part failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--num", type=lambda text: int(float(text)), default=3 * 10**7, help="elements, points")
    parser.add_argument("--rounds", type=int, default=10, help="of which the best counts")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS), help="parts to run")
    parser.add_argument(
        "--golden", type=Path, default=_gpu_golden.FOLDER / "gpu.json", help="where results are written"
    )
    parser.add_argument("--patience", type=float, default=60, help="seconds that a tool of compute-sanitizer may take")
    parser.add_argument("--kernels", action="store_true", help="only launch every kernel")
    options = parser.parse_args(arguments)
    if not gradcu.cuda.is_available():
        try:
            gradcu.ones(1, device="cuda")
        except RuntimeError as error:
            print(error, file=sys.stderr)
        return 2
    if options.kernels:
        run_kernels()
        return 0
    described = device_line()
    print(f"{described}\n{machine()}, {versions('gradcu', 'numpy', 'torch', 'jax')}")
    if described.startswith(ON_CPU):
        print("No GPU: the times below are those of the CPU, and say nothing.")
    options.golden.parent.mkdir(parents=True, exist_ok=True)
    measured = rates(4 * options.num, options.rounds)
    failed = False
    for name in options.only:
        part = PARTS[name]
        print(f"\n## {name}\n\n{part.__doc__}\n", flush=True)
        try:
            print(part(options, measured))
        except Exception as error:
            failed = True
            print(f"failed: {type(error).__name__}: {error}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

"""A Function around a CUDA kernel of one's own, with its derivative as a second kernel.

Where there is no CUDA device it says so and ends with exit code 2.
"""

import sys
from typing import Any

import gradcu
from gradcu import Tensor
from gradcu.autograd import Function, gradcheck

if not gradcu.cuda.is_available():
    print("this example needs CuPy and a CUDA device", file=sys.stderr)
    sys.exit(2)

import cupy

THREADS = 128

# Morse's potential at each distance, and its derivative times the cotangent.
SOURCE = r"""
extern "C" __global__ void morse(const double* r, double* energy, double depth, double width, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    double rest = 1 - exp(-width * (r[i] - 1));
    energy[i] = depth * rest * rest;
}
extern "C" __global__ void morse_vjp(
    const double* r, const double* cotangent, double* gradient, double depth, double width, int count
) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    double decay = exp(-width * (r[i] - 1));
    gradient[i] = cotangent[i] * 2 * depth * width * (1 - decay) * decay;
}
"""
MODULE = cupy.RawModule(code=SOURCE)


def launch(name: str, *arrays: Any, depth: float, width: float) -> None:
    count = arrays[0].size
    scalars = (cupy.float64(depth), cupy.float64(width), cupy.int32(count))
    MODULE.get_function(name)((-(-count // THREADS),), (THREADS,), (*arrays, *scalars))


class Morse(Function):
    """depth * (1 - exp(-width * (r - 1)))^2, for distances of float64."""

    @staticmethod
    def forward(ctx: Any, r: Tensor, depth: float, width: float) -> Tensor:
        """The first kernel."""
        ctx.save_for_backward(r)
        ctx.depth, ctx.width = depth, width
        # A kernel reads its arrays element after element.
        distances = cupy.ascontiguousarray(r.detach().cupy())
        energy = cupy.empty_like(distances)
        launch("morse", distances, energy, depth=depth, width=width)
        return gradcu.from_cupy(energy)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        """The second kernel; the other arguments are numbers, which have no gradient."""
        (r,) = ctx.saved_tensors
        distances, cotangent = (cupy.ascontiguousarray(t.detach().cupy()) for t in (r, cotangents[0]))
        gradient = cupy.empty_like(distances)
        launch("morse_vjp", distances, cotangent, gradient, depth=ctx.depth, width=ctx.width)
        return gradcu.from_cupy(gradient), None, None


r = gradcu.linspace(0.7, 3, 1000, dtype=gradcu.float64, device="cuda", requires_grad=True)
energy = Morse.apply(r, 4.5, 1.9)
(force,) = gradcu.autograd.grad(-energy.sum(), r)
print("energy:", energy[::333])
print("force:", force[::333])

# The same in gradcu's own operations, and by finite differences.
expected = 4.5 * (1 - gradcu.exp(-1.9 * (r - 1))) ** 2
assert gradcu.allclose(energy, expected, rtol=1e-12)
assert gradcu.allclose(force, gradcu.autograd.grad(-expected.sum(), r)[0], rtol=1e-9)
points = gradcu.tensor([0.8, 1.0, 1.5], dtype=gradcu.float64, device="cuda", requires_grad=True)
assert gradcheck(lambda at: Morse.apply(at, 4.5, 1.9), (points,))

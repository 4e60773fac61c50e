"""What CuPy's users keep: arrays go in and out without copies, and CuPy's functions record or refuse."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor


@pytest.fixture
def cupy(cuda: str) -> Any:
    return pytest.importorskip("cupy", reason="CUDA was found without CuPy")


def test_memory_is_shared_both_ways(cupy: Any, place: str):
    with cupy.cuda.Device(int(place[-1])):
        array = cupy.arange(3.0)
        makers = (gradcu.from_cupy, gradcu.as_tensor, gradcu.from_dlpack, gradcu.asarray)
        shared = [make(array) for make in makers]
        copied = gradcu.tensor(array)
        array[0] = 7
        back = [cupy.asarray(shared[0]), cupy.from_dlpack(shared[0])]
    assert [tensor.tolist() for tensor in shared] == [[7.0, 1.0, 2.0]] * 4
    assert copied.tolist() == [0.0, 1.0, 2.0]
    assert {str(tensor.device) for tensor in [*shared, copied]} == {place}
    assert shared[0].cupy() is array
    assert [other.data.ptr for other in back] == [array.data.ptr] * 2
    assert shared[0].data_ptr() == array.data.ptr
    assert shared[0].__dlpack_device__() == (2, int(place[-1]))


def test_what_is_refused_says_why(cupy: Any, cuda: str):
    x = gradcu.ones(2, device=cuda, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Can't call cupy\(\) on Tensor that requires grad. Use tensor.detach"):
        x.cupy()
    with pytest.raises(TypeError, match=r"can't convert cpu device type tensor to cupy. Use Tensor.cuda\(\)"):
        gradcu.ones(2).cupy()
    with pytest.raises(TypeError, match=r"can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu\(\)"):
        x.detach().numpy()
    assert x.numpy(force=True).tolist() == [1.0, 1.0]
    with pytest.raises(AttributeError, match="Can't get __cuda_array_interface__ on Variable that requires grad"):
        _ = x.__cuda_array_interface__
    with pytest.raises(AttributeError, match=r"on non-CUDA tensor type: gradcu\.FloatTensor"):
        _ = gradcu.ones(2).__cuda_array_interface__
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        cupy.from_dlpack(x)
    with pytest.raises(TypeError, match=r"expected cupy.ndarray \(got numpy.ndarray\)"):
        gradcu.from_cupy(np.ones(2))
    with pytest.raises(TypeError, match="must speak DLPack, not list"):
        gradcu.from_dlpack([1.0])


def test_cupys_ufuncs_record(cupy: Any, place: str):
    with cupy.cuda.Device(int(place[-1])):
        x = gradcu.linspace(0.5, 2, 4, dtype=gradcu.float64, device=place, requires_grad=True)
        weights = cupy.arange(4.0)
        found = [
            cupy.exp(x), cupy.multiply(weights, x), weights * x, x * weights, weights - x, cupy.power(x, 3),
            cupy.where(weights > 1, x, 0.0), cupy.maximum(x, 1.0),
        ]  # fmt: skip
        gradients = [gradcu.autograd.grad(y.sum(), x)[0] for y in found]
    values, w = x.detach().cpu().numpy(), np.arange(4.0)
    larger = np.where(values == 1, 0.5, values > 1)
    expected = [
        np.exp(values),
        w,
        w,
        w,
        -np.ones(4),
        3 * values**2,
        1.0 * (w > 1),
        larger,
    ]
    assert all(isinstance(y, Tensor) and str(y.device) == place for y in found)
    for gradient, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient.cpu().numpy(), wanted, rtol=1e-14)


def test_numpys_functions_record_on_cuda_too(place: str):
    x = gradcu.linspace(0, 1, 3, device=place, requires_grad=True)
    y = np.sum(np.sin(x))
    y.backward()
    assert x.grad is not None
    assert str(y.device) == str(x.grad.device) == place
    np.testing.assert_allclose(x.grad.cpu().numpy(), np.cos([0, 0.5, 1]), rtol=1e-6)


def test_what_does_not_record_raises_and_names_what_does(cupy: Any, cuda: str):
    x = gradcu.ones(3, device=cuda, requires_grad=True)
    with pytest.raises(TypeError, match=r"cupy.cbrt cannot be recorded .* call it on x.detach\(\).cupy\(\)"):
        cupy.cbrt(x)
    with pytest.raises(TypeError, match=r"cupy.sqrt with out cannot be recorded .*: use gradcu.sqrt"):
        cupy.sqrt(x, out=cupy.zeros(3))
    with pytest.raises(TypeError, match=r"cupy.add cannot be recorded .*: use gradcu.add"):
        operator.iadd(cupy.zeros(3), x)
    kernel = cupy.ElementwiseKernel("T x", "T y", "y = x * x", "squares")
    with pytest.raises(TypeError, match=r"cupy.squares cannot be recorded"):
        kernel(x)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda xp, x: xp.sum(x),
    "sum along an axis": lambda xp, x: xp.sum(x, 1, keepdims=True),
    "sum of another dtype": lambda xp, x: xp.sum(x, dtype=np.float64),
    "prod": lambda xp, x: xp.prod(x, 0),
    "mean": lambda xp, x: xp.mean(x, axis=(0, 1)),
    "max": lambda xp, x: xp.max(x, axis=0),
    "amin": lambda xp, x: xp.amin(x),
    "var": lambda xp, x: xp.var(x, axis=1),
    "std": lambda xp, x: xp.std(x, ddof=1),
    "dot": lambda xp, x: xp.dot(x, x),
    "dot of an array": lambda xp, x: xp.dot(x, xp.arange(3.0)),
    "clip": lambda xp, x: x.clip(0.3, 0.7) if xp is np else xp.clip(x, 0.3, 0.7),
    "reshape": lambda xp, x: xp.reshape(x, (1, -1)),
    "ravel": lambda xp, x: xp.ravel(x),
    "transpose": lambda xp, x: xp.transpose(x),
    "transpose to an order": lambda xp, x: xp.transpose(x, (1, 0)),
    "swapaxes": lambda xp, x: xp.swapaxes(x, 0, 1),
    "squeeze": lambda xp, x: xp.squeeze(xp.reshape(x, (3, 1, 3))),
    "repeat": lambda xp, x: xp.repeat(x, 2, 0),
    "repeat, flat": lambda xp, x: xp.repeat(x, 2),
    "diagonal": lambda xp, x: xp.diagonal(x),
}


@pytest.mark.parametrize("name", CALLS)
def test_cupys_functions_that_call_a_method_record(name: str, cupy: Any, cuda: str):
    """They pass NumPy's parameters, in an order that is not PyTorch's."""
    values = np.linspace(0.1, 0.9, 9).reshape(3, 3)
    x = gradcu.tensor(values, device=cuda, requires_grad=True)
    found = CALLS[name](cupy, x)
    assert isinstance(found, Tensor)
    np.testing.assert_allclose(found.detach().cpu().numpy(), CALLS[name](np, values), rtol=1e-14)
    (gradient,) = gradcu.autograd.grad(found.sum(), x)
    on_cpu = gradcu.tensor(values, requires_grad=True)
    (expected,) = gradcu.autograd.grad(CALLS[name](np, on_cpu).sum(), on_cpu)
    # Of the element in the middle the gradient of var is 0, but for the rounding of the mean.
    np.testing.assert_allclose(gradient.cpu().numpy(), expected.numpy(), rtol=1e-13, atol=1e-15)


def test_cupys_index_functions_call_methods_too(cupy: Any, cuda: str):
    x = gradcu.tensor([[1.0, 7.0], [8.0, 2.0]], device=cuda, requires_grad=True)
    assert cupy.argmax(x).tolist() == 2
    assert cupy.argmin(x, axis=1).tolist() == [0, 1]


def test_methods_keep_pytorchs_meaning(cuda: str):
    x = gradcu.tensor([[1.0, 2.0], [5.0, 4.0]], device=cuda)
    assert x.repeat(2, 1).shape == (4, 2)
    assert x.max(0).indices.tolist() == [1, 1]
    assert x.std(0).tolist() == pytest.approx([2 * 2**0.5, 2**0.5])
    with pytest.raises(TypeError, match=r"sum\(\) takes 4 positional arguments but 5 were given"):
        x.sum(None, None, None, False)  # type: ignore[call-arg]


REFUSED = {
    "sum with out": (lambda cupy, x: cupy.sum(x, out=cupy.zeros(())), "cupy.sum with out .* use gradcu.sum"),
    "a ravel in Fortran's order": (lambda cupy, x: cupy.ravel(x, "F"), "cupy.ravel with order .* use gradcu.ravel"),
    "around": (lambda cupy, x: cupy.around(x), "cupy.around cannot be recorded"),
    "asarray": (lambda cupy, x: cupy.asarray(x), "cupy.asarray cannot be recorded .* use gradcu.asarray"),
    "full": (lambda cupy, x: cupy.full(3, x), "cupy.full cannot be recorded .* use gradcu.full"),
    "cumsum": (lambda cupy, x: cupy.cumsum(x), "expected cupy._core.core._ndarray_base, got Tensor"),
}  # fmt: skip
"""The last takes arrays of CuPy's alone, and asks nobody."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_lose_a_graph_raises(name: str, cupy: Any, cuda: str):
    call, message = REFUSED[name]
    with pytest.raises(TypeError, match=message):
        call(cupy, gradcu.ones(3, device=cuda, requires_grad=True))


def test_no_function_of_cupys_loses_a_graph(cupy: Any, cuda: str):
    """Whatever CuPy has is called with Tensors: floating-point numbers come back with their graph, or not at all."""
    modules = (cupy, cupy.linalg)
    functions = {f"{module.__name__}.{name}": getattr(module, name) for module in modules for name in dir(module)}
    recorded = set()
    for name, function in functions.items():
        if name.rpartition(".")[2].startswith("_") or isinstance(function, type) or not callable(function):
            continue
        x = gradcu.linspace(0.2, 0.8, 4, device=cuda).reshape(2, 2).requires_grad_()
        for arguments in ((x,), (x, x), ([x, x],)):
            try:
                found: Any = function(*arguments)
            except Exception:
                continue
            parts: list[Any] = list(found) if isinstance(found, tuple | list) else [found]
            for part in parts:
                if isinstance(part, cupy.ndarray | np.ndarray):
                    assert part.dtype.kind not in "fc", name
                elif isinstance(part, Tensor) and part.is_floating_point():
                    assert part.requires_grad, name
                    recorded.add(name)
    assert {"cupy.exp", "cupy.sum", "cupy.dot", "cupy.linalg.norm"} <= recorded
    assert len(recorded) > 70


def test_the_hook_by_which_cupy_asks_is_still_there(cupy: Any):
    """It is not documented: without it CuPy's ufuncs would refuse Tensors."""

    class Asked:
        def __cupy_override_elementwise_kernel__(self, kernel: Any, *args: Any, **kwargs: Any) -> Any:
            return kernel.name, kernel.nin, len(args), kwargs

    assert cupy.add(cupy.zeros(1), Asked()) == ("cupy_add", 2, 2, {})
    assert cupy.ElementwiseKernel("T x", "T y", "y = x", "same")(Asked()) == ("same", 1, 1, {})

"""What CuPy's users keep: arrays go in and out without copies, and CuPy's functions record or refuse."""

import operator
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


@pytest.mark.parametrize("name", ["sum", "mean", "max", "cumsum", "concatenate", "asarray", "linalg.norm"])
def test_no_function_of_cupys_loses_a_graph(name: str, cupy: Any, cuda: str):
    x = gradcu.ones(3, device=cuda, requires_grad=True)
    function = cupy.linalg.norm if name == "linalg.norm" else getattr(cupy, name)
    try:
        found = function([x, x] if name == "concatenate" else x)
    except (TypeError, RuntimeError):
        return
    assert isinstance(found, Tensor)
    assert found.requires_grad


def test_the_hook_by_which_cupy_asks_is_still_there(cupy: Any):
    """It is not documented: without it CuPy's ufuncs would refuse Tensors."""

    class Asked:
        def __cupy_override_elementwise_kernel__(self, kernel: Any, *args: Any, **kwargs: Any) -> Any:
            return kernel.name, kernel.nin, len(args), kwargs

    assert cupy.add(cupy.zeros(1), Asked()) == ("cupy_add", 2, 2, {})
    assert cupy.ElementwiseKernel("T x", "T y", "y = x", "same")(Asked()) == ("same", 1, 1, {})

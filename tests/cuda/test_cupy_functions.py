"""What users of CuPy write with Tensors among their arrays: operators, indices, assignments, functions that refuse."""

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


OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge, operator.matmul,
]  # fmt: skip


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("call", OPERATORS)
def test_an_operator_takes_an_array_on_either_side(call: Callable[..., Any], requires_grad: bool, cupy: Any, cuda: str):
    """A Tensor without a graph, too: for CuPy that is nearly an array."""
    values, others = np.array([0.5, 1.5, 3.0]), np.array([2.0, 1.5, 0.5])
    x = gradcu.tensor(values, device=cuda, requires_grad=requires_grad)
    array = cupy.asarray(others)
    pairs = [(call(x, array), call(values, others)), (call(array, x), call(others, values))]
    if call is not operator.matmul:
        pairs += [(call(x, array[0]), call(values, 2.0)), (call(array[0], x), call(2.0, values))]
    for found, expected in pairs:
        assert isinstance(found, Tensor)
        np.testing.assert_allclose(found.detach().cpu().numpy(), expected, rtol=1e-15)
        assert found.requires_grad is (requires_grad and found.is_floating_point())


@pytest.mark.parametrize("call", [operator.and_, operator.or_, operator.xor])
def test_an_operator_on_integers_takes_an_array_on_either_side(call: Callable[..., Any], cupy: Any, cuda: str):
    x, array = gradcu.arange(4, device=cuda), cupy.arange(4) + 1
    for found in (call(x, array), call(array, x)):
        assert isinstance(found, Tensor)
        assert found.tolist() == call(np.arange(4), np.arange(4) + 1).tolist()


def test_a_quotient_of_cupys_records(cupy: Any, cuda: str):
    """Its ufunc has another name than NumPy's."""
    x = gradcu.tensor([1.0, 2.0], dtype=gradcu.float64, device=cuda, requires_grad=True)
    for found in (cupy.divide(1.0, x), cupy.true_divide(cupy.ones(2), x), 1 / x):
        (gradient,) = gradcu.autograd.grad(found.sum(), x)
        assert (found.tolist(), gradient.tolist()) == ([1.0, 0.5], [-1.0, -0.25])


def test_numpy_finds_its_own_way(cupy: Any, cuda: str):
    x = gradcu.ones(2, dtype=gradcu.float64, requires_grad=True)
    for found in (np.ones(2) + x, np.add(np.ones(2), x), np.ones(2) @ x, np.exp(x)):
        assert isinstance(found, Tensor)
        assert found.requires_grad


def test_an_array_is_an_index(cupy: Any, place: str):
    with cupy.cuda.Device(int(place[-1])):
        x = gradcu.arange(4.0, device=place).requires_grad_()
        numbers, mask = cupy.array([3, 0, 3]), cupy.array([True, False, False, True])
        found = x[numbers] * x[cupy.array(2)]
        (gradient,) = gradcu.autograd.grad(found.sum() + x[mask].sum(), x)
        y = x.detach().clone()
        y[numbers] = 5.0
        y[mask[:2].repeat(2)] = cupy.array([7.0, 8.0], cupy.float32)
    assert found.tolist() == [6.0, 0.0, 6.0]
    assert gradient.tolist() == [2.0 + 1, 0.0, 3 + 0 + 3, 2 * 2.0 + 1]
    assert y.tolist() == [7.0, 8.0, 2.0, 5.0]
    with pytest.raises(IndexError, match="must be of integer or bool type, not float64"):
        x[cupy.ones(2)]


def test_an_array_is_assigned(cupy: Any, place: str):
    with cupy.cuda.Device(int(place[-1])):
        x = gradcu.ones(3, device=place, requires_grad=True)
        y = x * 2
        y[1:] = cupy.array([5.0, 6.0])
        y[0] += cupy.array(1.0)
        (gradient,) = gradcu.autograd.grad(y.sum(), x)
    assert (y.tolist(), gradient.tolist()) == ([3.0, 5.0, 6.0], [2.0, 0.0, 0.0])


def test_an_array_takes_what_has_no_graph(cupy: Any, cuda: str):
    x = gradcu.tensor([1.0, 2.0], dtype=gradcu.float64, device=cuda, requires_grad=True)
    array = cupy.zeros(2)
    array += x.detach()
    array[1:] = x.detach()[:1]
    assert cupy.multiply(array, x.detach(), out=array) is array
    with gradcu.no_grad():
        array -= x
    assert array.tolist() == [0.0, 0.0]
    for write in (operator.iadd, lambda to, value: to.__setitem__(slice(None), value), cupy.ndarray.fill):
        with pytest.raises(TypeError, match="cannot be recorded for a gradcu Tensor"):
            write(array, x if write is not cupy.ndarray.fill else x[0])
    assert array.tolist() == [0.0, 0.0]


def test_zero_dim_arrays_are_numbers_in_sequences(cupy: Any, cuda: str):
    assert gradcu.tensor([cupy.array(2.0), 1.0]).tolist() == [2.0, 1.0]
    assert gradcu.as_tensor([[cupy.array(2)], [cupy.array(3)]]).dtype == gradcu.int64
    assert gradcu.tensor([cupy.arange(2), cupy.arange(2)], device=cuda).tolist() == [[0, 1], [0, 1]]


NAMED: dict[str, Callable[[Any, Any], Any]] = {
    "concatenate": lambda cupy, x: cupy.concatenate([x, x]),
    "copy": lambda cupy, x: cupy.copy(x),
    "count_nonzero": lambda cupy, x: cupy.count_nonzero(x),
    "copyto": lambda cupy, x: cupy.copyto(cupy.ones(4), x),
    "nanmax": lambda cupy, x: cupy.nanmax(x),
    "pad": lambda cupy, x: cupy.pad(x, 1),
    "roll": lambda cupy, x: cupy.roll(x, 1),
    "sort": lambda cupy, x: cupy.sort(x),
    "where": lambda cupy, x: cupy.where(x > 0.5, x, 0),
    "zeros_like": lambda cupy, x: cupy.zeros_like(x),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_looks_at_its_argument_names_what_to_use(name: str, cupy: Any, cuda: str):
    hint = f"use gradcu.{name}, or " if hasattr(gradcu, name) else ""
    message = f"cupy.{name} cannot be recorded for a gradcu Tensor: {hint}call it on x.detach"
    with pytest.raises((TypeError, AttributeError), match=message):
        NAMED[name](cupy, gradcu.linspace(0.2, 0.8, 4, device=cuda, requires_grad=True))


def test_an_attribute_that_is_missing_is_told_as_ever(cuda: str):
    x = gradcu.ones(2, device=cuda)
    with pytest.raises(AttributeError, match=r"^'Tensor' object has no attribute 'flags'$"):
        _ = x.flags  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="Can't get __cuda_array_interface__ on Variable that requires grad"):
        _ = x.requires_grad_().__cuda_array_interface__


TYPED = r"Argument '\w+' has incorrect type \(expected cupy._core.core._ndarray_base, got {}\)"
NO_ARRAY = r"'a' must be a cupy.ndarray object, not <class '[\w.]+.{}'>"
UNNAMED: dict[str, tuple[Callable[[Any, Any], Any], type[Exception], str]] = {
    "all": (lambda cupy, x: cupy.all(x), TypeError, NO_ARRAY),
    "any": (lambda cupy, x: cupy.any(x), TypeError, NO_ARRAY),
    "argwhere": (lambda cupy, x: cupy.argwhere(x), TypeError, NO_ARRAY),
    "array_split": (lambda cupy, x: cupy.array_split(x, 2), TypeError, TYPED),
    "ascontiguousarray": (lambda cupy, x: cupy.ascontiguousarray(x), TypeError, TYPED),
    "broadcast_to": (lambda cupy, x: cupy.broadcast_to(x, (2, 4)), TypeError, TYPED),
    "column_stack": (lambda cupy, x: cupy.column_stack([x, x]), TypeError, "Only cupy arrays can be column stacked"),
    "cumprod": (lambda cupy, x: cupy.cumprod(x), TypeError, TYPED),
    "cumsum": (lambda cupy, x: cupy.cumsum(x), TypeError, TYPED),
    "cumulative_sum": (lambda cupy, x: cupy.cumulative_sum(x), TypeError, "`x` should be of type cupy.ndarray"),
    "delete": (lambda cupy, x: cupy.delete(x, 0), ValueError, r"delete\(\): arr must be a cupy.ndarray"),
    "dot of an array": (lambda cupy, x: cupy.ones(4).dot(x), TypeError, TYPED),
    "ediff1d": (lambda cupy, x: cupy.ediff1d(x), TypeError, "`arr` should be of type cupy.ndarray"),
    "expand_dims": (lambda cupy, x: cupy.expand_dims(x, 0), TypeError, TYPED),
    "linalg.inv": (lambda cupy, x: cupy.linalg.inv(x), ValueError, "cupy.linalg only supports cupy.ndarray"),
    "linalg.solve": (lambda cupy, x: cupy.linalg.solve(x, x), ValueError, "cupy.linalg only supports cupy.ndarray"),
    "matmul": (lambda cupy, x: cupy.matmul(x, x), TypeError, TYPED),
    "median": (lambda cupy, x: cupy.median(x), TypeError, TYPED),
    "moveaxis": (lambda cupy, x: cupy.moveaxis(x, 0, 0), TypeError, TYPED),
    "nanprod": (lambda cupy, x: cupy.nanprod(x), TypeError, TYPED),
    "nansum": (lambda cupy, x: cupy.nansum(x), TypeError, TYPED),
    "nonzero": (lambda cupy, x: cupy.nonzero(x), TypeError, NO_ARRAY),
    "rollaxis": (lambda cupy, x: cupy.rollaxis(x, 0), TypeError, TYPED),
    "searchsorted": (lambda cupy, x: cupy.searchsorted(cupy.ones(4), x), NotImplementedError, "supported for v"),
    "size": (lambda cupy, x: cupy.size(x), TypeError, TYPED),
    "stack": (lambda cupy, x: cupy.stack([x, x]), TypeError, TYPED),
    "trapezoid": (lambda cupy, x: cupy.trapezoid(x), TypeError, "`y` should be of type cupy.ndarray"),
}  # fmt: skip
"""Functions of CuPy's that look at the type of their argument alone, and what they say of another one than an array."""


class Silent:
    """What notes that it was asked for anything: attributes, and what is called on its class."""

    asked: list[str] = []  # noqa: RUF012

    def __getattribute__(self, name: str) -> Any:
        if name != "__class__":
            Silent.asked.append(name)
        return object.__getattribute__(self, name)


for _name in (
    "__array__", "__array_function__", "__array_ufunc__", "__bool__", "__cupy_get_ndarray__", "__dlpack__", "__float__",
    "__getitem__", "__index__", "__int__", "__iter__", "__len__",
):  # fmt: skip
    setattr(Silent, _name, lambda self, *args, _name=_name, **kwargs: Silent.asked.append(_name))


@pytest.mark.parametrize("name", UNNAMED)
def test_what_asks_its_argument_for_nothing_raises_in_cupys_words(name: str, cupy: Any, cuda: str):
    """No method or attribute of a Tensor's is reached, so that nothing of gradcu's can name what to use instead."""
    call, error, message = UNNAMED[name]
    with pytest.raises(error, match=message.format("Tensor")):
        call(cupy, gradcu.ones(4, device=cuda, requires_grad=True))
    Silent.asked.clear()
    with pytest.raises(error, match=message.format("Silent")):
        call(cupy, Silent())
    assert Silent.asked == []


MISLED: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "argsort": (lambda cupy, x: cupy.argsort(x), "unexpected keyword argument 'kind'"),
    "bincount": (lambda cupy, x: cupy.bincount(x), "x must be int array"),
    "convolve": (lambda cupy, x: cupy.convolve(x, x), "not supported between instances of 'method' and 'method'"),
    "flip": (lambda cupy, x: cupy.flip(x), "step must be greater than zero"),
    "histogram": (lambda cupy, x: cupy.histogram(x), "x must be a cupy.ndarray"),
    "inner": (lambda cupy, x: cupy.inner(x, x), "unsupported operand type"),
    "kron": (lambda cupy, x: cupy.kron(x, x), TYPED.format("Tensor")),
    "meshgrid": (lambda cupy, x: cupy.meshgrid(x, x), "input has to be cupy.ndarray"),
    "nanmean": (lambda cupy, x: cupy.nanmean(x), TYPED.format("Tensor")),
    "rot90": (lambda cupy, x: cupy.rot90(x.reshape(2, 2)), "step must be greater than zero"),
    "split": (lambda cupy, x: cupy.split(x, 2), TYPED.format("Tensor")),
    "take": (lambda cupy, x: cupy.take(x, cupy.arange(2)), r"take\(\) takes 2 positional arguments"),
    "tensordot": (lambda cupy, x: cupy.tensordot(x, x, 1), "unsupported operand type"),
    "trace": (lambda cupy, x: cupy.trace(x.reshape(2, 2)), r"trace\(\) takes 1 positional argument"),
    "vdot": (lambda cupy, x: cupy.vdot(x, x), "'method' object cannot be interpreted as an integer"),
}
"""Functions that look at what a Tensor has too, with PyTorch's meaning (``size`` is a method), and then raise."""


@pytest.mark.parametrize("name", MISLED)
def test_what_takes_pytorchs_attributes_for_numpys_raises(name: str, cupy: Any, cuda: str):
    call, message = MISLED[name]
    with pytest.raises((TypeError, ValueError), match=message):
        call(cupy, gradcu.linspace(0.2, 0.8, 4, device=cuda, requires_grad=True))


def test_the_hooks_by_which_cupy_asks_are_still_there(cupy: Any):
    """They are not documented."""
    asked: list[Any] = []

    class Asked:
        def __cupy_override_reduction_kernel__(self, kernel: Any, *args: Any, **kwargs: Any) -> Any:
            return kernel.name

        def __cupy_get_ndarray__(self) -> Any:
            asked.append("array")
            return cupy.ones(2)

        def __radd__(self, other: Any) -> str:
            return "its own"

        __array_ufunc__ = None

    assert cupy.count_nonzero(Asked()) == "cupy_count_nonzero"
    assert cupy.concatenate([Asked(), Asked()]).tolist() == [1.0] * 4
    assert asked
    assert cupy.ones(2) + Asked() == "its own"

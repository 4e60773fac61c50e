"""What leaves gradcu or comes back: numbers, lists, arrays, text, copies, pickles, other dtypes."""

import copy
import pickle

import numpy as np
import pytest

import gradcu
from tests.golden import load
from tests.programs import outcome

PROGRAMS: dict[str, str] = {
    "item": "result = torch.tensor([2.5]).item(), torch.tensor(3).item(), torch.tensor(True).item()",
    "item of several": "torch.ones(2).item()",
    "tolist": "result = torch.tensor([[1.0, 2.0]]).tolist(), torch.tensor(3).tolist(), torch.ones(0).tolist()",
    "numpy of a leaf that requires grad": "torch.ones(2, requires_grad=True).numpy()",
    "numpy of a result that requires grad": "(torch.ones(2, requires_grad=True) * 2).numpy()",
    "numpy with force": "result = torch.ones(2, requires_grad=True).numpy(force=True)",
    "numpy shares memory": "x = torch.ones(2); x.numpy()[0] = 7; result = x",
    "numpy of a 0-dim result": "x = torch.tensor(2.0) * 3; result = x.numpy(), x.numpy().dtype, x.numpy().shape",
    "from_numpy shares memory": "a = np.ones(2); x = torch.from_numpy(a); a[0] = 7; result = x",
    "tensor copies": "a = np.ones(2); x = torch.tensor(a); a[0] = 7; result = x",
    "as_tensor shares memory": "a = np.ones(2); x = torch.as_tensor(a); a[0] = 7; result = x",
    "asarray": "result = np.asarray(torch.ones(2)), np.asarray(torch.ones(2), dtype=np.float64)",
    "asarray of what requires grad": "np.asarray(torch.ones(2, requires_grad=True))",
    "data of another shape": "x = torch.ones(2, requires_grad=True); x.data = torch.zeros(1, 3); result = x, x.is_leaf",
    "data of integers": "x = torch.ones(2, requires_grad=True); x.data = torch.zeros(2, dtype=torch.int64)",
    "data of a number": "x = torch.ones(2); x.data = 3",
    "bool": "result = bool(torch.tensor(2.0)), bool(torch.tensor([0])), not torch.tensor(False)",
    "bool of several": "bool(torch.ones(2))",
    "bool of none": "bool(torch.ones(0))",
    "float and int": "result = float(torch.tensor(2.5)), int(torch.tensor([2.9])), complex(torch.tensor(2.0))",
    "float of several": "float(torch.ones(2))",
    "float of what requires grad": "result = float(torch.tensor(2.0, requires_grad=True))",
    "math.exp backward": """
        import warnings
        warnings.simplefilter("ignore")
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = torch.math.exp(2 * x[0])
        y.backward()""",
    "index": "result = [1, 2, 3][torch.tensor(1)], list(range(torch.tensor(3)))",
    "index of a float": "[1, 2, 3][torch.tensor(1.0)]",
    "len": "result = len(torch.ones(3, 2))",
    "len of 0-d": "len(torch.tensor(1.0))",
    "iterate": "result = [r for r in torch.tensor([[1.0], [2.0]])]",
    "iterate over results": "x = torch.ones(2, requires_grad=True); a, b = x * 2; result = a, b",
    "iterate over 0-d": "list(torch.tensor(1.0))",
    "contains": "x = torch.tensor([1.0, 2.0]); result = 2.0 in x, 3 in x, torch.tensor(1.0) in x",
    "contains text": "'a' in torch.ones(2)",
    "format": "result = f'{torch.tensor(2.5):.3f}', f'{torch.tensor(3):d}', f'{torch.ones(2)}'",
    "format of several": "result = f'{torch.ones(2):.2f}'",
    "str": "result = str(torch.tensor([1.5, 2.0]))",
    "size": "x = torch.ones(2, 3); result = x.size(), x.size(1), x.size(-1), x.shape, x.dim(), x.ndim, x.numel()",
    "size out of range": "torch.ones(2, 3).size(2)",
    "size of 0-d": "torch.tensor(1.0).size(0)",
    "shape arithmetic": "s = torch.ones(2, 3).shape; result = s.numel(), s[0], tuple(s), len(s)",
    "casts": """
        x = torch.tensor([1.7, -2.2])
        result = x.double(), x.half(), x.int(), x.long(), x.bool(), x.short()
        result = *result, x.float() is x, x.to(torch.float32) is x""",
    "casts keep the graph": """
        x = torch.tensor([1.5, 2.5], requires_grad=True)
        y = (x.double() * 3).sum()
        y.backward()
        result = y, x.grad""",
    "to device and dtype": "result = torch.ones(2).to('cpu'), torch.ones(2).to('cpu', torch.float64)",
    "to another's": "result = torch.ones(2, dtype=torch.int64).to(torch.ones(1))",
    "to with copy": "x = torch.ones(2); y = x.to(torch.float32, copy=True); result = y is x, y",
    "type": "result = torch.ones(2).type(), torch.ones(2).type(torch.float64)",
    "clone": "x = torch.ones(2, requires_grad=True); y = x.clone(); y.sum().backward(); result = y, x.grad",
    "deepcopy": """
        import copy
        x = torch.ones(2, requires_grad=True)
        (x * 3).sum().backward()
        y = copy.deepcopy(x)
        result = y, y.grad, y is x, y.is_leaf""",
    "copy": "import copy; x = torch.ones(2); y = copy.copy(x); y[0] = 5.0; result = x",
    "hash": "x = torch.ones(2); y = torch.ones(2); result = len({x, y, x})",
    "stride": """
        x = torch.ones(2, 3)
        result = x.stride(), x.t().stride(), x.stride(0), x.is_contiguous(), x.t().is_contiguous()""",
    "requires_grad_": "x = torch.ones(2).requires_grad_(); result = x, x.requires_grad_(False)",
    "integers can't require grad": "torch.tensor([1, 2], requires_grad=True)",
    "integers can't be made to require grad": "torch.tensor([1, 2]).requires_grad_()",
    "a result's requires_grad can't be unset": "y = torch.ones(2, requires_grad=True) * 2; y.requires_grad = False",
    "grad of a result": "y = torch.ones(2, requires_grad=True) * 2; result = y.grad",
    "assigned grad": "x = torch.ones(2, requires_grad=True); x.grad = torch.zeros(2); result = x.grad",
    "assigned grad of another size": "x = torch.ones(2, requires_grad=True); x.grad = torch.zeros(3)",
    "assigned grad that is no tensor": "x = torch.ones(2, requires_grad=True); x.grad = 1",
    "numpy scalar operand": "result = torch.ones(2) * np.float64(2.0), torch.ones(2) + np.float32(2.0)",
    "is_tensor": "result = torch.is_tensor(torch.ones(1)), torch.is_tensor(1)",
    "operator of a string": "torch.ones(2) + 'a'",
    "attributes": "x = torch.ones(2); x.label = 'mine'; result = x.label",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_ends_as_with_pytorch(name: str) -> None:
    assert outcome(PROGRAMS[name], gradcu) == load("conversions")[name]


def test_a_pickled_leaf_keeps_values_dtype_and_requires_grad() -> None:
    x = gradcu.tensor([1.0, 2.0], dtype=gradcu.float64, requires_grad=True)
    again = pickle.loads(pickle.dumps(x))
    assert isinstance(again, gradcu.Tensor)
    assert again.requires_grad
    assert again.dtype == gradcu.float64
    assert again.tolist() == [1.0, 2.0]


def test_a_result_is_not_pickled_without_its_graph() -> None:
    with pytest.raises(RuntimeError, match="detach"):
        pickle.dumps(gradcu.ones(2, requires_grad=True) * 2)


def test_copy_shares_memory_and_deepcopy_does_not() -> None:
    x = gradcu.ones(3)
    assert np.shares_memory(copy.copy(x).numpy(), x.numpy())
    assert not np.shares_memory(copy.deepcopy(x).numpy(), x.numpy())


def test_warning_of_a_results_grad_points_at_the_users_line() -> None:
    y = gradcu.ones(2, requires_grad=True) * 2
    with pytest.warns(UserWarning, match="not a leaf Tensor") as caught:
        assert y.grad is None
    assert caught[0].filename == __file__


def test_math_exp_gives_a_float_with_a_warning_at_the_users_line() -> None:
    x = gradcu.tensor([1.0, 2.0], requires_grad=True)
    with pytest.warns(UserWarning, match="Converting a tensor with requires_grad=True to a scalar") as caught:
        y = gradcu.math.exp(2 * x[0])
    assert isinstance(y, float)
    assert y == 7.38905609893065
    assert caught[0].filename == __file__


def test_a_result_is_not_deepcopied_without_its_graph() -> None:
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(gradcu.ones(2, requires_grad=True) * 2)


def test_a_gradient_of_another_dtype_is_refused() -> None:
    x = gradcu.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="'float64' to a tensor with dtype 'float32'"):
        x.grad = gradcu.zeros(2, dtype=gradcu.float64)

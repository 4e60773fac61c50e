"""Functions that are not elementwise are found out and named; those that are pass, however odd."""

from collections.abc import Callable

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu._device import CPU
from gradcu.autograd import Function
from gradcu.sweeps.domain import Domain
from gradcu.sweeps.grid import LinspaceAxis
from gradcu.sweeps.probe import check_elementwise

LINES = [(-5, 5, 10**7, "float32"), (0, 1, 1, "float64"), (2, 1, 7, "float32")]
DOMAINS = [Domain([LinspaceAxis(*line)]) for line in LINES]

state = {"calls": 0}


def counts_calls(x: Tensor) -> Tensor:
    state["calls"] += 1
    return x * state["calls"]


def branches(x: Tensor) -> Tensor:
    total = x
    for k in range(1, 5):
        total = total + gradcu.sin(x * k) / k if k % 2 else total - gradcu.cos(x) ** k
    return total


class Doubled(Function):
    """A node of the user's own, which no op made."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


class Totalled(Function):
    """Not elementwise, and nothing but its values shows it."""

    @staticmethod
    def forward(ctx, x):
        return x.cumsum(0)

    @staticmethod
    def backward(ctx, grad):
        return grad


ELEMENTWISE = {
    "identity": lambda x: x,
    "polynomial": lambda x: x**3 - 3 * x**2 + 4,
    "pole": lambda x: 1 / x,
    "NaN for half of the points": gradcu.log,
    "NaN slope": lambda x: gradcu.sqrt(x * x),
    "infinite": lambda x: gradcu.exp(1000 * x),
    "zero times infinity": lambda x: x * gradcu.exp(gradcu.abs(x) * 1000),
    "kinks": lambda x: gradcu.relu(x) + gradcu.abs(x - 1),
    "where": lambda x: gradcu.where(x > 0, x, -x * x),
    "steps": gradcu.floor,
    "bool": lambda x: x > 0,
    "int": lambda x: x.to(gradcu.int64),
    "constant": gradcu.ones_like,
    "constant plus": lambda x: gradcu.zeros_like(x) + 3,
    "ill-conditioned": lambda x: gradcu.sin(1e6 * gradcu.exp(x)),
    "noise": lambda x: x + gradcu.randn(x.shape),
    "state": counts_calls,
    "loop": branches,
    "detached": lambda x: x.detach() ** 2,
    "no_grad": gradcu.no_grad()(lambda x: x**2),
    "reshaped and back": lambda x: (x.reshape(-1, 1) ** 2).reshape(-1),
    "sums of one": lambda x: gradcu.stack([x, x * x]).sum(0),
    "other dtype": lambda x: x.to(gradcu.float64) ** 2,
    "custom Function": lambda x: gradcu.sin(Doubled.apply(x)),
}

MIXING = {
    "mean": (lambda x: x - x.mean(), "mean"),
    "detached mean": (lambda x: x - x.detach().mean(), ""),
    "detached max": (lambda x: x - x.detach().max(), ""),
    "detached min": (lambda x: x * x.detach().min(), ""),
    "softmax": (lambda x: gradcu.softmax(x, 0), "softmax"),
    "cumsum": (lambda x: x.cumsum(0), "cumsum"),
    "flip": (lambda x: x.flip(0), "flip"),
    "roll": (lambda x: x.roll(1), "roll"),
    "norm": (lambda x: x / x.norm(), "norm"),
    "first": (lambda x: x * x[0], ""),
    "last": (lambda x: x + x[-1] ** 2, ""),
    "max": (lambda x: x / x.max(), "MaxBackward1"),
    "custom Function": (lambda x: Doubled.apply(x) * x.sum(), "sum$"),
    "above mean": (lambda x: (x > x.mean()) * 1.0, ""),
    "neighbours": (lambda x: gradcu.cat([x[1:] * x[:-1], x[:1]]), ""),
    "weights by position": (lambda x: x * gradcu.linspace(0, 1, len(x)), "position"),
    "divided by number": (lambda x: x / len(x), "number of points"),
    "outer and back": (lambda x: gradcu.outer(x, x).sum(1), "reshape, sum"),
}

RESHAPING = {
    "sum": (lambda x: x.sum(), r"returned shape \(\).*it uses sum"),
    "mean": (lambda x: (x * x).mean(), r"returned shape \(\)"),
    "column": (lambda x: x.reshape(-1, 1), r"returned shape \(61, 1\).*it uses view"),
    "stack": (lambda x: gradcu.stack([x, x]), r"returned shape \(2, 61\)"),
    "differences": (lambda x: x[1:] - x[:-1], r"returned shape \(60,\)"),
    "positive ones": (lambda x: x[x > 0], r"not elementwise.*returned shape"),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("domain", DOMAINS, ids=["wide", "single", "descending"])
def test_elementwise_functions_pass(name: str, domain: Domain):
    check_elementwise(ELEMENTWISE[name], domain, CPU)


@pytest.mark.parametrize("name", MIXING)
@pytest.mark.parametrize("domain", DOMAINS, ids=["wide", "single", "descending"])
def test_mixing_the_points_is_found_out(name: str, domain: Domain):
    function, used = MIXING[name]
    with pytest.raises(ValueError, match=rf"<lambda> is not elementwise: its value at a point depends on.*{used}"):
        check_elementwise(function, domain, CPU)


@pytest.mark.parametrize("name", RESHAPING)
def test_another_shape_is_found_out(name: str):
    function, message = RESHAPING[name]
    with pytest.raises(ValueError, match=message):
        check_elementwise(function, DOMAINS[0], CPU)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: None, "must return a Tensor, not NoneType$"),
        (lambda x: 3.5, r"must return a Tensor, not float; for a constant return gradcu\.full_like\(x, 3\.5\)"),
        (lambda x: (x, x), "must return a Tensor, not tuple$"),
        (lambda x: np.sin(np.zeros(3)), "must return a Tensor, not ndarray$"),
    ],
)
def test_what_is_no_tensor_is_named(function, message: str):
    with pytest.raises(TypeError, match=message):
        check_elementwise(function, DOMAINS[0], CPU)


def test_errors_of_the_function_come_through_with_a_note():
    def broken(x: Tensor) -> Tensor:
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside") as caught:
        check_elementwise(broken, DOMAINS[0], CPU)
    assert "broken on 61 points" in caught.value.__notes__[0]


def test_the_message_names_the_function():
    def reduces_everything(x: Tensor) -> Tensor:
        return x.sum()

    with pytest.raises(ValueError, match=r"reduces_everything is not elementwise"):
        check_elementwise(reduces_everything, DOMAINS[0], CPU)


def test_a_custom_function_is_named_by_its_class():
    with pytest.raises(ValueError, match=r"^Totalled\.apply is not elementwise: its value at a point depends on other"):
        check_elementwise(Totalled.apply, DOMAINS[0], CPU)


def without_grad(x: Tensor) -> Tensor:
    with gradcu.no_grad():
        return gradcu.sin(x)


CUT: dict[str, Callable[[Tensor], Tensor]] = {
    "detach": lambda x: gradcu.sin(x.detach()),
    "detached result": lambda x: gradcu.sin(x).detach(),
    "no_grad": without_grad,
    "numpy": lambda x: gradcu.from_numpy(np.sin(x.detach().numpy())),
    "item": lambda x: gradcu.tensor([gradcu.sin(v).item() for v in x]),
}


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("name", CUT)
def test_a_lost_graph_gives_a_warning_at_the_callers_line(name: str, engine: str):
    with pytest.warns(UserWarning, match="cuts its result off from x") as caught:
        result = gradcu.sweep(CUT[name], 0, 3, 11, engine=engine)
    assert caught[0].filename == __file__
    assert not result.derivative(1).numpy().any()
    # Without derivatives nothing is lost.
    gradcu.sweep(CUT[name], 0, 3, 11, order=0, engine=engine)


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("name", ["noise", "state"])
def test_other_values_at_every_call_give_a_warning_at_the_callers_line(name: str, engine: str):
    with pytest.warns(UserWarning, match="gives other values at every call") as caught:
        gradcu.sweep(ELEMENTWISE[name], 0, 3, 11, engine=engine)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: gradcu.full_like(x, 3),
        lambda x: x.detach() * x,
        lambda x: (x > 1).to(x.dtype),
        lambda x: gradcu.floor(x),
        lambda x: x > 1,
    ],
)
def test_what_has_no_slope_loses_none(f: Callable[[Tensor], Tensor], engine: str):
    gradcu.sweep(f, 0, 3, 11, engine=engine)

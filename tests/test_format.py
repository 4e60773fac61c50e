"""Tensors print as PyTorch prints them."""

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcu._format import format_spec, format_tensor, set_printoptions
from tests.golden import decode, load

CASES = [
    pytest.param(case, id=f"{section}, {name}")
    for section, cases in load("format").items()
    for name, case in cases.items()
]
FLOAT32 = np.dtype("float32")


@pytest.fixture(autouse=True)
def _default_printoptions() -> Iterator[None]:
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")


def show(array: Any, **differing: Any) -> str:
    usual: dict[str, Any] = {"requires_grad": False, "grad_fn_name": None, "default_dtype": FLOAT32}
    return format_tensor(array, **usual | differing)


def built(array: Any) -> np.ndarray[Any, Any]:
    if isinstance(array, np.ndarray):
        return array
    return (np.arange(math.prod(array["shape"])) * array["ramp"]).astype(array["dtype"]).reshape(array["shape"])


@pytest.mark.parametrize("encoded", CASES)
def test_prints_as_pytorch(encoded: dict[str, Any]):
    case = decode(encoded)
    array, text = built(case.pop("array")), case.pop("text").replace("torch.", "gradcu.")
    set_printoptions(**case.pop("options", {}))
    case["default_dtype"] = np.dtype(case.get("default_dtype", "float32"))
    assert show(array, **case) == text
    if array.ndim == 0:
        assert show(array[()], **case) == text


ARRAYS = st.sampled_from(["bool", "int8", "int64", "uint64", "float16", "float32", "float64", "complex64"]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 20),
        "threshold": st.sampled_from([0, 5, 50, math.inf]),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.integers(0, 200),
        "profile": st.sampled_from(["default", "short", "full"]),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")


@given(
    array=ARRAYS, options=OPTIONS, default_dtype=st.sampled_from(["float32", "float64"]), requires_grad=st.booleans()
)
def test_any_array_prints_as_the_installed_pytorch(
    torch: Any, array: np.ndarray[Any, Any], options: dict[str, Any], default_dtype: str, requires_grad: bool
):
    requires_grad &= array.dtype.kind in "fc"
    set_printoptions(profile="default")
    set_printoptions(**options)
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    torch.set_default_dtype(getattr(torch, default_dtype))
    try:
        expected = repr(torch.tensor(array, requires_grad=requires_grad)).replace("torch.", "gradcu.")
    finally:
        torch.set_printoptions(profile="default")
        torch.set_default_dtype(torch.float32)
    assert show(array, requires_grad=requires_grad, default_dtype=np.dtype(default_dtype)) == expected


SHAPES = hnp.array_shapes(max_dims=3, max_side=8)


@given(hnp.arrays("float64", SHAPES, elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_enough_digits_give_the_values_back(array: np.ndarray[Any, Any]):
    set_printoptions(precision=17, profile="full", sci_mode=True)
    text = show(array, default_dtype=array.dtype)
    numbers = re.findall(r"[-+.e0-9]+", text.removeprefix("tensor(").removesuffix(")"))
    assert [float(number) for number in numbers] == array.ravel().tolist()


@given(hnp.arrays("float32", SHAPES, elements=st.floats(1, 900, width=32)), st.integers(40, 120))
def test_columns_align_and_lines_fit(array: np.ndarray[Any, Any], linewidth: int):
    set_printoptions(linewidth=linewidth, profile="full")
    lines = show(array).splitlines()
    assert max(len(line.rstrip(",])")) for line in lines) <= linewidth
    points = [[point.start() for point in re.finditer(r"\.", line)] for line in lines]
    longest = max(points, key=len)
    assert all(columns == longest[: len(columns)] for columns in points)
    assert sum(map(len, points)) == array.size


@given(st.integers(1, 3), st.integers(7, 400))
def test_summary_shows_the_ends_of_each_dimension(ndim: int, extent: int):
    array = np.broadcast_to(np.arange(extent), (extent,) * ndim)
    set_printoptions(threshold=6)
    numbers = [int(number) for number in re.findall(r"\d+", show(array))]
    assert numbers == [0, 1, 2, extent - 3, extent - 2, extent - 1] * 6 ** (ndim - 1)


def test_a_summary_reads_only_what_it_shows():
    array = np.broadcast_to(np.float32(1.5), (10**6,) * 3)
    assert show(array).count("1.5000") == 6**3


def test_set_printoptions_keeps_what_is_not_given_except_sci_mode():
    set_printoptions(precision=2, sci_mode=True)
    assert show(np.float32(1.5)) == "tensor(1.50e+00)"
    set_printoptions(linewidth=60)
    assert show(np.float32(1.5)) == "tensor(1.50)"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"profile": "long"}, ValueError, "profile must be one of 'default', 'short' and 'full', got 'long'"),
        ({"precision": -1}, ValueError, "precision must not be negative, got -1"),
        ({"precision": 2.5}, TypeError, "precision must be an integer, got 2.5"),
        ({"edgeitems": "3"}, TypeError, "edgeitems must be an integer, got '3'"),
        ({"linewidth": -80}, ValueError, "linewidth must not be negative, got -80"),
        ({"threshold": "all"}, TypeError, "threshold must be a number, got 'all'"),
        ({"threshold": math.nan}, ValueError, "threshold must not be negative or NaN, got nan"),
    ],
)
def test_set_printoptions_refuses(options: dict[str, Any], error: type[Exception], message: str):
    usual: dict[str, Any] = {"precision": 1}
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        set_printoptions(**usual | options)
    assert show(np.float32(1.5)) == "tensor(1.5000)"


@pytest.mark.parametrize(
    ("array", "spec", "text"),
    [
        (np.float32(3), "", "3.0"),
        (np.array(0.1, "float32"), "", "0.10000000149011612"),
        (np.array(2.5), ".2f", "2.50"),
        (np.int64(42), ">6", "    42"),
        (np.bool_(True), "", "True"),
        (np.complex128(1 + 2j), "", "(1+2j)"),
        (np.array([2.5]), "", "tensor([2.5000])"),
    ],
)
def test_format_spec(array: Any, spec: str, text: str):
    assert format_spec(array, spec, lambda: show(array, default_dtype=np.dtype("float64"))) == text


def test_format_spec_refuses_a_specification_for_an_array():
    with pytest.raises(TypeError, match=r"^unsupported format string passed to Tensor\.__format__$"):
        format_spec(np.arange(3), ".2f", lambda: "never shown")

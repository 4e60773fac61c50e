"""dtypes, promotion and numeric limits, against tables taken from the real PyTorch."""

import enum
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcu
from gradcu import _dtype as dt
from tests.golden import load

GOLDEN = load("promotion")
NAMES: list[str] = GOLDEN["dtypes"]
NUMBERS = {"bool": True, "int": 1, "float": 1.0, "complex": 1j}
PAYLOADS = ("array", "scalar", "tensor")
operand_names = st.sampled_from([f"{name}[{ndim}]" for name in NAMES for ndim in (0, 1)] + list(NUMBERS))


@pytest.fixture
def restore_default() -> Iterator[None]:
    before = dt.get_default_dtype()
    yield
    dt.set_default_dtype(before)


def operand(name: str, payload: str = "array") -> Any:
    """What `name` stands for in the golden data; a 0-dim tensor's payload may be a NumPy scalar too."""
    if name in NUMBERS:
        return NUMBERS[name]
    dtype, ndim = name.removesuffix("]").split("[")
    array = np.ones((1,) * int(ndim), dtype=dtype)
    if payload == "scalar" and not array.ndim:
        return array[()]
    return SimpleNamespace(_array=array) if payload == "tensor" else array


def outcome(*operands: Any) -> str:
    try:
        return dt.result_type(*operands).name
    except RuntimeError:
        return "error"


def expected(row: str) -> list[str]:
    # NumPy has no complex32, so complex64 stands in for it.
    return row.replace("complex32", "complex64").split()


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("default", list(GOLDEN["result_type"]))
def test_result_type_of_every_pair(default: str, payload: str, restore_default: None) -> None:
    dt.set_default_dtype(np.dtype(default))
    table = GOLDEN["result_type"][default]
    operands = {name: operand(name, payload) for name in table}
    for name, row in table.items():
        got = [outcome(operands[name], other) for other in operands.values()]
        assert got == expected(row), name


def test_result_type_of_three_operands() -> None:
    thirds = [operand(name) for name in GOLDEN["triple_operands"]]
    for names, row in GOLDEN["triples"].items():
        first, second = (operand(name) for name in names.split())
        assert [outcome(third, first, second) for third in thirds] == expected(row), names


@given(st.lists(operand_names, min_size=1, max_size=4), st.sampled_from(PAYLOADS), st.randoms())
def test_result_type_does_not_depend_on_the_order(names: list[str], payload: str, random: Any) -> None:
    # Which pair of the unsigned dtypes meets first decides only whether the error comes before the answer.
    names = [name for name in names if not name.startswith(("uint16", "uint32", "uint64"))] or ["int"]
    shuffled = random.sample(names, len(names))
    assert outcome(*(operand(name, payload) for name in names)) == outcome(*(operand(name) for name in shuffled))


def test_result_type_of_one_operand() -> None:
    assert dt.result_type(2.5) == dt.float32
    assert dt.result_type(np.float64(2.5)) == dt.float64  # a Python float by class, but of a dtype of its own


def test_result_type_of_subclasses_of_python_numbers() -> None:
    class Colour(enum.IntEnum):
        RED = 1

    assert dt.result_type(np.ones(1, np.int8), Colour.RED) == dt.int8
    assert dt.result_type(np.ones(1, np.bool_), Colour.RED) == dt.int64


def test_result_type_of_foreign_byte_order_and_c_types() -> None:
    assert dt.result_type(np.ones(1, ">f4"), 1).isnative
    for code in "lq":
        result = dt.result_type(np.ones(1, code), np.ones(1, np.int64))
        assert (result.name, result is np.dtype(result.name)) == ("int64", True)


@pytest.mark.parametrize("bad", ["1", None, [1.0], Fraction(1, 2), np.float32])
def test_result_type_refuses_other_objects(bad: object) -> None:
    with pytest.raises(TypeError, match=f"not {type(bad).__name__}"):
        dt.result_type(1.0, bad)


def test_result_type_refuses_arrays_of_other_dtypes() -> None:
    for array in (np.array(["a"]), np.array([None]), np.zeros(1, "M8[s]"), np.zeros(1, [("x", "f4")])):
        with pytest.raises(TypeError, match="dtype must be one of"):
            dt.result_type(array, 1.0)


def test_result_type_needs_an_operand() -> None:
    with pytest.raises(TypeError, match="at least one operand"):
        dt.result_type()


def test_promote_types_of_every_pair() -> None:
    for first, row in GOLDEN["promote_types"].items():
        for second, answer in row.items():
            if answer.startswith("RuntimeError: "):
                with pytest.raises(RuntimeError) as caught:
                    dt.promote_types(np.dtype(first), np.dtype(second))
                assert f"RuntimeError: {caught.value}" == answer
            else:
                assert dt.promote_types(np.dtype(first), np.dtype(second)) is np.dtype(answer)


def test_can_cast_of_every_pair() -> None:
    for first, row in GOLDEN["can_cast"].items():
        assert "".join(str(int(dt.can_cast(first, second))) for second in NAMES) == row


def test_constants_are_numpy_dtypes() -> None:
    for name in NAMES:
        assert getattr(dt, "bool_" if name == "bool" else name) is np.dtype(name)


def test_aliases() -> None:
    for name, target in GOLDEN["aliases"].items():
        alias = f"{name}_" if name in ("bool", "int", "float") else name
        assert getattr(dt, alias) is np.dtype(target)


def test_scalar_names() -> None:
    assert {name: dt.scalar_name(np.dtype(name)) for name in NAMES} == GOLDEN["scalar_names"]


def test_categories() -> None:
    for name in NAMES:
        for form in (np.dtype(name), np.ones(1, name), np.ones(1, name)[0]):
            assert dt.is_floating_point(form) == name.startswith("float")
            assert dt.is_complex(form) == name.startswith("complex")


def test_as_dtype_reads_every_form() -> None:
    for name in NAMES:
        for form in (name, np.dtype(name), np.dtype(name).type, np.dtype(name).str, np.dtype(name).newbyteorder()):
            assert dt.as_dtype(form) is np.dtype(name), repr(form)


def test_as_dtype_reads_python_types_as_pytorch() -> None:
    types = {t.__name__: t for t in (bool, int, float, complex)}
    assert {name: dt.as_dtype(t).name for name, t in types.items()} == GOLDEN["python_types"]


def test_as_dtype_reads_pytorchs_names() -> None:
    for name, target in GOLDEN["aliases"].items():
        if name not in ("float", "int"):
            assert dt.as_dtype(name) is np.dtype(target)


def test_as_dtype_makes_one_dtype_of_equal_c_types() -> None:
    for code in "bhilqBHILQefdFD?":
        c_type = np.dtype(code)
        assert dt.as_dtype(c_type) is dt.as_dtype(c_type.type) is np.dtype(c_type.name)


@pytest.mark.parametrize("name", ["float", "int", "uint"])
def test_as_dtype_refuses_ambiguous_names(name: str) -> None:
    with pytest.raises(TypeError, match=f"'{name}' is ambiguous: write '{name}32' or '{name}64'"):
        dt.as_dtype(name)


class HasDtype:
    dtype = np.dtype("float32")


@pytest.mark.parametrize(
    "bad",
    [
        *(None, 3, 1.5, [], {}, ("f4", 2), HasDtype(), HasDtype),
        *("str", "O", "float33", "", "M8[s]", "f4,f4"),
        *(object, str, np.generic, np.floating),
        *(np.dtype(object), np.dtype("U3"), np.dtype("m8"), np.dtype([("x", "f4")])),
    ],
)
def test_as_dtype_refuses(bad: object) -> None:
    with pytest.raises(TypeError, match=r"dtype must be one of bool, uint8, .*complex128, not ") as caught:
        dt.as_dtype(bad)
    assert str(caught.value).endswith(repr(bad))


@pytest.mark.skipif(np.dtype(np.longdouble) == np.dtype(np.float64), reason="long double is float64 here")
def test_as_dtype_refuses_long_double() -> None:
    for bad in (np.longdouble, np.dtype(np.longdouble), "longdouble", "g"):
        with pytest.raises(TypeError, match="dtype must be one of"):
            dt.as_dtype(bad)


@given(st.text(max_size=8))
def test_as_dtype_of_any_text_is_a_dtype_or_a_type_error(text: str) -> None:
    try:
        found = dt.as_dtype(text)
    except TypeError:
        return
    assert found.name in NAMES


@pytest.mark.parametrize(
    ("default", "of_complex"), [("float16", "complex64"), ("float32", "complex64"), ("float64", "complex128")]
)
def test_default_dtype(default: str, of_complex: str, restore_default: None) -> None:
    dt.set_default_dtype(np.dtype(default))
    assert dt.get_default_dtype() is np.dtype(default)
    assert dt.default_complex_dtype() is np.dtype(of_complex)
    assert dt.finfo().dtype == default


def test_default_dtype_is_float32() -> None:
    assert dt.get_default_dtype() is dt.float32
    assert dt.default_complex_dtype() is dt.complex64


def test_set_default_dtype_refuses(restore_default: None) -> None:
    for name, answer in GOLDEN["set_default_dtype"].items():
        with pytest.raises(TypeError) as caught:
            dt.set_default_dtype(np.dtype(name))
        assert f"TypeError: {caught.value}" == f"{answer}, not dtype('{name}')"
    for bad in ("float32", float, np.float32, None, 1):
        with pytest.raises(TypeError, match="invalid dtype object: only floating-point types are supported"):
            dt.set_default_dtype(bad)
    assert dt.get_default_dtype() is dt.float32


@pytest.mark.parametrize("kind", ["finfo", "iinfo"])
def test_numeric_limits(kind: str) -> None:
    for name, facts in GOLDEN[kind].items():
        info = getattr(dt, kind)(np.dtype(name))
        for attribute, value in facts.items():
            got = repr(info) if attribute == "repr" else getattr(info, attribute)
            assert (got, type(got)) == (value, type(value)), (name, attribute)


def test_numeric_limits_compare_by_dtype() -> None:
    made = [dt.finfo(dt.float32), dt.finfo(dt.float64), dt.iinfo(dt.int32), dt.iinfo(dt.int64), "float32"]
    for one, other in itertools.product(made, made):
        assert (one == other) == (one is other)
    assert dt.finfo("float32") == dt.finfo() == dt.finfo(dt.complex64)
    assert len({dt.finfo(dt.float32), dt.finfo(), dt.iinfo(dt.int8), dt.iinfo("int8")}) == 2


def test_numeric_limits_refuse_other_dtypes() -> None:
    for name in ("int32", "bool"):
        with pytest.raises(TypeError, match=rf"gradcu.finfo\(\) requires a floating point .*'{name}'"):
            dt.finfo(name)
    for name in ("float32", "complex64"):
        with pytest.raises(TypeError, match=rf"gradcu.iinfo\(\) requires an integer .*'{name}'"):
            dt.iinfo(name)
    with pytest.raises(TypeError) as caught:
        dt.iinfo(dt.bool_)
    assert f"TypeError: {caught.value}" == GOLDEN["iinfo_bool"].replace("torch.", "gradcu.")


def test_what_a_dtype_has_no_room_for_is_infinite_without_a_warning():
    large = gradcu.tensor(1e300, dtype=gradcu.float64)
    assert (gradcu.ones(2) * large).tolist() == [math.inf, math.inf]
    assert large.to(gradcu.float32).item() == math.inf
    assert gradcu.arange(0, 1e39, 4e38).tolist() == [0, math.inf, math.inf]

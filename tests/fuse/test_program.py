"""Programs: their lines, their keys and their C."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.expr import Table
from gradcu.fuse.program import NotInCError, Program, c_body, program_of
from gradcu.fuse.trace import program

FLOAT32, FLOAT64 = np.dtype("float32"), np.dtype("float64")


def wave(x: Tensor) -> Tensor:
    return gradcu.sin(x) * gradcu.exp(x)


def test_a_program_has_the_lines_that_its_outputs_need_and_no_others():
    table = Table()
    x = table.argument("x", FLOAT32)
    sine = table.call("sin", x)
    table.call("exp", sine)
    found = program_of([table.call("mul", sine, sine), x, sine, table.number(2, FLOAT32)], [x])
    assert [line.op.name for line in found.lines] == ["sin", "mul"]
    assert found.outputs == (1, "x", 0, np.float32(2))
    assert found.inputs == {"x": FLOAT32}
    assert [found.dtype_of(output) for output in found.outputs] == [FLOAT32] * 4


def test_operands_stand_before_their_readers():
    for line in program(lambda x: wave(wave(x)) / wave(x), FLOAT64, 4).lines:
        assert all(operand < line.index for operand in line.operands if isinstance(operand, int))


def test_equal_functions_have_equal_keys():
    assert program(wave, FLOAT32, 2).key == program(lambda x: x.sin() * x.exp(), FLOAT32, 2).key


@pytest.mark.parametrize(
    "other",
    [
        program(wave, FLOAT64, 1),
        program(wave, FLOAT32, 0),
        program(lambda x: gradcu.sin(x) * gradcu.cos(x), FLOAT32, 1),
        program(lambda x: wave(x) + 0.0, FLOAT32, 1),
        program(lambda x: wave(x) + np.nextafter(np.float32(0), np.float32(1)), FLOAT32, 1),
        program(lambda x: gradcu.round(x, decimals=1), FLOAT32, 1),
        program(lambda x: gradcu.round(x, decimals=2), FLOAT32, 1),
    ],
)
def test_keys_tell_programs_apart(other: Program):
    programs = [program(wave, FLOAT32, 1), program(lambda x: gradcu.round(x), FLOAT32, 1)]
    assert other.key not in [known.key for known in programs]


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x, ["out0 = x;"]),
        (lambda x: gradcu.full_like(x, math.inf), ["out0 = T(INFINITY);"]),
        (lambda x: gradcu.full_like(x, -math.inf), ["out0 = T(-INFINITY);"]),
        (lambda x: gradcu.full_like(x, math.nan), ["out0 = T(NAN);"]),
        (lambda x: gradcu.full_like(x, -0.0), ["out0 = T(-0.0);"]),
        (lambda x: x * 0.1, [f"const T t0 = x * T({float(np.float32(0.1))!r});", "out0 = t0;"]),
        (lambda x: gradcu.sin(x) / 3, ["const T t0 = sin(x);", "const T t1 = t0 / T(3.0);", "out0 = t1;"]),
        (lambda x: x**7, ["const T t0 = pow(x, T(7.0));", "out0 = t0;"]),
    ],
)
def test_lines_in_c(f: Callable[[Tensor], Tensor], expected: list[str]):
    assert c_body(program(f, FLOAT32, 0)) == expected


@pytest.mark.parametrize(
    "f",
    [
        lambda x, number: gradcu.sin(x) * number,
        lambda x, number: x**number,
        lambda x, number: number**x,
        lambda x, number: x.clamp(-number, number),
        lambda x, number: gradcu.softplus(x, number, 20.5),
    ],
)
def test_numbers_may_have_names(f: Callable[[Tensor, float], Tensor]):
    programs = [program(lambda x, number=number: f(x, number), FLOAT32, 1).parametrised() for number in (1.7, 2.3)]
    (one, numbers), (other, others) = programs
    assert one.key == other.key
    assert c_body(one) == c_body(other)
    assert numbers != others
    assert list(one.inputs) == ["x", *(f"c{k}" for k in range(len(numbers)))]


def test_a_c_expression_may_depend_on_a_number_that_has_a_name():
    programs = [program(lambda x, base=base: base**x, FLOAT32, 0).parametrised()[0] for base in (2.0, 3.0)]
    assert [c_body(made)[0] for made in programs] == ["const T t0 = exp2(x);", "const T t0 = pow(c0, x);"]
    assert programs[0].key != programs[1].key


def test_conditions_are_ints_in_c():
    body = c_body(program(lambda x: gradcu.where(gradcu.logical_not(x > 0.5), x, -x), FLOAT64, 0))
    assert [line.split(" t")[0] for line in body[:-1]] == ["const int", "const int", "const T", "const T"]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: gradcu.sin(x.to(FLOAT64)).to(FLOAT32),
        lambda x: (x * 4).to(gradcu.int64) * 2,
    ],
)
def test_mixed_dtypes_have_no_c(f: Callable[[Tensor], Tensor]):
    with pytest.raises(NotInCError, match="is neither of float32 nor of bool"):
        c_body(program(f, FLOAT32, 0))

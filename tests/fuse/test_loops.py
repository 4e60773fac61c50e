"""Programs as loops over a tile: every loop finds what it reads, and no two functions share one."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gradcu
from gradcu.fuse.compiler import Compiler
from gradcu.fuse.expr import Expr, Table
from gradcu.fuse.kernel import kernel_of
from gradcu.fuse.loops import tile_statements
from gradcu.fuse.program import Program, program_of
from gradcu.fuse.trace import program
from tests.fuse.agreement import disagreement
from tests.fuse.engines import run_by_numpy

FLOAT64 = np.dtype("float64")


def loops(made: Program) -> list[str]:
    """The text of each loop, and each call that is one."""
    text = "\n".join(tile_statements(made, own_functions=True))
    return re.findall(r"^(?:for .*?^}|gradcu_\w+\([^)]*\);)", text, re.MULTILINE | re.DOTALL)


def test_a_sine_and_a_cosine_of_one_angle_are_one_call():
    made = program(lambda x: gradcu.sin(3 * x) * gradcu.cos(x), FLOAT64, 2)
    calls = [loop for loop in loops(made) if loop.startswith("gradcu_sines_and_cosines")]
    assert len(calls) == 2
    assert sum(line.op.name in ("sin", "cos") for line in made.lines) == 4


def test_each_function_has_a_loop_of_its_own():
    made = program(
        lambda x: gradcu.exp(gradcu.log(x) * 2) + gradcu.tanh(x) * gradcu.erf(x) + gradcu.sqrt(x), FLOAT64, 1
    )
    found = [re.findall(r"\b(exp|log|tanh|erf)\(", loop) for loop in loops(made)]
    assert max(map(len, found)) == 1
    # The derivative of erf has one more exp.
    assert sorted(name for names in found for name in names) == ["erf", "exp", "exp", "log", "tanh"]
    # What is between them: the operand of exp, that of erf's derivative, and the rows.
    assert len(loops(made)) <= 5 + 3


def test_what_has_no_function_is_one_loop():
    made = program(lambda x: gradcu.relu(x**3 - 2 * x) / (1 + gradcu.sqrt(x)), FLOAT64, 2)
    (loop,) = loops(made)
    assert all(f"row{k}[i] = " in loop for k in range(3))


def test_results_are_written_where_they_go():
    text = tile_statements(program(gradcu.sin, FLOAT64, 1), own_functions=True)
    assert text == ["gradcu_sines_and_cosines(in0, row0, row1);"]
    made = program(lambda x: x * 0 + gradcu.exp(x), FLOAT64, 0)
    assert not [line for line in tile_statements(made, own_functions=True) if "row0[i] = tile" in line]


@pytest.mark.parametrize("length", [5, 40])
def test_arrays_are_taken_again(length: int):
    def chain(x: gradcu.Tensor) -> gradcu.Tensor:
        for _ in range(length):
            x = gradcu.sin(gradcu.exp(-x))
        return x

    (declared,) = [line for line in tile_statements(program(chain, FLOAT64, 0), True) if line.startswith("_Alignas")]
    assert declared.count("[TILE]") <= 4


def test_a_number_is_not_taken_for_a_line(compiler: Compiler):
    table = Table()
    x = table.argument("x", FLOAT64)
    numbers = [table.number(float(k), FLOAT64) for k in range(4)]
    made = program_of([*numbers, table.call("add", table.call("exp", x), x), table.call("exp", x)], [x])
    points = np.linspace(-1, 1, 600)
    rows = [np.empty_like(points) for _ in made.outputs]
    kernel_of(made, compiler).at(points, rows)
    for k in range(4):
        np.testing.assert_array_equal(rows[k], float(k))
    np.testing.assert_allclose(rows[4], np.exp(points) + points, rtol=1e-14)
    np.testing.assert_allclose(rows[5], np.exp(points), rtol=1e-14)


def random_program(rng: np.random.Generator, table: Table, argument: Expr) -> list[Expr]:
    """Expressions of exact functions, of arithmetic and of conditions, and at the top some sines and cosines."""
    known, conditions = [argument], []
    for _ in range(14):
        a, b = (known[at] for at in rng.integers(max(0, len(known) - 5), len(known), 2))
        match int(rng.integers(6)):
            case 0:
                known.append(table.call("add", a, b))
            case 1:
                known.append(table.call("mul", a, table.number(0.5, FLOAT64)))
            case 2:
                known.append(table.call("fmod", a, table.number(1.75, FLOAT64)))
            case 3:
                known.append(table.call("remainder", a, table.call("add", b, table.number(40.0, FLOAT64))))
            case 4:
                conditions.append(table.call("greater", a, b))
            case _ if conditions:
                known.append(table.call("where", conditions[rng.integers(len(conditions))], a, b))
            case _:
                known.append(table.call("floor_divide", a, table.number(0.25, FLOAT64)))
    outputs = [known[at] for at in rng.integers(0, len(known), 4)]
    outputs += [table.call(name, known[at]) for name in ("sin", "cos") for at in rng.integers(0, len(known), 2)]
    # The same again, a number, and the argument itself.
    return [*outputs, outputs[0], outputs[5], table.number(1.5, FLOAT64), argument]


def test_random_programs_are_the_same_as_by_numpy(compiler: Compiler, rng: np.random.Generator):
    x = np.concatenate((rng.uniform(-30, 30, 700), [0.0, -0.0, 7.0]))
    for _ in range(12):
        table = Table()
        argument = table.argument("x", FLOAT64)
        made = program_of(random_program(rng, table, argument), [argument])
        expected = run_by_numpy(made, x)
        found = [np.empty_like(x) for _ in expected]
        kernel_of(made, compiler).at(x, found)
        for number, (row, right) in enumerate(zip(found, expected, strict=True)):
            output = made.outputs[number]
            exact = not isinstance(output, int) or made.lines[output].op.name not in ("sin", "cos")
            units = disagreement(row, right, np.zeros_like(x))
            assert units.max() <= (0 if exact else 4), (number, made.lines)

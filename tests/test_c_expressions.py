"""The C expressions of the elementwise ops, compiled as C and as C++, give what the ops give on NumPy."""

from __future__ import annotations

import ctypes
import itertools
import math
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcu._op import OPS, Op
from tests.needs import missing

COMPILERS = {
    "c": (("cc", "gcc", "clang"), ("-std=c11", "-x", "c")),
    "c++": (("c++", "g++", "clang++"), ("-std=c++17", "-x", "c++")),
}
C_TYPES = {"float32": "float", "float64": "double", "int32": "int"}

# Static arguments to try where the defaults are not all there is.
STATICS: dict[str, list[tuple[Any, ...]]] = {
    "add_scaled": [(-2.5,)],
    "sub_scaled": [(3,)],
    "div_rounded": [("trunc",), ("floor",)],
    "pow": [(n,) for n in (0, 1, 2, 3, 4, 5, 6, -1, -2, -3, 0.5, -0.5, 1.7, 17)],
    "pow_of_number": [(2,), (0.3,), (0,)],
    "clamp": [(-0.5, 2, ""), (None, 2, ""), (-0.5, None, "")],
    "clamp_from_below": [("",)],
    "clamp_from_above": [("",)],
    "round": [(0,), (2,), (-1,)],
    "isclose": [(1e-5, 1e-8, False), (0.1, 0.0, True)],
    "leaky_relu_gate": [(0.01,)],
    "softplus": [(1, 20), (2.5, 5)],
    "gelu": [("none",), ("tanh",)],
    "polygamma_of_order": [(0,), (1,), (2,), (5,)],
    "sinc_derivative": [(1,), (2,), (3,), (6,)],
    "elu_of_kind": [(1.0, 1.0, 1.0, ""), (1.5, 1.25, 0.5, "")],
    "threshold": [(0.5, -2.0)],
    "scaled": [(0.75,)],
    "divided": [(0.75,)],
    "softly_shrunk": [(0.5,)],
    "nan_to_num": [(0.5, 9.0, -7.0)],
    "logit": [(None,), (0.25,)],
}
# In C, integers only.
INTEGERS = {name for name in OPS if name.startswith("bitwise_")}

# Where C and NumPy may differ by more than two good implementations do: units of the last place, and the least value
# whose unit counts (for these static arguments).
CONDITION: dict[str, tuple[float, Callable[..., float]]] = {
    # At their roots an error of one unit of the operand is many of the result, and so is one of a larger term.
    "lgamma": (8, lambda: 1.0),
    "digamma": (64, lambda: 4.0),
    "polygamma_of_order": (64, lambda n: 4.0 if n == 0 else 0.0),
    "sinc_derivative": (32, lambda order: math.pi**order),
    # The exponential multiplies the rounding error of its argument, at most about x*x.
    "gelu": (512, lambda approximate: 0.0),
}


@dataclass(frozen=True)
class Call:
    """One op with static arguments."""

    op: Op
    statics: tuple[Any, ...]

    @property
    def name(self) -> str:
        return self.op.name + "".join(f"_{value}" for value in self.statics)

    def expression(self, operands: list[str]) -> str:
        """The C expression, with its operands and static arguments filled in."""
        template = self.op.c
        if callable(template):
            template = template(*self.statics)
        assert isinstance(template, str)
        numbers = {
            name: f"T({value!r})"
            for name, value in zip(self.op.statics, self.statics, strict=True)
            if isinstance(value, int | float)
        }
        return template.format(**dict(zip(self.op.operands, operands, strict=True)), **numbers)


def calls(integers: bool) -> list[Call]:
    found = []
    for op in OPS.values():
        if op.elementwise and (op.name in INTEGERS) == integers:
            defaults = tuple(op.defaults[len(op.operands) :])
            found += [Call(op, statics) for statics in STATICS.get(op.name, [defaults])]
    return found


def source(chosen: list[Call], header: Path, dtype: str) -> str:
    """One translation unit: a loop over each expression."""
    ctype = C_TYPES[dtype]
    lines = [f"#define GRADCU_T {ctype}", f'#include "{header}"'] if dtype != "int32" else []
    if dtype == "int32":
        lines.append("#define T(value) ((int)(value))")
    lines += ["#ifdef __cplusplus", '#define EXPORT extern "C"', "#else", "#define EXPORT", "#endif"]
    for number, call in enumerate(chosen):
        kinds = ["unsigned char" if operand == "condition" else ctype for operand in call.op.operands]
        names = [f"x{i}" for i in range(len(kinds))]
        out = "unsigned char" if results(call, dtype).dtype == bool else ctype
        parameters = ", ".join(f"const {kind} *p{name}" for kind, name in zip(kinds, names, strict=True))
        lines += [
            f"EXPORT void f{number}({parameters}, {out} *out, long count) {{",
            "    for (long i = 0; i < count; i++) {",
            *(f"        const {kind} {name} = p{name}[i];" for kind, name in zip(kinds, names, strict=True)),
            f"        out[i] = {call.expression(names)};",
            "    }",
            "}",
        ]
    return "\n".join(lines) + "\n"


def grid(call: Call, dtype: str) -> list[np.ndarray]:
    """Operands: for one a dense line, for more every combination, both with what is special."""
    if dtype == "int32":
        values = np.array([0, 1, -1, 2, 3, -7, 255, 2**31 - 1, -(2**31)], "int32")
    else:
        limits = np.finfo(dtype)
        special = [0.0, -0.0, math.inf, -math.inf, math.nan, limits.tiny, limits.max, -limits.max, 1e-20, 1e20, -1e-20]
        few = [0.5, -0.5, 1.0, -1.0, 1.5, -2.0, 2.5, 3.0, -3.0, 7.0, 20.0, -20.0, 20.5, 50.0, -100.0]
        line = np.linspace(-30.0, 30.0, 997)
        values = np.array(special + few + (line.tolist() if len(call.op.operands) == 1 else []), dtype)
        if len(call.op.operands) > 2:
            values = np.array([0.0, math.inf, -math.inf, math.nan, 0.5, -0.5, 1.0, -3.0], dtype)
    lists = [np.array([False, True]) if operand == "condition" else values for operand in call.op.operands]
    return [np.ascontiguousarray(axis.ravel()) for axis in np.meshgrid(*lists)]


def results(call: Call, dtype: str) -> np.ndarray:
    """What the op's forward gives on the grid."""
    with np.errstate(all="ignore"):
        return call.op.forward(np, *grid(call, dtype), *call.statics)


@pytest.fixture(scope="module", params=list(itertools.product(COMPILERS, C_TYPES)), ids=lambda param: "-".join(param))
def compiled(
    request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Call], str, ctypes.CDLL]:
    language, dtype = request.param
    commands, options = COMPILERS[language]
    compiler = next((found for found in map(shutil.which, commands) if found), None)
    if compiler is None:
        missing("cc", f"there is no compiler for {language}: none of {', '.join(commands)}")
    chosen = calls(dtype == "int32")
    folder = tmp_path_factory.mktemp("expressions")
    text = folder / "expressions.c"
    text.write_text(source(chosen, root / "kernels" / "gradcu.cuh", dtype))
    library = folder / "expressions.so"
    strict = ["-Wall", "-Wextra", "-Wdouble-promotion", "-Werror", "-Wno-unused-function", "-Wno-unused-variable"]
    command = [compiler, *options, "-O1", "-shared", "-fPIC", *strict, "-o", str(library), str(text), "-lm"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not built.returncode, built.stderr
    return chosen, dtype, ctypes.CDLL(str(library))


def test_expressions_give_what_numpy_gives(compiled: tuple[list[Call], str, ctypes.CDLL]):
    chosen, dtype, library = compiled
    wrong = []
    for number, call in enumerate(chosen):
        operands, expected = grid(call, dtype), results(call, dtype)
        found = np.empty(expected.shape, expected.dtype)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*operands, found)]
        library[f"f{number}"](*pointers, ctypes.c_long(found.size))
        worst = disagreement(call, operands, found, expected)
        if worst:
            wrong.append(worst)
    assert not wrong, "\n".join(wrong)


def disagreement(call: Call, operands: list[np.ndarray], found: np.ndarray, expected: np.ndarray) -> str:
    """The point at which they differ most, if by too much."""
    units, least = CONDITION.get(call.op.name, (8, lambda *statics: 0.0))
    same = found == expected
    if found.dtype.kind == "f":
        # SciPy's erfc is 0 where the result has fewer digits than others.
        tiny = np.finfo(found.dtype).tiny
        same |= (np.isnan(found) & np.isnan(expected)) | ((np.abs(found) < tiny) & (np.abs(expected) < tiny))
    if same.all():
        return ""
    where = np.flatnonzero(~same)
    if found.dtype.kind == "f":
        with np.errstate(all="ignore"):
            unit = np.spacing(np.maximum(np.abs(expected[where]), found.dtype.type(least(*call.statics))))
            errors = np.abs(found[where] - expected[where]) / unit
        errors[np.isnan(errors)] = math.inf
        if errors.max() <= units:
            return ""
        where = where[[int(np.argmax(errors))]]
    point = where[0]
    values = ", ".join(repr(operand[point]) for operand in operands)
    return f"{call.name}({values}) is {found[point]!r} in C, {expected[point]!r} in NumPy"

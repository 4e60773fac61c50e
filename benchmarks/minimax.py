"""Computes the constants and polynomials of kernels/vector_math.h in the precision of each type, and writes them.

`python -m benchmarks.minimax` takes some seconds, needs mpmath, and writes kernels/vector_math_float.h and
kernels/vector_math_double.h. A polynomial is the one with the least largest error, found by Remez's exchange of
extremes (J.-M. Muller, Elementary Functions: Algorithms and Implementation, third edition, 3.5), with its coefficients
then rounded. The error is weighted to be that of the function, in units in the last place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath

PRECISION = 200
"""Bits of what is computed here."""

_POINTS = 401
_ROUNDS = 20

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Kind:
    """A type: its name and suffix in C, and the bits of a number's significand, and of its exponent."""

    name: str
    suffix: str
    significand: int
    exponent: int
    bits: str
    degrees: dict[str, int]
    farthest: int
    """The binary logarithm of the largest angle that three parts of pi/2 reduce."""


KINDS = (
    Kind("float", "f", 24, 8, "unsigned int", {"sine": 2, "cosine": 3, "exponential": 4}, 17),
    Kind("double", "", 53, 11, "unsigned long long", {"sine": 5, "cosine": 6, "exponential": 9}, 30),
)


def text(kind: Kind) -> str:
    """The header of a type."""
    with mpmath.workprec(PRECISION):
        return _TEMPLATE.format(
            name=kind.name,
            bits=kind.bits,
            suffix=kind.suffix,
            width=kind.significand + kind.exponent,
            fraction=kind.significand - 1,
            bias=2 ** (kind.exponent - 1) - 1,
            rounder=_literal(mpmath.mpf(1.5) * 2 ** (kind.significand - 1), kind),
            farthest=_literal(mpmath.mpf(2) ** kind.farthest, kind),
            inverse_half_pi=_literal(2 / mpmath.pi, kind),
            half_pi=_parts("HALF_PI", mpmath.pi / 2, 3, kind),
            inverse_ln2=_literal(1 / mpmath.log(2), kind),
            ln2=_parts("LN2", mpmath.log(2), 2, kind),
            overflow=_literal(mpmath.ceil(mpmath.log(2) * 2 ** (kind.exponent - 1)), kind),
            underflow=_literal(mpmath.floor(-mpmath.log(2) * (2 ** (kind.exponent - 1) + kind.significand - 2)), kind),
            flat=_literal(mpmath.ceil(mpmath.log(2) * (kind.significand + 2) / 2), kind),
            sine=_polynomial("sine", kind),
            cosine=_polynomial("cosine", kind),
            exponential=_polynomial("exponential", kind),
        )


def file_of(kind: Kind) -> Path:
    """Where it stands."""
    return Path(__file__).resolve().parent.parent / "kernels" / f"vector_math_{kind.name}.h"


def minimax(function: Function, weight: Function, degree: int, low: Any, high: Any) -> list[Any]:
    """The coefficients, lowest first, of the polynomial that minimises the largest of weight * (polynomial - function).

    >>> [round(float(c), 3) for c in minimax(lambda x: x * x, lambda x: 1, 1, mpmath.mpf(0), mpmath.mpf(1))]
    [-0.125, 1.0]
    """
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle - half * mpmath.cos(mpmath.pi * (k + 0.5) / _POINTS) for k in range(_POINTS)]
    values = [(function(x), weight(x)) for x in points]
    count = degree + 2
    # Off the middle, where a weight may be 0.
    extremes = [min(_POINTS - 1, k * _POINTS // (count - 1) + (17 if 0 < k < count - 1 else 0)) for k in range(count)]
    coefficients: list[Any] = []
    for _ in range(_ROUNDS):
        matrix = mpmath.matrix(
            [
                [*(points[at] ** power for power in range(degree + 1)), (-1) ** k / values[at][1]]
                for k, at in enumerate(extremes)
            ]
        )
        solution = mpmath.lu_solve(matrix, mpmath.matrix([values[at][0] for at in extremes]))
        coefficients = [solution[power] for power in range(degree + 1)]
        errors = [size * (_value(coefficients, x) - value) for x, (value, size) in zip(points, values, strict=True)]
        found = _alternating(errors, count)
        if found == extremes:
            break
        extremes = found
    return coefficients


def _alternating(errors: Sequence[Any], count: int) -> list[int]:
    """Where the errors have so many extremes of signs that alternate."""
    found: list[int] = []
    for at, error in enumerate(errors):
        if not found or (error > 0) != (errors[found[-1]] > 0):
            found.append(at)
        elif abs(error) > abs(errors[found[-1]]):
            found[-1] = at
    while len(found) > count:
        found.pop(0 if abs(errors[found[0]]) < abs(errors[found[-1]]) else -1)
    assert len(found) == count, "the error has too few extremes"
    return found


def _series(coefficient: Callable[[int], Any]) -> Function:
    """A power series, of which 40 terms are exact here."""
    coefficients = [mpmath.mpf(coefficient(k)) for k in range(40)]
    return lambda x: _value(coefficients, x)


def _value(coefficients: Sequence[Any], x: Any) -> Any:
    """That of a polynomial, the coefficients lowest first; mpmath's own function takes either order by its version."""
    total = mpmath.mpf(0)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


def _coefficients(name: str, degree: int) -> list[Any]:
    """The polynomial of that name in `_TEMPLATE`."""
    # The quotients by which arguments are reduced are rounded: what is left may be a little more than half a period.
    largest_angle, largest_exponent = mpmath.pi / 4 * mpmath.mpf(1.015), mpmath.log(2) / 2 * mpmath.mpf(1.001)
    if name == "sine":
        rest = _series(lambda k: (-1) ** (k + 1) / mpmath.factorial(2 * k + 3))
        return minimax(rest, lambda z: z / (1 + z * rest(z)), degree, mpmath.mpf(0), largest_angle**2)
    if name == "cosine":
        rest = _series(lambda k: (-1) ** k / mpmath.factorial(2 * k + 4))
        found = minimax(
            rest, lambda z: z**2 / (1 - z / 2 + z**2 * rest(z)), degree - 1, mpmath.mpf(0), largest_angle**2
        )
        return [mpmath.mpf(-0.5), *found]
    rest = _series(lambda k: 1 / mpmath.factorial(k + 2))
    return minimax(rest, lambda r: abs(r) / (1 + r * rest(r)), degree, -largest_exponent, largest_exponent)


def _polynomial(name: str, kind: Kind) -> str:
    """Statements that compute it by Horner's rule."""
    first, *others = [_literal(c, kind) for c in reversed(_coefficients(name, kind.degrees[name]))]
    variable = "r" if name == "exponential" else "z"
    lines = [f"    GRADCU_T sum = {first};"]
    lines += [f"    sum = GRADCU_FMA(sum, {variable}, {c});" for c in others]
    return "\n".join((*lines, "    return sum;"))


def _parts(name: str, value: Any, count: int, kind: Kind) -> str:
    """Constants that add up to the value, each as good as the type's numbers are."""
    lines = []
    for number in range(1, count + 1):
        part = _rounded(value, kind)
        lines.append(f"#define GRADCU_{name}_{number} {_literal(part, kind)}")
        value -= part
    return "\n".join(lines)


def _rounded(value: Any, kind: Kind) -> Any:
    with mpmath.workprec(kind.significand):
        return +value


def _literal(value: Any, kind: Kind) -> str:
    """A number of the type in C, in hexadecimal."""
    return re.sub(r"\.?0*p", "p", float(_rounded(value, kind)).hex()) + kind.suffix


_TEMPLATE = """/* What vector_math.h has to know of {name}: written by benchmarks/minimax.py. */
typedef {bits} gradcu_bits;
#define GRADCU_FMA(a, b, c) __builtin_fma{suffix}(a, b, c)

/* How many bits a number has, how many of them are its fraction, and what its exponent's bits have more than it. */
#define GRADCU_WIDTH {width}
#define GRADCU_FRACTION {fraction}
#define GRADCU_BIAS {bias}

/* A number less than a quarter of this one in size is rounded to a whole one where they are added. */
#define GRADCU_ROUNDER {rounder}

/* Up to this size angles are reduced by pi/2 in three parts. */
#define GRADCU_FARTHEST {farthest}
#define GRADCU_INVERSE_HALF_PI {inverse_half_pi}
{half_pi}

#define GRADCU_INVERSE_LN2 {inverse_ln2}
{ln2}

/* From where on exp is infinite, and 0, and tanh is 1. */
#define GRADCU_OVERFLOW {overflow}
#define GRADCU_UNDERFLOW {underflow}
#define GRADCU_FLAT {flat}

/* (sin(r) / r - 1) / z for r in [-pi/4, pi/4] and z = r * r. */
static inline GRADCU_T gradcu_sine_polynomial(GRADCU_T z) {{
{sine}
}}

/* (cos(r) - 1) / z for the same. */
static inline GRADCU_T gradcu_cosine_polynomial(GRADCU_T z) {{
{cosine}
}}

/* (exp(r) - 1 - r) / (r * r) for r in [-log(2)/2, log(2)/2]. */
static inline GRADCU_T gradcu_exponential_polynomial(GRADCU_T r) {{
{exponential}
}}
"""


def main() -> None:
    """Writes the headers."""
    for kind in KINDS:
        file_of(kind).write_text(text(kind), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

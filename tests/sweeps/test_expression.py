"""Expressions: what they may say and what it means, against Python's own arithmetic and math module."""

import ast
import math
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu._device import CPU
from gradcu._op import ELEMENTWISE, FUNCTIONS
from gradcu.expression import CONSTANTS, MAX_LENGTH, MAX_NESTING, Expression, ExpressionError, functions
from gradcu.sweeps.domain import Domain
from gradcu.sweeps.grid import LinspaceAxis
from gradcu.sweeps.probe import check_elementwise

X = [-2.0, -0.5, 0.25, 1.0, 3.0]


def values(text: str) -> list[float]:
    x = gradcu.tensor(X, dtype=gradcu.float64, requires_grad=True)
    return Expression(text)(x).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", lambda x: x),
        ("x**3 - 3*x**2 + 4", lambda x: x**3 - 3 * x**2 + 4),
        ("-x**2", lambda x: -(x**2)),
        ("--x", lambda x: x),
        ("+x", lambda x: x),
        ("2**x", lambda x: 2**x),
        ("2**-1*x", lambda x: x / 2),
        ("x / 4 // 1", lambda x: x / 4 // 1),
        ("x % 3", lambda x: x % 3),
        ("sin(x)*cos(x) - exp(-x*x/8)", lambda x: math.sin(x) * math.cos(x) - math.exp(-x * x / 8)),
        ("pi*x + e", lambda x: math.pi * x + math.e),
        ("where(x < 0, -x, x**2)", lambda x: -x if x < 0 else x**2),
        ("where(x == 1, 5, x)", lambda x: 5 if x == 1 else x),
        ("maximum(x, 0.5)", lambda x: max(x, 0.5)),
        ("minimum(0.5, x)", lambda x: min(x, 0.5)),
        ("(x > 0) * (x <= 1) * x", lambda x: x if 0 < x <= 1 else 0),
        ("where((x > 0) & (x <= 1), 7, x)", lambda x: 7 if 0 < x <= 1 else x),
        ("where((x < 0) | (x > 1), 7, x)", lambda x: 7 if x < 0 or x > 1 else x),
        ("square(x) + clamp_min(x, 0)", lambda x: x * x + max(x, 0)),
        ("hypot(x, 3)", lambda x: math.hypot(x, 3)),
        ("clamp(x, -1, 1)", lambda x: max(-1, min(1, x))),
        ("leaky_relu(x, negative_slope=0.5)", lambda x: x if x > 0 else 0.5 * x),
        ("x * sin(1)", lambda x: x * math.sin(1)),
        ("x * sqrt(2 + 2)", lambda x: 2 * x),
        ("abs(x) ** 0.5", lambda x: abs(x) ** 0.5),
        ("  x\n + 1 ", lambda x: x + 1),
        ("x * 1_000", lambda x: x * 1000),
        ("x * 0x10", lambda x: x * 16),
        ("x * 123456789123456789", lambda x: x * 123456789123456789),
    ],
)
def test_meaning(text: str, expected):
    np.testing.assert_allclose(values(text), [expected(x) for x in X], rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("-1e3", -1000.0), ("-2*pi", -2 * math.pi), ("2**10", 1024), ("9**0.5", 3.0), ("7 // 2", 3),
     ("2**1000", 2.0**1000), ("exp(1)", math.exp(1)), ("10**30", 1e30), ("0.1", 0.1)],
)  # fmt: skip
def test_constants_are_numbers(text: str, value: float):
    expression = Expression(text)
    assert expression.value == value
    assert expression(gradcu.zeros(3, dtype=gradcu.float64)).tolist() == [value] * 3


def test_an_expression_in_x_has_no_value():
    assert Expression("x - x").value is None


def numbers_and_x():
    leaves = st.sampled_from(["x", "2", "0.5", "3", "pi"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from([" + ", "-", "*", " - "]), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
            st.tuples(inner, st.sampled_from("+-*"), inner).map("".join),
            inner.map(lambda t: f"-{t}"),
            inner.map(lambda t: f"sin({t})"),
            inner.map(lambda t: f"({t})**2"),
        ),
        max_leaves=12,
    )


@settings(deadline=None)
@given(numbers_and_x())
def test_any_expression_means_what_python_means(text: str):
    # The reference is Python's own evaluation, of text that this test made.
    code = compile(ast.parse(text, mode="eval"), "expression", "eval")
    expected = [eval(code, {"x": x, "sin": math.sin, "pi": math.pi}) for x in X]  # noqa: S307
    found = values(text)
    scale = [1 + abs(value) for value in expected]
    np.testing.assert_allclose(np.divide(found, scale), np.divide(expected, scale), atol=1e-6)


def test_no_elementwise_function_is_left_out():
    domain = Domain([LinspaceAxis(0.1, 0.9, 10, "float64")])
    x = gradcu.tensor(domain.block(0, 10)[0])
    forgotten = []
    for name, function in FUNCTIONS.items():
        # What makes a tensor like another, or tells complex numbers from real ones, is of no use in an expression.
        if name in functions() or name.endswith("_like") or name == "isreal":
            continue
        try:
            check_elementwise(function, domain, CPU)
        except (TypeError, ValueError, RuntimeError, IndexError, UserWarning, BufferError):
            continue
        # Neither are copies, and changes of shape that change nothing here.
        if not np.allclose(function(x).tolist(), x.tolist()):
            forgotten.append(name)
    assert not forgotten


def test_derivatives_flow():
    x = gradcu.tensor(X, dtype=gradcu.float64, requires_grad=True)
    Expression("x**3 - 2*sin(x)")(x).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.tolist(), [3 * v * v - 2 * math.cos(v) for v in X])


def test_the_whitelist_is_the_registry():
    known = functions()
    assert {"sin", "exp", "where", "clamp", "maximum", "pow", "erf", "softplus", "atan2"} <= set(known)
    assert set(known).isdisjoint({"sum", "mean", "cumsum", "sort", "flip", "reshape", "norm", "tensor", "load"})
    assert all(getattr(gradcu, name) is FUNCTIONS[name] for name in known)
    assert set(known) == ELEMENTWISE


@pytest.mark.parametrize(
    ("text", "message", "marked"),
    [
        ("foo(x)", "unknown function 'foo'", "foo"),
        ("x + sn(x)", "unknown function 'sn'; did you mean 'sin'?", "sn"),
        ("ln(x)", "unknown function 'ln'; did you mean 'log'?", "ln"),
        ("x + y", "unknown name 'y'", "y"),
        ("X**2", "unknown name 'X'", "X"),
        ("sin", "'sin' is a function; write sin(x)", "sin"),
        ("sin + x", "'sin' is a function; write sin(x)", "sin"),
        ("sum(x)", "'sum' is not elementwise", "sum"),
        ("max(x, 0)", "'max' is not elementwise, so it has no place in an expression; write maximum(a, b)", "max"),
        ("x.grad", "attribute access 'x.grad' is not allowed", "x.grad"),
        ("np.sin(x)", "attribute access 'np.sin' is not allowed; write sin alone", "np.sin"),
        ("x.__class__.__mro__", "attribute access 'x.__class__.__mro__'", "x.__class__.__mro__"),
        ("__import__('os')", "unknown function '__import__'", "__import__"),
        ("__import__('os').system('ls')", "attribute access", "__import__('os').system"),
        ("open('f')", "unknown function 'open'", "open"),
        ("eval('x')", "unknown function 'eval'", "eval"),
        ("(lambda: x)()", "'lambda: x' is not a function; multiplication is written *", "lambda: x"),
        ("lambda x: x", "'lambda' is not available", "lambda x: x"),
        ("[x for x in x]", "'[x for x in x]' is not allowed", "[x for x in x]"),
        ("[x]", "'[x]' is not allowed", "[x]"),
        ("{x}", "'{x}' is not allowed", "{x}"),
        ("x[0]", "'x[0]' is not allowed", "x[0]"),
        ("x, x", "a comma makes two expressions", "x, x"),
        ("f'{x}'", "\"f'{x}'\" is not allowed", "f'{x}'"),
        ("'x'", "\"'x'\" is not a real number", "'x'"),
        ("1j*x", "'1j' is not a real number", "1j"),
        ("True*x", "'True' is not a real number", "True"),
        ("...", "'...' is not a real number", "..."),
        ("x^2", "'^' is not a power here; write **", "x^2"),
        ("x @ x", "'@' multiplies matrices", "x @ x"),
        ("x << 2", "the operator in 'x << 2' is not available", "x << 2"),
        ("~x", "the operator in '~x' is not available", "~x"),
        ("not x", "the operator in 'not x' is not available", "not x"),
        ("x if x > 0 else 1", "write where(x > 0, a, b)", "x if x > 0 else 1"),
        ("x > 0 and x < 1", "'and' and 'or' are not available", "x > 0 and x < 1"),
        ("x > 0 & x < 1", "comparisons can't be chained", "x > 0 & x < 1"),
        ("x + (1.5 & 2)", "'1.5 & 2' combines what are no conditions", "1.5 & 2"),
        ("0 < x < 1", "comparisons can't be chained", "0 < x < 1"),
        ("x is x", "the operator in 'x is x' is not available", "x is x"),
        ("(y := x)", "assignments are not available", "y := x"),
        ("2(x)", "'2' is not a function; multiplication is written *", "2"),
        ("x(2)", "'x' is not a function; multiplication is written *", "x"),
        ("pi(x)", "'pi' is not a function; multiplication is written *", "pi"),
        ("sin(*x)", "'*x' is not allowed", "*x"),
        ("sin(**x)", "a keyword argument of sin must be a number", "**x"),
        ("leaky_relu(x, negative_slope=x)", "a keyword argument of leaky_relu must be a number", "negative_slope=x"),
        ("1 / 0", "'1 / 0' divides by zero", "1 / 0"),
        ("x + 5 % 0", "'5 % 0' divides by zero", "5 % 0"),
        ("9**9**9**9", "is too large", "9**9**9"),
        ("x * 10.0**400", "'10.0**400' is too large", "10.0**400"),
        ("(-8)**(1/3)", "is not a real number", "(-8)**(1/3)"),
        ("1e999*x", "this number is too large for float64", "1e999"),
        ("yield x", "syntax error", None),
        ("x +", "syntax error: the expression ends too early", ""),
        ("2x", "syntax error: invalid decimal literal; multiplication is written *", "2"),
        ("PI * x", "unknown name 'PI'; did you mean 'pi'?", "PI"),
        ("math.pi * x", "attribute access 'math.pi' is not allowed; write pi alone", "math.pi"),
        ("sin(x", "syntax error: '(' was never closed", "("),
        ("x)", "syntax error", ")"),
        ("import os", "syntax error", None),
        ("x = 2", "syntax error", None),
        ("x; x", "syntax error", None),
        ("x²", "syntax error", "²"),
        ("ü + ß(x)", "unknown name 'ü'", "ü"),
        ("'ü' + y", "is not a real number", "'ü'"),
        ("x\0", "syntax error", None),
        ("", "the expression is empty", None),
        ("   ", "the expression is empty", None),
    ],
)  # fmt: skip
def test_what_is_refused_is_named_with_a_caret(text: str, message: str, marked: str | None):
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    first, source, carets = str(caught.value).split("\n")
    assert message in first
    assert set(carets.strip()) == {"^"}
    if marked is not None:
        assert source[carets.index("^") :][: carets.count("^")] == marked


@pytest.mark.parametrize("text", ["sin()", "sin(x, x, x)", "atan2(x)", "sin(x, nonsense=1)"])
def test_wrong_arguments_are_told_when_called(text: str):
    with pytest.raises(ExpressionError, match=r"sin|atan2"):
        Expression(text)(gradcu.zeros(3))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "x" + ")" * 5000,
        "(" * 2000 + "x" + ")" * 2000,
        "sin(" * 1000 + "x" + ")" * 1000,
        "[" * 3000,
        "-" * 4000 + "x",
        "not " * 1000 + "x",
        "x" + "+x" * 5000,
        "x." * 2000 + "x",
        "lambda:" * 500 + "x",
        "x if x else " * 300 + "x",
        "9" * 4000,
        "9**" * 1300 + "9",
        "\\" * 3000,
        '"' * 3001,
        "{" * 50 + "x",
    ],
    ids=lambda text: f"{text[:6]!r}x{len(text)}",
)
def test_nothing_brings_the_parser_down(text: str):
    begun = time.perf_counter()
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    assert len(str(caught.value)) < 600
    assert time.perf_counter() - begun < 30, "an expression must not take forever"


def test_a_small_stack_survives_the_longest_expressions():
    code = """
import threading
from gradcu._device import CPU
from gradcu._op import ELEMENTWISE, FUNCTIONS
from gradcu.expression import Expression, ExpressionError
def work():
    for text in ("-" * 4095 + "x", "x**" * 1364 + "x", "(" * 100 + "x" + ")" * 100, "x" + "*x" * 2000):
        try:
            Expression(text)
        except ExpressionError:
            pass
    print("survived")
threading.stack_size(512 * 1024)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "survived\n", done.stderr


def test_a_long_sum_is_fine():
    text = "x" + "+x" * ((MAX_LENGTH - 1) // 2)
    assert values(text) == [(1 + (MAX_LENGTH - 1) // 2) * x for x in X]


def test_brackets_up_to_the_bound_are_fine():
    text = "(" * MAX_NESTING + "x" + ")" * MAX_NESTING
    assert values(text) == X
    with pytest.raises(ExpressionError, match=f"nested more than {MAX_NESTING} deep"):
        Expression(f"({text})")


def test_a_caret_in_a_long_line_shows_its_surroundings():
    text = " + ".join(["x"] * 300) + " + nonsense + " + " + ".join(["x"] * 300)
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    _, source, carets = str(caught.value).split("\n")
    assert len(source) <= 110
    assert source[carets.index("^") :][: carets.count("^")] == "nonsense"


@settings(deadline=None)
@given(st.text(alphabet="x0123456789.+-*/%()[]{}<>=!, sincopeabljt:_'\"\\#@&|^~\n\t", max_size=40))
def test_any_text_is_an_expression_or_an_expression_error(text: str):
    try:
        expression = Expression(text)
    except ExpressionError:
        return
    if expression.value is None:
        try:
            expression(gradcu.zeros(3))
        except ExpressionError:
            return


def test_constants_are_the_packages():
    assert all(getattr(gradcu, name) is value or math.isnan(value) for name, value in CONSTANTS.items())

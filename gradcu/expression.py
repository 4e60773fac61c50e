"""Expressions from the command line: parsed with ast against a whitelist, compiled to a function of Tensors.

Nothing is ever evaluated by Python itself. Length and nesting are bounded before the parser sees the text, and a power
of constants before it is computed, so no text takes long or brings the process down.
"""

from __future__ import annotations

import ast
import difflib
import math
import operator
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _functions
from ._by_need import ELEMENTWISE as ELEMENTWISE_BY_NEED
from ._by_need import FUNCTIONS as FUNCTIONS_BY_NEED
from ._op import ELEMENTWISE, FUNCTIONS

if TYPE_CHECKING:
    from ._tensor import Tensor

MAX_LENGTH = 4096
MAX_NESTING = 100
_MANY_SIGNS = re.compile(rf"[-+~](\s*[-+~]){{{MAX_NESTING}}}")
# Below this, every whole number is a float64 exactly, and arithmetic on two of them is cheap.
_EXACT = 2**53

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}

_OPERATORS: dict[type[ast.AST], tuple[str, Callable[..., Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
    ast.USub: ("-", operator.neg),
    ast.UAdd: ("+", operator.pos),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.BitAnd: ("&", operator.and_),
    ast.BitOr: ("|", operator.or_),
}

_REFUSED: dict[type[ast.AST], str] = {
    ast.BitXor: "'^' is not a power here; write **",
    ast.BoolOp: "'and' and 'or' are not available; write (x > 0) & (x < 1), (x < 0) | (x > 1)",
    ast.IfExp: "'if' is not available; write where(x > 0, a, b)",
    ast.MatMult: "'@' multiplies matrices; an expression is elementwise",
    ast.Lambda: "'lambda' is not available; the expression itself is the function",
    ast.Tuple: "a comma makes two expressions; give one",
    ast.NamedExpr: "assignments are not available",
}


class ExpressionError(ValueError):
    """What is wrong with an expression: one line, then the expression with a caret under the place."""

    def __init__(self, message: str, text: str, start: int = 0, end: int | None = None) -> None:
        self.message = message
        super().__init__("\n".join((message, *_caret_lines(text, start, start + 1 if end is None else end))))


class Expression:
    """A function of Tensors, one for each of the variables, given as text: ``Expression("x**3 - 3*x**2 + 4")(x)``.

    The text may use the variables, numbers, pi, e, inf and nan, ``+ - * / // % **``, comparisons, ``& |`` and gradcu's
    elementwise functions. Raises ExpressionError, a ValueError, for anything else, and ValueError for variables that
    are called as one of these.

    >>> import gradcu
    >>> Expression("where(x < 0, -x, sin(pi * x))")(gradcu.tensor([-2.0, 0.5]))
    tensor([2., 1.])
    >>> Expression("u * v", ["u", "v"])(gradcu.tensor(2.0), gradcu.tensor(3.0))
    tensor(6.)
    """

    def __init__(self, text: str, variables: Sequence[str] = ("x",)) -> None:
        parser = _Parser(text, variables)
        result = parser.parse()
        self.text = self.__qualname__ = parser.source
        self._code = result if isinstance(result, list) else None
        self.value: float | int | None = None if isinstance(result, list) else result
        """The number that the text stands for, where it names no variable."""

    def __call__(self, *values: Tensor) -> Tensor:
        """The value where the variables have these. Raises ExpressionError where a function refuses its arguments."""
        if self._code is None:
            return FUNCTIONS["full_like"](values[0], self.value)
        stack: list[Any] = []
        for step in self._code:
            step.run(stack, values)
        return stack[0]

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def functions() -> list[str]:
    """The names of the functions that an expression may call: gradcu's public elementwise ones."""
    return sorted({*ELEMENTWISE, *ELEMENTWISE_BY_NEED})


class _Step:
    """One instruction of a stack machine: replaces its arguments on the stack by the function's result."""

    __slots__ = ("arguments", "end", "function", "keywords", "name", "start", "text")

    def __init__(self, name: str, function: Callable[..., Any], arguments: int, keywords: dict[str, Any],
                 text: str, place: tuple[int, int]) -> None:  # fmt: skip
        self.name, self.function, self.arguments, self.keywords = name, function, arguments, keywords
        self.text, (self.start, self.end) = text, place

    def run(self, stack: list[Any], values: Sequence[Any]) -> None:
        cut = len(stack) - self.arguments
        stack[cut:] = [self.call(stack[cut:])]

    def call(self, arguments: Sequence[Any]) -> Any:
        try:
            return self.function(*arguments, **self.keywords)
        except (TypeError, ValueError, RuntimeError, ImportError) as error:
            problem = str(error)
            if not problem.startswith(self.name):
                problem = f"{self.name}: {problem}"
            raise ExpressionError(problem, self.text, self.start, self.end) from error


class _Variable:
    def __init__(self, number: int) -> None:
        self.number = number

    def run(self, stack: list[Any], values: Sequence[Any]) -> None:
        stack.append(values[self.number])


class _Constant:
    def __init__(self, value: float | int) -> None:
        self.value = value

    def run(self, stack: list[Any], values: Sequence[Any]) -> None:
        stack.append(self.value)


_Code = list[_Step | _Variable | _Constant]


class _Parser:
    def __init__(self, text: str, variables: Sequence[str]) -> None:
        # One line, so that places are columns; a space for a line break keeps them where they are.
        self.text = re.sub(r"\s", " ", text).rstrip()
        self.functions = functions()
        self.variables = list(variables)
        for name in self.variables:
            if name in CONSTANTS or name in self.functions:
                kind = "constant" if name in CONSTANTS else "function"
                raise ValueError(f"a variable can't be called {name!r}, which is a {kind}")

    def error(self, message: str, node: Any) -> ExpressionError:
        return ExpressionError(message, self.text, *self.place(node))

    def place(self, node: Any) -> tuple[int, int]:
        """Columns in characters; ast counts bytes."""
        line = self.source.encode()
        start = len(line[: node.col_offset].decode()) + self.indent
        return start, len(line[: node.end_col_offset].decode()) + self.indent

    def parse(self) -> _Code | float | int:
        """The instructions, or the number that the expression stands for."""
        if len(self.text) > MAX_LENGTH:
            raise ExpressionError(f"the expression has {len(self.text)} characters; at most {MAX_LENGTH}", self.text)
        self.source = self.text.lstrip()
        self.indent = len(self.text) - len(self.source)
        if not self.source:
            raise ExpressionError("the expression is empty", self.text)
        self._bound_nesting()
        tree = self._tree()
        stack: list[_Code | float | int] = []
        # Operands before operators, without recursion: a sum of a thousand terms is a thousand levels deep.
        pending: list[Any] = [tree.body]
        while pending:
            item = pending.pop()
            if isinstance(item, _Step):
                self._apply(item, stack)
            elif isinstance(item, ast.Constant):
                stack.append(self._literal(item))
            elif isinstance(item, ast.Name):
                stack.append(self._name(item))
            else:
                step, operands = self._operation(item)
                pending.append(step)
                pending.extend(reversed(operands))
        return stack[0]

    def _bound_nesting(self) -> None:
        depth = 0
        for column, character in enumerate(self.text):
            if character in "([{":
                depth += 1
                if depth > MAX_NESTING:
                    raise ExpressionError(f"brackets are nested more than {MAX_NESTING} deep", self.text, column)
            elif character in ")]}":
                depth -= 1
        # Python 3.13's parser goes into each as deep as into a bracket, and overflows the small stack of a thread.
        signs = _MANY_SIGNS.search(self.text)
        if signs is not None:
            raise ExpressionError(f"more than {MAX_NESTING} signs in a row", self.text, signs.start())

    def _tree(self) -> ast.Expression:
        try:
            with warnings.catch_warnings():
                # Python's parser warns at what it finds odd, such as `1or x`; here that is refused further on.
                warnings.simplefilter("ignore")
                return ast.parse(self.source, mode="eval")
        except SyntaxError as error:
            # At the end of the text the parser gives no place.
            start = (error.offset - 1 if error.offset else len(self.source)) + self.indent
            end = (error.end_offset or 0) - 1 + self.indent
            raise ExpressionError(self._syntax_problem(error, start), self.text, start, end) from None
        except (ValueError, MemoryError, RecursionError):
            raise ExpressionError("syntax error: nested too deeply", self.text) from None

    def _syntax_problem(self, error: SyntaxError, start: int) -> str:
        if error.msg == "invalid syntax" and start >= len(self.text):
            return "syntax error: the expression ends too early"
        hint = "; multiplication is written *" if error.msg == "invalid decimal literal" else ""
        return f"syntax error: {error.msg}{hint}"

    def _apply(self, step: _Step, stack: list[_Code | float | int]) -> None:
        cut = len(stack) - step.arguments
        arguments = stack[cut:]
        del stack[cut:]
        if any(isinstance(argument, list) for argument in arguments):
            code: _Code = []
            for argument in arguments:
                code.extend(argument if isinstance(argument, list) else [_Constant(argument)])
            code.append(step)
            stack.append(code)
        else:
            stack.append(self._constant(step, arguments))

    def _constant(self, step: _Step, arguments: list[Any]) -> float | int:
        """The value of an operation on numbers alone."""
        if step.name in self.functions:
            tensors = [FUNCTIONS["tensor"](argument, dtype=np.dtype("float64")) for argument in arguments]
            return step.call(tensors).item()
        try:
            value = _power(*arguments) if step.function is operator.pow else step.function(*arguments)
            if not isinstance(value, complex):
                return _bounded(value)
            problem = "is not a real number"
        except OverflowError:
            problem = "is too large"
        except ZeroDivisionError:
            problem = "divides by zero"
        except TypeError:
            problem = "combines what are no conditions"
        raise ExpressionError(f"{self.text[step.start : step.end]!r} {problem}", self.text, step.start, step.end)

    def _literal(self, node: ast.Constant) -> float | int:
        value = node.value
        if type(value) not in (int, float):
            raise self.error(f"{self.source_of(node)!r} is not a real number", node)
        try:
            value = _bounded(value)
        except OverflowError:
            value = math.inf
        if value == math.inf:
            raise self.error("this number is too large for float64", node)
        return value

    def _name(self, node: ast.Name) -> _Code | float | int:
        if node.id in self.variables:
            return [_Variable(self.variables.index(node.id))]
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        if node.id in self.functions:
            raise self.error(f"{node.id!r} is a function; write {node.id}({self.variables[0]})", node)
        close = self._suggestion(node.id, [*self.variables, *CONSTANTS])
        names = ", ".join(self.variables)
        known = f"the variable is {names}" if len(self.variables) == 1 else f"the variables are {names}"
        raise self.error(f"unknown name {node.id!r}{close}; {known}", node)

    def _operation(self, node: Any) -> tuple[_Step, list[Any]]:
        if isinstance(node, ast.BinOp):
            return self._step(node.op, node), [node.left, node.right]
        if isinstance(node, ast.UnaryOp):
            return self._step(node.op, node), [node.operand]
        if isinstance(node, ast.Compare):
            if len(node.ops) > 1:
                raise self.error("comparisons can't be chained; write (0 < x) & (x < 1)", node)
            return self._step(node.ops[0], node), [node.left, node.comparators[0]]
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute):
            known = node.attr in self.functions or node.attr in CONSTANTS
            hint = f"; write {node.attr} alone" if known else ""
            raise self.error(f"attribute access {self.source_of(node)!r} is not allowed{hint}", node)
        refused = _REFUSED.get(type(node), f"{self.source_of(node)!r} is not allowed in an expression")
        raise self.error(refused, node)

    def _step(self, kind: ast.AST, node: Any) -> _Step:
        if type(kind) not in _OPERATORS:
            refused = _REFUSED.get(type(kind), f"the operator in {self.source_of(node)!r} is not available")
            raise self.error(refused, node)
        symbol, function = _OPERATORS[type(kind)]
        arguments = 1 if isinstance(node, ast.UnaryOp) else 2
        return _Step(f"'{symbol}'", function, arguments, {}, self.text, self.place(node))

    def _call(self, node: ast.Call) -> tuple[_Step, list[Any]]:
        if not isinstance(node.func, ast.Name):
            if isinstance(node.func, ast.Attribute):
                return self._operation(node.func)
            raise self.error(f"{self.source_of(node.func)!r} is not a function; multiplication is written *", node.func)
        name = node.func.id
        if name in self.variables or name in CONSTANTS:
            raise self.error(f"{name!r} is not a function; multiplication is written *", node.func)
        if name not in self.functions:
            raise self.error(self._unknown_function(name), node.func)
        keywords = {}
        for keyword in node.keywords:
            value = self._keyword_value(keyword.value)
            if keyword.arg is None or value is None:
                raise self.error(f"a keyword argument of {name} must be a number", keyword)
            keywords[keyword.arg] = value
        step = _Step(name, getattr(_functions, name), len(node.args), keywords, self.text, self.place(node))
        return step, node.args

    def _keyword_value(self, node: ast.expr) -> float | int | None:
        negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        inner = node.operand if isinstance(node, ast.UnaryOp) and negative else node
        if not isinstance(inner, ast.Constant):
            return None
        value = self._literal(inner)
        return -value if negative else value

    def _unknown_function(self, name: str) -> str:
        if name in FUNCTIONS or name in FUNCTIONS_BY_NEED:
            pairwise = {"max": "; write maximum(a, b)", "min": "; write minimum(a, b)"}.get(name, "")
            return f"{name!r} is not elementwise, so it has no place in an expression{pairwise}"
        return f"unknown function {name!r}{self._suggestion(name, self.functions)}"

    def _suggestion(self, name: str, known: Any) -> str:
        aliases = {"ln": "log"}
        close = [aliases[name]] if name in aliases else difflib.get_close_matches(name.lower(), list(known), 1)
        return f"; did you mean {close[0]!r}?" if close else ""

    def source_of(self, node: Any) -> str:
        start, end = self.place(node)
        text = self.text[start:end]
        return text if len(text) <= 40 else text[:37] + "..."


def _power(base: float | int, exponent: float | int) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and 0 <= exponent * base.bit_length() <= 1024:
        return base**exponent
    return float(base) ** float(exponent)


def _bounded(value: Any) -> float | int:
    return float(value) if isinstance(value, int) and abs(value) > _EXACT else value


def _caret_lines(text: str, start: int, end: int, width: int = 100) -> tuple[str, str]:
    """The part of the text around a place, and carets under it."""
    left = max(0, start - width // 2) if len(text) > width else 0
    excerpt = text[left : left + width]
    start = min(start - left, len(excerpt))
    end = max(min(end - left, len(excerpt)), start + 1)
    return "    " + excerpt, "    " + " " * start + "^" * (end - start)

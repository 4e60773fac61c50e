"""Reading the equations of `einsum`, and checking them against the operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any, TypeAlias

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
Labels: TypeAlias = tuple[int, ...]
_Terms: TypeAlias = list[int | EllipsisType]


def parsed(
    args: tuple[Any, ...], checked: Callable[[Sequence[Any]], list[Any]]
) -> tuple[list[Any], list[Labels], Labels]:
    """The operands of a call of `einsum`, the labels of each, and those of the result."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], str):
        operands = args[1:]
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = tuple(operands[0])
        operands = checked(operands)
        inputs, output = _read_equation(args[0])
    elif isinstance(args[0], bool | int | float):
        raise TypeError(f"einsum(): argument 'equation' (position 1) must be str, not {type(args[0]).__name__}")
    else:
        operands = checked(args[: len(args) // 2 * 2 : 2])
        inputs = [_read_list(terms) for terms in args[1::2]]
        output = _read_list(args[-1]) if len(args) % 2 else None
    if len(inputs) != len(operands):
        few = "fewer" if len(operands) < len(inputs) else "more"
        raise RuntimeError(f"einsum(): {few} operands were provided than specified in the equation")
    shapes = [tuple(operand.shape) for operand in operands]
    _check_counts(inputs, shapes)
    hidden = (len(shape) - len(terms) + 1 for terms, shape in zip(inputs, shapes, strict=True) if ... in terms)
    width = max(hidden, default=0)
    labels = [_labelled(terms, len(shape)) for terms, shape in zip(inputs, shapes, strict=True)]
    result = _implicit(inputs, width) if output is None else _explicit(output, inputs, width)
    _check_sizes(labels, shapes)
    return operands, labels, result


def _read_equation(equation: str) -> tuple[list[_Terms], _Terms | None]:
    left, arrow, right = equation.partition("->")
    offset = 0
    inputs: list[_Terms] = []
    for number, text in enumerate(left.split(",")):
        inputs.append(_read_terms(text, offset, f"for operand {number}"))
        offset += len(text) + 1
    return inputs, _read_terms(right, len(left) + 2, "in the output") if arrow else None


def _read_terms(text: str, offset: int, place: str) -> _Terms:
    """The labels of one operand's letters, which begin at ``offset`` in the equation."""
    terms: _Terms = []
    i = 0
    while i < len(text):
        letter = text[i]
        if letter == ".":
            if ... in terms:
                raise RuntimeError(f"einsum(): found '.' {place} for which an ellipsis was already found")
            if text[i : i + 3] != "...":
                raise RuntimeError(f"einsum(): found '.' {place} that is not part of any ellipsis")
            terms.append(...)
            i += 2
        elif letter in LETTERS:
            terms.append(LETTERS.index(letter))
        elif letter != " ":
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {offset + i} in the equation string, subscripts must be "
                "in [a-zA-Z]"
            )
        i += 1
    return terms


def _read_list(terms: Any) -> _Terms:
    """The labels of a list of integers and an ellipsis."""
    for term in terms:
        if term is not ... and not 0 <= term < len(LETTERS):
            raise ValueError(
                f"einsum(): subscript {term} in subscript list is not within the valid range [0, {len(LETTERS)})"
            )
    return list(terms)


def _check_counts(inputs: list[_Terms], shapes: list[tuple[int, ...]]) -> None:
    for number, (terms, shape) in enumerate(zip(inputs, shapes, strict=True)):
        named = len(terms) - terms.count(...)
        if ... in terms and named > len(shape):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) is more than the number of dimensions "
                f"({len(shape)}) for operand {number}"
            )
        if ... not in terms and named != len(shape):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) does not match the number of dimensions "
                f"({len(shape)}) for operand {number} and no ellipsis was given"
            )


def _labelled(terms: _Terms, ndim: int) -> Labels:
    """The labels of an operand's dimensions; behind the ellipsis they are counted from the right, as they broadcast."""
    hidden = ndim - len(terms) + 1
    return tuple(
        label for term in terms for label in (_behind_ellipsis(hidden) if isinstance(term, EllipsisType) else (term,))
    )


def _behind_ellipsis(count: int) -> Labels:
    return tuple(range(len(LETTERS) + count - 1, len(LETTERS) - 1, -1))


def _implicit(inputs: list[_Terms], width: int) -> Labels:
    every = [term for terms in inputs for term in terms if not isinstance(term, EllipsisType)]
    return (*_behind_ellipsis(width), *sorted(label for label in every if every.count(label) == 1))


def _explicit(output: _Terms, inputs: list[_Terms], width: int) -> Labels:
    for term in output:
        if isinstance(term, EllipsisType):
            continue
        if output.count(term) > 1:
            raise RuntimeError(f"einsum(): output subscript {LETTERS[term]} appears more than once in the output")
        if not any(term in terms for terms in inputs):
            raise RuntimeError(
                f"einsum(): output subscript {LETTERS[term]} does not appear in the equation for any input operand"
            )
    return _labelled(output, len(output) - 1 + width if ... in output else len(output))


def _check_sizes(inputs: list[Labels], shapes: list[tuple[int, ...]]) -> None:
    sizes: dict[int, int] = {}
    for number, (labels, shape) in enumerate(zip(inputs, shapes, strict=True)):
        own: dict[int, int] = {}
        for label, length in zip(labels, shape, strict=True):
            name = LETTERS[label] if label < len(LETTERS) else "..."
            if own.setdefault(label, length) != length:
                raise RuntimeError(
                    f"einsum(): subscript {name} is repeated for operand {number} but the sizes don't match, "
                    f"{length} != {own[label]}"
                )
            seen = sizes.get(label, 1)
            if length != seen and 1 not in (length, seen):
                raise RuntimeError(
                    f"einsum(): subscript {name} has size {length} for operand {number} which does not broadcast with "
                    f"previously seen size {seen}"
                )
            if seen == 1:
                sizes[label] = length

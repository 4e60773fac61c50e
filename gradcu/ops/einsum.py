"""Sums of products in Einstein's notation.

The equation is read once, into a tuple of labels for each operand and for the result; a label is an integer, from 52 on
for the dimensions behind an ellipsis. Then each operand is brought to labels that occur once in it and elsewhere too
(`rearranged`), and the operands are multiplied from left to right (`contracted`). These two kinds of steps are closed
under differentiation: the gradient of each is one of its own kind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._define import function, structured
from .._dtype import scalar_name
from .._tensor import Tensor
from ._arguments import type_name
from .arrange import permute
from .shape import reshape

if TYPE_CHECKING:
    from .einsum_equation import Labels


def _rearrange_vjp(g: Any, x_shape: tuple[int, ...], labels: Labels, output: Labels) -> Any:
    return rearranged(g, output, labels, x_shape)


@structured(
    statics=3,
    public=False,
    node=lambda labels, output: "PermuteBackward0" if set(labels) == set(output) else "SumBackward1",
    dx=_rearrange_vjp,
)
def rearranged(xp: Any, x: Any, labels: Labels, output: Labels, shape: tuple[int, ...]) -> Any:
    """``x`` from ``labels`` to ``output``, which gets ``shape`` but for lengths of 1 that broadcasting makes longer.

    Of a label that ``labels`` repeat the diagonal is taken, and one that ``output`` does not have is summed, integers
    to int64. One that ``output`` repeats is laid on the diagonal, and one that ``labels`` do not have is broadcast.
    """
    once = tuple(label for label in dict.fromkeys(output) if label in labels)
    if x.dtype.kind in "biu" and len(once) < len(set(labels)):
        x = x.astype(np.int64)
    names = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    result = xp.einsum(x, [names[label] for label in labels], [names[label] for label in once])
    positions = {label: output.index(label) for label in output}
    lengths = [1] * len(output)
    for label, length in zip(once, result.shape, strict=True):
        lengths[positions[label]] = length
    ordered = xp.array(result).reshape(lengths)
    for position, label in enumerate(output):
        first = positions[label]
        if position != first:
            places = xp.arange(shape[position])
            ordered = xp.where(_along(places, first, len(output)) == _along(places, position, len(output)), ordered, 0)
    return ordered


def _along(places: Any, dim: int, ndim: int) -> Any:
    return places.reshape([-1 if i == dim else 1 for i in range(ndim)])


def _contract_vjp(g: Any, other: Any, output: Labels, others: Labels, labels: Labels) -> Any:
    return contracted(g, other, output, others, labels)


@structured(
    statics=4,
    public=False,
    promotion="same",
    node=lambda node: node,
    da=lambda g, b, first, second, output: _contract_vjp(g, b, output, second, first),
    db=lambda g, a, first, second, output: _contract_vjp(g, a, output, first, second),
)
def contracted(
    xp: Any, a: Any, b: Any, first: Labels, second: Labels, output: Labels, node: str = "ViewBackward0"
) -> Any:
    """The product of ``a`` and ``b`` (labels ``first`` and ``second``), summed over what ``output`` does not have.

    No tuple of labels has one twice, and each label is in two of the three at least; it has one length. ``node`` is the
    name of the last node of PyTorch's way through the whole equation.
    """
    lengths = dict(zip((*first, *second), (*a.shape, *b.shape), strict=True))
    batch = [label for label in first if label in second and label in output]
    inner = [label for label in first if label in second and label not in output]
    left = [label for label in first if label not in second]
    right = [label for label in second if label not in first]
    shape = [math.prod(lengths[label] for label in group) for group in (batch, left, inner, right)]
    a = a.transpose([first.index(label) for label in (*batch, *left, *inner)]).reshape(shape[:3])
    b = b.transpose([second.index(label) for label in (*batch, *inner, *right)]).reshape(shape[0], *shape[2:])
    product = xp.matmul(a, b) if inner else a * b
    found = [*batch, *left, *right]
    return product.reshape([lengths[label] for label in found]).transpose([found.index(label) for label in output])


@function(method=False)
def einsum(*args: Any) -> Tensor:
    """The sum of products that an equation in Einstein's notation describes: ``einsum("ij,jk->ik", a, b)``.

    Before the arrow each operand's dimensions have letters, between commas; after it stand the result's. What has one
    letter has one length (or 1, which broadcasts); a letter that the result does not have is summed over, one that an
    operand repeats stands for its diagonal. An ellipsis stands for any number of dimensions, which broadcast. Without
    an arrow the result has the letters that occur once, in alphabetical order (capitals first), after the ellipsis.
    Instead of the equation, each operand can be followed by a list of integers below 52 for its letters, and the last
    by one for the result's: ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.

    The operands are Tensors; they are multiplied from left to right.

    Raises RuntimeError for an equation that is malformed or does not fit the operands, and where a sum is over products
    of operands of different dtypes.

    >>> import gradcu
    >>> x = gradcu.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> gradcu.einsum("ij,jk->ik", x, x), gradcu.einsum("ii", x)
    (tensor([[ 7., 10.],
            [15., 22.]]), tensor(5.))
    """
    from .einsum_equation import parsed

    operands, inputs, output = parsed(args, _checked)
    if len(operands) == 1:
        labels = inputs[0]
        if sorted(labels) == sorted(output):
            return permute(operands[0], tuple(labels.index(label) for label in output))
        return rearranged(operands[0], labels, output, ())
    node = "ViewBackward0" if {label for labels in inputs for label in labels} - set(output) else "MulBackward0"
    factors = _without_broadcast(operands, inputs)
    needed = [set(output)]
    for _, labels in reversed(factors):
        needed.insert(0, {*labels, *needed[0]})
    result, labels = _needed(*factors[0], needed[1])
    for number, (operand, own) in enumerate(factors[1:], 2):
        operand, own = _needed(operand, own, {*labels, *needed[number]})
        into = tuple(label for label in dict.fromkeys((*labels, *own)) if label in needed[number])
        if number == len(factors):
            into = output
        if result.dtype != operand.dtype and set(labels) & set(own) - set(into):
            raise RuntimeError(
                f"expected scalar type {scalar_name(result.dtype)} but found {scalar_name(operand.dtype)}"
            )
        result, labels = contracted(result, operand, labels, own, into, node), into
    return result


def _checked(operands: Sequence[Any]) -> list[Tensor]:
    for number, operand in enumerate(operands):
        if not isinstance(operand, Tensor):
            raise TypeError(f"expected Tensor as element {number} in argument 1, but got {type_name(operand)}")
    return list(operands)


def _needed(operand: Tensor, labels: Labels, elsewhere: set[int]) -> tuple[Tensor, Labels]:
    """The operand with only the labels that occur elsewhere, each once."""
    kept = tuple(label for label in dict.fromkeys(labels) if label in elsewhere)
    return (operand, labels) if kept == labels else (rearranged(operand, labels, kept, ()), kept)


def _without_broadcast(operands: list[Tensor], inputs: list[Labels]) -> list[tuple[Tensor, Labels]]:
    """The operands and their labels without the dimensions of length 1 that are longer in another operand."""
    shapes = [tuple(operand.shape) for operand in operands]
    lengths: dict[int, int] = {}
    for labels, shape in zip(inputs, shapes, strict=True):
        lengths |= {label: n for label, n in zip(labels, shape, strict=True) if n != 1 or label not in lengths}
    found: list[tuple[Tensor, Labels]] = []
    for operand, labels, shape in zip(operands, inputs, shapes, strict=True):
        kept = tuple(i for i, label in enumerate(labels) if shape[i] == lengths[label])
        if len(kept) < len(labels):
            operand, labels = reshape(operand, tuple(shape[i] for i in kept)), tuple(labels[i] for i in kept)
        found.append((operand, labels))
    return found

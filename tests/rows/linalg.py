"""Rows of products of vectors and matrices."""

from typing import Any

import numpy as np

from tests.table import A, Row, S

VECTOR, PAIR = A((3,)), A((2,))
MATRIX, TURNED, SQUARE = A((2, 3)), A((3, 2)), A((3, 3))
BATCH, TURNED_BATCH = A((4, 2, 3)), A((4, 3, 2))


def sum_of_product(x: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    return beta * x + alpha * (a @ b)


ROWS = [
    Row("dot", (S(VECTOR, A((3,))), S(A((0,)), A((0,)))), np.dot),
    Row("mv", (S(MATRIX, VECTOR), S(A((0, 3)), VECTOR)), np.dot),
    Row("mm", (S(MATRIX, TURNED), S(A((2, 0)), A((0, 3)))), np.dot),
    Row("bmm", (S(BATCH, TURNED_BATCH),), lambda a, b: np.einsum("bij,bjk->bik", a, b)),
    Row(
        "matmul",
        (
            *(S(VECTOR, VECTOR), S(MATRIX, VECTOR), S(VECTOR, TURNED), S(MATRIX, TURNED)),
            *(S(BATCH, VECTOR), S(VECTOR, TURNED_BATCH), S(BATCH, TURNED), S(MATRIX, TURNED_BATCH)),
            *(S(BATCH, TURNED_BATCH), S(A((5, 1, 2, 3)), TURNED_BATCH), S(A((5, 4, 2, 3)), A((3, 2)))),
        ),
        np.matmul,
    ),
    Row("outer", (S(VECTOR, PAIR), S(VECTOR, A((0,)))), np.outer),
    Row(
        "einsum",
        (
            *(S("ij,jk->ik", MATRIX, TURNED), S("ij,jk", MATRIX, TURNED), S("bij,bjk->bik", BATCH, TURNED_BATCH)),
            *(S("ii", SQUARE), S("ij->ji", MATRIX), S("ij->", MATRIX), S("ii,ij->j", SQUARE, SQUARE)),
            *(S("...ij,...jk", A((5, 1, 2, 3)), TURNED_BATCH), S("b...->...", BATCH), S("i,j->ij", VECTOR, PAIR)),
            *(
                S("ij,jk,kl->il", MATRIX, TURNED, MATRIX),
                S("i,ij,jk->k", PAIR, MATRIX, TURNED),
                S("ij,k->jk", MATRIX, PAIR),
            ),
            *(S("ij,k->jk", MATRIX, PAIR), S("xij,jk->xik", [A((1, 2, 3)), TURNED])),
        ),
        lambda equation, *operands: np.einsum(
            equation, *(operands[0] if isinstance(operands[0], list) else operands), optimize=False
        ),
    ),
    Row(
        "addmm",
        (S(A((2, 4)), A((2, 3)), A((3, 4))), S(A((4,)), A((2, 3)), A((3, 4)), beta=0.5, alpha=-2)),
        sum_of_product,
    ),
    Row("addmv", (S(A((2,)), A((2, 3)), A((3,))), S(A(()), A((2, 3)), A((3,)), beta=0.5, alpha=-2)), sum_of_product),
    Row(
        "addr",
        (S(A((2, 3)), A((2,)), A((3,))), S(A((3,)), A((2,)), A((3,)), beta=0.5, alpha=-2)),
        lambda x, a, b, beta=1, alpha=1: beta * x + alpha * np.outer(a, b),
    ),
    Row(
        "baddbmm",
        (S(A((2, 2, 2)), A((2, 2, 3)), A((2, 3, 2))), S(A((1, 2)), A((2, 2, 3)), A((2, 3, 2)), beta=0.5, alpha=-2)),
        sum_of_product,
    ),
    Row(
        "addbmm",
        (S(A((2, 2)), A((3, 2, 3)), A((3, 3, 2))), S(A((1, 2)), A((3, 2, 3)), A((3, 3, 2)), beta=0.5, alpha=-2)),
        lambda x, a, b, beta=1, alpha=1: beta * x + alpha * np.einsum("bij,bjk->ik", a, b),
    ),
    Row(
        "linear",
        (
            *(S(A((2, 3)), A((4, 3))), S(A((2, 3)), A((4, 3)), A((4,))), S(A((2, 2, 3)), A((4, 3)), A((4,)))),
            *(S(A((3,)), A((4, 3)), A((4,))), S(A((3,)), A((4, 3)))),
        ),
        lambda x, weight, bias=0: x @ weight.T + bias,
        torch="nn.functional.linear",
    ),
    Row(
        "tensordot",
        (
            *(S(A((2, 3)), A((3, 4)), 1), S(A((2, 3, 4)), A((3, 4, 2))), S(A((2,)), A((3,)), 0)),
            S(A((2, 3, 4)), A((4, 2)), dims=([0, 2], [1, 0])),
        ),
        lambda a, b, dims=2: np.tensordot(a, b, dims),
    ),
    Row("inner", (S(A((3,)), A((3,))), S(A((2, 3)), A((4, 3))), S(A(()), A((3,)))), np.inner),
    Row("kron", (S(A((2, 3)), A((2, 2))), S(A((3,)), A((2, 1, 2))), S(A(()), A((2,)))), np.kron),
    Row("trace", (S(A((3, 3))), S(A((2, 4)))), np.trace),
    Row(
        "cross",
        (S(A((2, 3)), A((2, 3)), -1), S(A((3, 2)), A((3, 1)), dim=0)),
        lambda a, b, dim: np.cross(a, b, dim, dim, dim),
    ),
]

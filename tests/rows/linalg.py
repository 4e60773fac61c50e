"""Rows of products of vectors and matrices."""

import numpy as np

from tests.table import A, Row, S

VECTOR, PAIR = A((3,)), A((2,))
MATRIX, TURNED, SQUARE = A((2, 3)), A((3, 2)), A((3, 3))
BATCH, TURNED_BATCH = A((4, 2, 3)), A((4, 3, 2))

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
]

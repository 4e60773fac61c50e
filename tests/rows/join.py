"""Rows of what joins several operands, or takes one apart."""

import numpy as np

from tests.table import A, Row, S

ROWS = [
    Row(
        "cat",
        (
            S([A((2, 3)), A((1, 3))]),
            S((A((2, 3)), A((2, 1)), A((2, 2), grad=False)), 1),
            S([A((2, 3)), A((0,))], dim=-1),
            S([A((3,))]),
            S([A((0,)), A((0,))]),
        ),
    ),
    Row("stack", (S([A((2, 3)), A((2, 3))]), S((A((2, 3)), A((2, 3), grad=False)), 1), S([A(()), A(())], dim=-1))),
    Row("hstack", (S([A((2,)), A((3,))]), S([A((2, 1)), A((2, 3))]), S([A(()), A((2,))]))),
    Row("vstack", (S([A((3,)), A((3,))]), S([A((2, 3)), A((3,))]), S([A(()), A(())]))),
    Row("split", (S(A((5, 2)), 2), S(A((2, 5)), [1, 4], 1), S(A((2, 5)), 5, -1), S(A((3,)), [0, 3]))),
    Row("chunk", (S(A((5, 2)), 2), S(A((2, 5)), 4, 1), S(A((2,)), 1))),
    Row("unbind", (S(A((3, 2))), S(A((2, 3)), 1), S(A((1, 3))), S(A((3,))))),
    Row("broadcast_tensors", (S(A((3,)), A((2, 1))), S(A(()), A((2,)), A((2,))))),
    Row(
        "meshgrid",
        (S(A((2,)), A((3,)), indexing="ij"), S(A((2,)), A((3,)), A((4,)), indexing="xy"), S([A((2,)), A(())])),
    ),
    Row("column_stack", (S([A((3,)), A((3, 2))]), S([A(()), A((1, 1))])), np.column_stack),
    Row("dstack", (S([A((3,)), A((3,))]), S([A((2, 3)), A((2, 3, 2))])), np.dstack),
]

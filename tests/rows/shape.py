"""Rows of what changes the shape or the order of elements."""

import numpy as np

from tests.table import A, Row, S

ROWS = [
    Row("reshape", (S(A((2, 6)), (3, 4)), S(A((2, 6)), (-1, 2, 3)), S(A(()), (1, 1)), S(A((0, 3)), (3, 0)))),
    Row("reshape_as", (S(A((2, 6)), A((3, 4), grad=False)),), torch=".reshape_as"),
    # A view of what is not contiguous may only cut dimensions.
    Row("view", (S(A((6,)), 2, 3), S(A((4, 3)), (2, -1, 1, 3)), S(A(()), (1,))), torch=".view"),
    Row("view_as", (S(A((6,)), A((2, 3), grad=False)),), torch=".view_as"),
    # PyTorch's node of a reshape that copies, which the table's operands never need.
    Row("unsafe_view", (S(A((2, 6)), (3, 4)),), np.reshape, torch=None),
    Row("flatten", (S(A((2, 3, 4))), S(A((2, 3, 4)), 1), S(A((2, 3, 4)), 0, 1), S(A((3,))), S(A(())))),
    Row("ravel", (S(A((2, 3))), S(A(())))),
    Row("unflatten", (S(A((6, 2)), 0, (2, 3)), S(A((3, 4)), -1, (2, -1)))),
    Row("contiguous", (S(A()), S(A(()))), torch=".contiguous"),
    Row(
        "squeeze",
        (S(A((1, 3, 1))), S(A((1, 3, 1)), 0), S(A((1, 3, 1)), 1), S(A((1, 3, 1)), (0, -1)), S(A(())), S(A(()), 0)),
    ),
    Row("unsqueeze", (S(A((2, 3)), 0), S(A((2, 3)), -1), S(A(()), 0))),
    Row(
        "expand",
        (S(A((3, 1)), 3, 4), S(A((3, 1)), (2, -1, 4)), S(A(()), (2, 3)), S(A(()), ()), S(A((3,)), (0, 3))),
        torch=".expand",
    ),
    Row("expand_as", (S(A((3, 1)), A((2, 3, 4), grad=False)),), torch=".expand_as"),
    Row("broadcast_to", (S(A((3, 1)), (2, 3, 4)), S(A(()), (2,)))),
    Row("sum_to_size", (S(A((3, 4)), 3, 1), S(A((2, 3, 4)), (1, 3, 1)), S(A((3, 4)), (3, 4))), torch=".sum_to_size"),
    Row("transpose", (S(A((2, 3, 4)), 0, 2), S(A((2, 3, 4)), -1, 1), S(A((2, 3)), 1, 1), S(A(()), 0, -1))),
    Row("t", (S(A((2, 3))), S(A((3,))), S(A(())))),
    Row("permute", (S(A((2, 3, 4)), (2, 0, 1)), S(A((2, 3, 4)), (-1, 0, 1)), S(A(()), ()))),
    Row("movedim", (S(A((2, 3, 4)), 0, -1), S(A((2, 3, 4)), (0, 1), (2, 0)))),
    Row("flip", (S(A((2, 3)), (0,)), S(A((2, 3)), (0, -1)), S(A((2, 3)), ()), S(A(()), ()))),
    Row(
        "roll",
        (
            S(A((2, 5)), 3),
            S(A((2, 5)), -2, 1),
            S(A((2, 5)), (1, 2), (0, 1)),
            S(A((4,)), (1, 2), (0, 0)),
            S(A(()), 1),
        ),
    ),
    Row(
        "repeat",
        (S(A((2, 3)), 2, 1), S(A((3,)), 2, 3), S(A((2, 1)), (3, 1, 2)), S(A(()), 3), S(A((2,)), (1,))),
        torch=".repeat",
    ),
    Row("tile", (S(A((2, 3)), (2,)), S(A((3,)), (2, 2)), S(A((2, 3)), ()))),
    Row(
        "repeat_interleave",
        (
            *(S(A((2, 3)), 2), S(A((2, 3)), 3, 0), S(A((2, 3)), 2, dim=-1)),
            *(S(A((2, 3)), A((3,), 0, 4, kind="i"), 1), S(A((4,)), A((1,), 2, 3, kind="i"))),
            S(A((2, 3)), A((2,), 1, 3, kind="i"), 0),
        ),
        lambda x, repeats, dim=None: np.repeat(x, repeats, dim),
    ),
    Row("tril", (S(A((3, 4))), S(A((2, 3, 3)), -1), S(A((3, 4)), 2))),
    Row("triu", (S(A((3, 4))), S(A((2, 3, 3)), -1), S(A((3, 4)), 2))),
    Row("diag", (S(A((3,))), S(A((3,)), -2), S(A((3, 4))), S(A((3, 4)), 1))),
    Row(
        "diagonal",
        (S(A((3, 4))), S(A((3, 4)), 1), S(A((4, 3)), -2), S(A((2, 3, 4)), 0, 1, 2), S(A((2, 3, 4)), 1, -1, 0)),
    ),
    Row("diag_embed", (S(A((3,))), S(A((2, 3)), 1), S(A((2, 3)), -1, 0, 2))),
    Row("atleast_1d", (S(A(())), S(A((3,)))), np.atleast_1d),
    Row("atleast_2d", (S(A(())), S(A((3,))), S(A((2, 3)))), np.atleast_2d),
    Row("atleast_3d", (S(A(())), S(A((3,))), S(A((2, 3))), S(A((1, 2, 3, 1)))), np.atleast_3d),
    Row("fliplr", (S(A((3, 4))), S(A((2, 3, 4)))), np.fliplr),
    Row("flipud", (S(A((3,))), S(A((2, 3, 4)))), np.flipud),
    Row("rot90", (S(A((3, 4))), S(A((3, 4)), 2), S(A((3, 4)), -1), S(A((2, 3, 4)), 1, (2, 0))), np.rot90),
    Row(
        "tensor_split",
        (S(A((5, 2)), 2), S(A((2, 5)), [1, 3], 1), S(A((5,)), (-2, 9)), S(A((5,)), [3, 1]), S(A((2,)), 3)),
        lambda x, where, dim=0: tuple(np.array_split(x, where, dim)),
    ),
    Row("hsplit", (S(A((4,)), 2), S(A((2, 4)), [1])), lambda x, where: tuple(np.hsplit(x, where))),
    Row("vsplit", (S(A((4, 2)), 2), S(A((4, 2)), [1])), lambda x, where: tuple(np.vsplit(x, where))),
    Row("dsplit", (S(A((1, 2, 4)), 2), S(A((1, 2, 4)), [1])), lambda x, where: tuple(np.dsplit(x, where))),
]

"""Rows of indexing, and of taking elements by number or by mask."""

from tests.table import A, Row, S


def numbers(shape: tuple[int, ...], below: int, lowest: int = 0) -> A:
    """Indices, of which some occur more than once."""
    return A(shape, lowest, below, kind="i")


FULL = slice(None)

ROWS = [
    Row(
        "getitem",
        (
            S(A((3, 4)), 1),
            S(A((3,)), -1),
            S(A((3, 4)), (2, -4)),
            S(A((5,)), slice(1, 4, 2)),
            S(A((3, 4)), (slice(-2, None), 0)),
            S(A((3, 4)), (None, ..., 1)),
            S(A((3, 4)), (0, None)),
            S(A((3, 4)), ...),
            S(A(()), None),
            S(A((3, 4)), slice(2, 1)),
            S(A((3, 4)), [2, 0, 2]),
            S(A((3, 4)), numbers((2, 5), 3, -3)),
            S(A((3, 4)), (FULL, numbers((6,), 4))),
            S(A((3, 4)), (numbers((2, 1), 3), numbers((5,), 4))),
            S(A((2, 3, 4)), (numbers((3,), 2), FULL, numbers((3,), 4))),
            S(A((2, 3, 4)), (0, FULL, numbers((3,), 4))),
            S(A((2, 3, 4)), (FULL, numbers((3,), 3), None, numbers((3,), 4))),
            S(A((2, 3, 4)), (..., numbers((3,), 3), slice(1, None))),
            S(A((3, 4)), A((3, 4), kind="b")),
            S(A((3, 4)), (FULL, A((4,), kind="b"))),
            S(A((3, 4)), (A((3,), kind="b"), 1)),
            S(A((3,)), True),
            S(A((3,)), (None, False)),
            S(A((3, 4)), numbers((), 3)),
            S(A((3, 4)), numbers((0,), 3)),
        ),
        torch=".__getitem__",
    ),
    Row(
        "index_put",
        (
            S(A((3, 4)), (A((3, 4), kind="b"),), A(())),
            S(A((3, 4)), (A((3,), kind="b"),), A((4,))),
            S(A((3, 4)), (numbers((5,), 3), numbers((5,), 4)), A((5,)), accumulate=True),
            S(A((3, 4)), (numbers((2, 3), 3),), A((3, 4)), True),
        ),
    ),
    Row("select", (S(A((3, 4)), 0, 1), S(A((3, 4)), -1, -2))),
    Row("narrow", (S(A((3, 4)), 0, 1, 2), S(A((3, 4)), 1, -3, 2), S(A((3,)), 0, 3, 0))),
    Row(
        "gather",
        (
            S(A((3, 4)), 0, numbers((2, 4), 3)),
            S(A((3, 4)), 1, numbers((3, 6), 4)),
            S(A((2, 3, 4)), -2, numbers((2, 5, 3), 3)),
            S(A(()), 0, numbers((), 1)),
        ),
    ),
    Row(
        "take_along_dim",
        (
            S(A((3, 4)), numbers((1, 4), 3), 0),
            S(A((3, 1)), numbers((3, 4), 3), dim=0),
            S(A((3, 4)), numbers((2, 3), 12)),
        ),
    ),
    Row(
        "index_select",
        (S(A((3, 4)), 0, numbers((5,), 3)), S(A((3, 4)), -1, numbers((2,), 4)), S(A(()), 0, numbers((1,), 1))),
    ),
    Row(
        "masked_select",
        (
            S(A((3, 4)), A((3, 4), kind="b")),
            S(A((3, 1)), A((4,), kind="b")),
            S(A(()), A((3,), kind="b")),
            S(A((2,)), A((), kind="b")),
        ),
    ),
    Row(
        "masked_fill",
        (
            S(A((3, 4)), A((3, 4), kind="b"), 2.5),
            S(A((3, 4)), A((4,), kind="b"), A(())),
            S(A((3,)), A((2, 1), kind="b"), A(())),
        ),
    ),
    Row(
        "nonzero",
        (
            S(A((3, 4), kind="b", grad=False)),
            S(numbers((5,), 2), as_tuple=True),
            S(numbers((), 1, 0)),
            S(A((2, 0), grad=False)),
        ),
        differentiable=False,
    ),
    Row("argwhere", (S(numbers((3, 2), 2)),), differentiable=False),
]

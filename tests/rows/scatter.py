"""Rows of writing and adding at numbered places, and of totals that pass over nan."""

from typing import Any

import numpy as np

from tests.table import A, Row, S

CUBE = A((2, 3, 4))


def places(shape: tuple[int, ...], below: int) -> A:
    return A(shape, 0, below, kind="i")


def at_places(change: Any) -> Any:
    """Element by element, in loops."""

    def reference(x: Any, dim: int, index: Any, src: Any) -> Any:
        out = np.array(x)
        for place in np.ndindex(index.shape):
            target = tuple(int(index[place]) if d == dim % x.ndim else n for d, n in enumerate(place))
            out[target] = change(out[target], src[place] if isinstance(src, np.ndarray) and src.ndim else src)
        return out

    return reference


def at_slices(change: Any) -> Any:
    def reference(x: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> Any:
        out = np.moveaxis(np.array(x), dim, 0)
        for number, target in enumerate(index):
            value = source if np.ndim(source) == 0 else np.moveaxis(source, dim, 0)[number]
            out[target] = change(out[target], alpha * value)
        return np.moveaxis(out, 0, dim)

    return reference


def replaced(old: Any, new: Any) -> Any:
    return new


def added(old: Any, new: Any) -> Any:
    return old + new


def moments(spread: Any) -> Any:
    def reference(x: Any, dim: Any = None, unbiased: bool = True, keepdim: bool = False, correction: Any = None) -> Any:
        degrees = int(unbiased) if correction is None else correction
        return spread(x, dim, ddof=degrees, keepdims=keepdim), np.mean(x, dim, keepdims=keepdim)

    return reference


ROWS = [
    # One row of indices, so that none is named twice.
    Row(
        "scatter",
        (
            S(A((3, 4)), 0, places((1, 4), 3), A((1, 4))),
            S(A((3, 4)), 1, places((2, 1), 4), 2.5),
            S(A((3,)), 0, places((1,), 3), A((1,))),
        ),
        at_places(replaced),
    ),
    Row(
        "scatter_add",
        (S(A((3, 4)), 0, places((5, 4), 3), A((5, 4))), S(A((3,)), -1, places((4,), 3), A((4,)))),
        at_places(added),
    ),
    Row(
        "index_add",
        (S(A((3, 4)), 0, places((5,), 3), A((5, 4))), S(CUBE, 1, places((2,), 3), A((2, 2, 4)), alpha=-1.5)),
        at_slices(added),
    ),
    Row(
        "index_copy",
        (S(A((3, 4)), 0, places((1,), 3), A((1, 4))), S(A((3,)), 0, places((1,), 3), A((1,)))),
        at_slices(replaced),
    ),
    Row(
        "index_fill",
        (S(A((3, 4)), 0, places((2,), 3), 2.5), S(CUBE, 1, places((2,), 3), A(()))),
        at_slices(replaced),
    ),
    Row(
        "take",
        (S(CUBE, A((2, 5), -24, 24, kind="i")), S(A((3,)), places((), 3))),
        lambda x, index: x.reshape(-1)[index],
    ),
    Row(
        "nansum",
        (S(A()), S(CUBE, 1), S(CUBE, (0, -1), True)),
        lambda x, dim=None, keep=False: np.nansum(x, dim, keepdims=keep),
    ),
    Row(
        "nanmean",
        (S(A()), S(CUBE, 1), S(CUBE, (0, -1), True)),
        lambda x, dim=None, keep=False: np.nanmean(x, dim, keepdims=keep),
    ),
    Row("count_nonzero", (S(places((3, 4), 3)), S(places((3, 4), 3), 1)), np.count_nonzero, differentiable=False),
    Row(
        "logcumsumexp",
        (S(A(), 0), S(CUBE, -1), S(A((5,), 5.0, 9.0), 0), S(A(()), 0)),
        lambda x, dim: np.logaddexp.accumulate(x, axis=dim) if x.ndim else x,
    ),
    *(
        Row(name, (S(A()), S(CUBE, 1), S(CUBE, (0, -1), correction=0, keepdim=True)), moments(spread))
        for name, spread in (("var_mean", np.var), ("std_mean", np.std))
    ),
]

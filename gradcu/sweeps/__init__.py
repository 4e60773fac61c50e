"""Derivative sweeps: f and its derivatives at very many evenly spaced points."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .result import SweepResult


def sweep(
    f: Callable[[Tensor], Tensor],
    start: float,
    stop: float,
    num: float,
    *,
    order: int = 1,
    dtype: Any = None,
    device: Any = "auto",
    engine: str = "auto",
    out: Any = None,
    chunk: int | None = None,
    progress: bool | None = None,
) -> SweepResult:
    """Evaluates f and its first ``order`` derivatives at ``num`` evenly spaced points from start to stop.

    f takes a Tensor of any length and returns one of the same shape, elementwise. It is called with a Tensor that notes
    what is done to it. What f and its derivatives compute then runs without f: in one compiled loop (``engine="cc"``,
    with the C compiler that the variable CC names, with cc, gcc or clang, or with that of the extra ``cc``), or block
    by block on NumPy (``engine="numpy"``). A function that looks at values on the way is instead called on a few points
    to see that it is elementwise, and then on blocks of all points, from several threads where there are many
    (``engine="eager"``). By default it is the first of the three that works, and the summary says which and why. A
    point's results don't depend on blocks and threads; between engines they may differ in the last digits.

    Every row of the result has ``dtype``: float16, float32 or float64, by default the default dtype. The end points are
    start and stop, and every point is within one unit in the last place of its true value, for any num.

    With ``out``, a path ending in .npz or .npy, the rows go there and not to memory: a .npz has the members x, f, d1,
    d2, ..., a .npy one record a point with these fields. The file gets its name once it is complete. ``chunk`` is the
    number of points a block; by default the engine chooses it. ``progress`` shows a bar on standard error; None shows
    it on a terminal.

    Raises TypeError and ValueError for arguments that are wrong, for a function that returns no Tensor or is not
    elementwise, and for one that the engine asked for can't do; MemoryError or OSError, before anything is computed,
    where the results cannot fit; RuntimeError where cc was asked for and does not work. Warns where the points are so
    close that neighbours are equal in ``dtype``, where a compiler fails and cc was not asked for, and where all
    derivatives are 0 because f cuts its result off from x.

    >>> import gradcu
    >>> result = gradcu.sweep(lambda x: x**3 - 3 * x, -2, 2, 5, order=2)
    >>> result.y, result.derivative(1)
    (tensor([-2.,  2.,  0., -2.,  2.]), tensor([ 9.,  0., -3.,  0.,  9.]))
    """
    # All that a sweep takes is imported with the first one, so that `import gradcu` stays quick.
    from .run import run

    return run(
        f, start, stop, num, order=order, dtype=dtype, device=device, engine=engine, out=out, chunk=chunk,
        progress=progress,
    )  # fmt: skip

"""Derivative sweeps: f and its derivatives at very many evenly spaced points."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .dask_sweep import DaskSweep
    from .result import SweepResult


@overload
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
    distributed: None = None,
) -> SweepResult: ...


@overload
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
    chunk: int | None = None,
    distributed: Literal["dask"],
) -> DaskSweep: ...


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
    distributed: str | None = None,
) -> SweepResult | DaskSweep:
    """Evaluates f and its first ``order`` derivatives at ``num`` evenly spaced points from start to stop.

    f takes a Tensor of any length and returns one of the same shape, elementwise. It is called on a few points to see
    that it is elementwise, and with a Tensor that notes what is done to it. What f and its derivatives compute then
    runs without f: in one compiled loop (``engine="cc"``, with the C compiler that the variable CC names, with cc, gcc
    or clang, or with that of the extra ``cc``), or block by block on NumPy (``engine="numpy"``). A function that looks
    at values on the way is instead called on blocks of the points, from several threads where there are many
    (``engine="eager"``). By default it is the first of the three that works, and the summary says which and why. A
    point's results don't depend on blocks and threads; between engines they may differ in the last digits.

    Every row of the result has ``dtype``: float16, float32 or float64, by default the default dtype. The end points are
    start and stop, and every point is within one unit in the last place of its true value, for any num.

    With ``out``, a path ending in .npz or .npy, the rows go there and not to memory: a .npz has the members x, f, d1,
    d2, ..., a .npy one record a point with these fields. The file gets its name once it is complete. ``chunk`` is the
    number of points a block; by default the engine chooses it. ``progress`` shows a bar on standard error; None shows
    it on a terminal.

    ``distributed="dask"`` (extra ``dask``) gives the rows as Dask arrays instead, whose blocks are computed when they
    are asked for: by the threads of this process, or by the workers of a ``dask.distributed.Client``, which have gradcu
    too. f is sent with all that it closes over. With ``device="auto"`` and ``engine="auto"`` each worker decides for
    itself; a block is one task, computed on one thread or GPU of a worker, and comes as a NumPy array. A point's
    results are those of a local sweep with the same engine. Blocks have ``chunk`` points, by default 64 MiB of results,
    and more where there would be more than 65,536 blocks. Dask writes and shows progress by its own means, so ``out``
    and ``progress`` are refused.

    Raises TypeError and ValueError for arguments that are wrong, for a function that returns no Tensor or is not
    elementwise, and for one that the engine asked for can't do; MemoryError or OSError, before anything is computed,
    where the results cannot fit; RuntimeError where cc was asked for and does not work; ImportError where Dask was
    asked for and is not installed. Warns where the points are so close that neighbours are equal in ``dtype``, and
    where a compiler fails and cc was not asked for.

    >>> import gradcu
    >>> result = gradcu.sweep(lambda x: x**3 - 3 * x, -2, 2, 5, order=2)
    >>> result.y, result.derivative(1)
    (tensor([-2.,  2.,  0., -2.,  2.]), tensor([ 9.,  0., -3.,  0.,  9.]))
    """
    # All that a sweep takes is imported with the first one, so that `import gradcu` stays quick.
    from .run import run

    return run(
        f, start, stop, num, order=order, dtype=dtype, device=device, engine=engine, out=out, chunk=chunk,
        progress=progress, distributed=distributed,
    )  # fmt: skip

"""Derivative sweeps: f and its derivatives at very many points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .dask_sweep import DaskSweep
    from .reduction import SweepReduction
    from .result import SweepResult


@overload
def sweep(
    f: Callable[..., Tensor],
    start: float | None = ...,
    stop: float | None = ...,
    num: float | None = ...,
    *,
    grid: Mapping[str, Any] | None = ...,
    points: Any = ...,
    params: Mapping[str, Any] | None = ...,
    order: int = ...,
    partials: Iterable[str | Sequence[str]] | None = ...,
    dtype: Any = ...,
    device: Any = ...,
    engine: str = ...,
    out: Any = ...,
    resume: bool = ...,
    reduce: None = ...,
    chunk: int | None = ...,
    progress: bool | None = ...,
    distributed: None = ...,
) -> SweepResult: ...
@overload
def sweep(
    f: Callable[..., Tensor],
    start: float | None = ...,
    stop: float | None = ...,
    num: float | None = ...,
    *,
    grid: Mapping[str, Any] | None = ...,
    points: Any = ...,
    params: Mapping[str, Any] | None = ...,
    order: int = ...,
    partials: Iterable[str | Sequence[str]] | None = ...,
    dtype: Any = ...,
    device: Any = ...,
    engine: str = ...,
    reduce: str | Iterable[str] | Mapping[str, Any],
    chunk: int | None = ...,
    progress: bool | None = ...,
) -> SweepReduction: ...
@overload
def sweep(
    f: Callable[..., Tensor],
    start: float | None = ...,
    stop: float | None = ...,
    num: float | None = ...,
    *,
    grid: Mapping[str, Any] | None = ...,
    points: Any = ...,
    params: Mapping[str, Any] | None = ...,
    order: int = ...,
    partials: Iterable[str | Sequence[str]] | None = ...,
    dtype: Any = ...,
    device: Any = ...,
    engine: str = ...,
    chunk: int | None = ...,
    distributed: Literal["dask"],
) -> DaskSweep: ...
def sweep(
    f: Callable[..., Tensor],
    start: float | None = None,
    stop: float | None = None,
    num: float | None = None,
    *,
    grid: Mapping[str, Any] | None = None,
    points: Any = None,
    params: Mapping[str, Any] | None = None,
    order: int = 1,
    partials: Iterable[str | Sequence[str]] | None = None,
    dtype: Any = None,
    device: Any = "auto",
    engine: str = "auto",
    out: Any = None,
    resume: bool = False,
    reduce: str | Iterable[str] | Mapping[str, Any] | None = None,
    chunk: int | None = None,
    progress: bool | None = None,
    distributed: str | None = None,
) -> SweepResult | SweepReduction | DaskSweep:
    """Evaluates f and its derivatives up to ``order`` at ``num`` evenly spaced points from start to stop, or at others.

    In place of start, stop and num:

    - ``grid={"u": (0, 1, 1000), "v": (-2, 2, 500)}`` sweeps several variables over the product of their points, each a
      tuple (start, stop, num) or an array. All partial derivatives up to the total order are computed, mixed ones once;
      results have the shape (1000, 500).
    - ``points=array`` sweeps x over the points given, in any order; ``points={"u": array, "v": array}`` sweeps several
      variables over points of which each has its place in equally long arrays. NaN and infinities are passed to f.

    ``params={"a": array}`` computes all that for every value of f's parameter a, by which it is not differentiated:
    results have the values of a in their first dimension. Several params are equally long, and go together. Arrays may
    be NumPy's, Tensors or others, of any real dtype; they are converted to ``dtype``.

    ``partials=["d_u", ("v", "u")]`` computes, beside f, no others than these: each is the name of a row or a tuple of
    variables, in any order, up to ``order``. Nothing is computed for the others that these don't need.

    f takes a Tensor of any length for every variable and param, and returns one of the same shape, elementwise. It gets
    the variables by keyword where it has parameters of all their names, and by position in their order where not; so
    the params, which stand behind. x comes by position where it is alone.

    f is called with Tensors that note what is done to them. What f and its derivatives compute then runs without f: in
    one compiled loop (``engine="cc"``, with the C compiler that the variable CC names, with cc, gcc or clang, or with
    that of the extra ``cc``), or block by block on NumPy (``engine="numpy"``); on a CUDA device in one kernel, in
    float32 and float64 (``engine="cuda"``). A function that looks at values on the way is instead called on a few
    points to see that it is elementwise, and then on blocks of all points, from several threads where there are many
    (``engine="eager"``). By default it is the first of these that works on the device, and the summary says which and
    why. A point's results don't depend on blocks and threads; between engines they may
    differ in the last digits.

    Results in memory are Tensors on ``device``, or where a CUDA device has not the room, on the CPU, as the summary's
    ``device_reason`` then says. Several CUDA devices, ``device=["cuda:0", "cuda:1"]``, share the points out; what they
    compute comes together on the CPU, in the file, or in the reduction.

    Every row of the result has ``dtype``: float16, float32 or float64, by default the default dtype. The end points are
    start and stop, and every point is within one unit in the last place of its true value, for any num.

    With ``out``, a path ending in .npz, .npy or .zarr, the rows go there and not to memory: a .npz has the members x,
    f, d1, d2, ..., a .npy one record a point with these fields, a .zarr (version 3; extra ``zarr``) an array for each,
    with a chunk a block. It gets its name once it is complete, in place of what had it. What a .npy holds is said by a
    .json beside it, what a .zarr holds by its attributes. Of several variables the partials are d_u, d_v, d_u_u, d_u_v,
    ..., in the shape of the results, and the values along an axis have its name; in a .npy every record has them.

    A sweep to a .npy or .zarr may be stopped at any moment, by SIGKILL too: ``out`` with ``.part`` behind it is a
    directory with what is done. The same call with ``resume=True`` goes on there, computes again only what was in work,
    and ends with the bytes of a sweep that was not stopped. It starts where nothing is there, and returns at once where
    all is there. What is of another function (by its program, or where it can't be traced by its name and code), grid,
    order, choice of partials, dtype, device, engine, compiler, processor or version is refused with what differs.
    Without ``resume`` an unfinished sweep is not touched, but refused.

    With ``reduce`` no rows are kept, and num is bounded by patience alone: every block is reduced while it is in the
    cache, and the result is a SweepReduction. It takes names, ``"min"``, ``"max"``, ``"argmin"``, ``"argmax"``,
    ``"mean"``, ``"integral"``, ``"sign_changes"`` and ``"histogram"``, or a dict from names to options, such as
    ``{"max": None, "histogram": {"bins": 64, "range": (-1, 1)}}``; a histogram without a range goes from the least to
    the largest value, for which all points are gone through twice. `SweepReduction` says what each is, and what its
    error. The integral is of evenly spaced points, those of grids too; sign changes are of one variable; params are
    refused.

    ``chunk`` is the number of points a block; by default the engine or the file's format chooses it. With ``reduce`` it
    is rounded up to a power of two, in a .zarr of several axes down to whole rows of the last ones. ``progress`` shows
    a bar on standard error; None shows it on a terminal.

    ``distributed="dask"`` (extra ``dask``) gives a `DaskSweep`: the rows as Dask arrays, whose blocks are computed when
    they are asked for, by the threads of this process or by the workers of a ``dask.distributed.Client``, which have
    gradcu too. It takes points of every kind. f is sent with all that it closes over, and so are given points and
    params. With ``device="auto"`` and ``engine="auto"`` each worker decides for itself; a block is one task, computed
    on one thread or GPU of a worker, and comes as a NumPy array. A point's results are those of a local sweep with the
    same engine. Blocks have ``chunk`` points, by default 64 MiB of results, and more where there would be more than
    65,536 blocks; of several axes, as many whole rows of the last ones as that allows. Dask writes, reduces and shows
    progress by its own means, so ``out``, ``resume``, ``reduce`` and ``progress`` are refused.

    Raises TypeError and ValueError for arguments that are wrong, for a function that returns no Tensor or is not
    elementwise, for one that the engine asked for can't do, and for a sweep that can't be resumed; MemoryError or
    OSError, before anything is computed, where the results cannot fit, FileExistsError for an unfinished sweep, and
    BlockingIOError while another one writes the same; ImportError for a .zarr without zarr, and for Dask without it;
    RuntimeError where cc was asked for and does not work, and where CUDA was and cannot be had; OutOfMemoryError where
    a CUDA device has not the memory for a chunk of 8,192 points, or 256 where the engine is eager: longer ones are
    halved. Warns where the points are so close that neighbours are equal in ``dtype``, where a compiler fails and cc
    was not asked for, and where all derivatives are 0 because f cuts its result off from x.

    >>> import gradcu
    >>> result = gradcu.sweep(lambda x: x**3 - 3 * x, -2, 2, 5, order=2)
    >>> result.y, result.derivative(1)
    (tensor([-2.,  2.,  0., -2.,  2.]), tensor([ 9.,  0., -3.,  0.,  9.]))
    >>> found = gradcu.sweep(gradcu.sin, 0, 3, 100_001, dtype="float64", reduce=("max", "integral"))
    >>> round(found.y.max, 6), round(found.y.integral, 6)
    (1.0, 1.989992)
    >>> saddle = gradcu.sweep(lambda u, v: u**2 - v**2, grid={"u": (-1, 1, 3), "v": (0, 2, 2)}, order=2)
    >>> saddle.y
    tensor([[ 1., -3.],
            [ 0., -4.],
            [ 1., -3.]])
    >>> saddle.partial("u"), saddle.partial("v", "v")[0]
    (tensor([[-2., -2.],
            [ 0.,  0.],
            [ 2.,  2.]]), tensor([-2., -2.]))
    >>> gradcu.sweep(lambda x, a: a * x**2, points=[1.0, 3.0], params={"a": [1, 10]}).derivative(1)
    tensor([[ 2.,  6.],
            [20., 60.]])
    """
    # All that a sweep takes is imported with the first one, so that `import gradcu` stays quick.
    from .run import run

    return run(
        f, start, stop, num, grid=grid, points=points, params=params, order=order, partials=partials, dtype=dtype,
        device=device, engine=engine, out=out, resume=resume, reduce=reduce, chunk=chunk, progress=progress,
        distributed=distributed,
    )  # fmt: skip

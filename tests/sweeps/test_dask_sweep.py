"""Sweeps that Dask computes: on threads, and on the processes of a cluster, of which one is killed on the way."""

import functools
import os
import shutil
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.array
import dask.config
import distributed
import numpy as np
import psutil
import pytest
import zarr
from dask.base import compute, is_dask_collection
from dask.graph_manipulation import clone
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu.fuse import cache
from gradcu.fuse.compiler import CompilerError
from gradcu.sweeps import recipe
from gradcu.sweeps.dask_sweep import DaskSweep
from gradcu.sweeps.result import SweepResult

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler on the PATH"
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """The client of three worker processes of one thread each."""
    # Any free port: the usual one may be taken, by another run of these tests even.
    with (
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0
        ) as workers,
        distributed.Client(workers, set_as_default=False) as connected,
    ):
        yield connected


@pytest.fixture
def client(cluster: Any) -> Iterator[Any]:
    """The cluster's client, by which this test computes; without it Dask takes threads."""
    with dask.config.set(scheduler=cluster):
        yield cluster


def wave(x: Tensor) -> Tensor:
    return gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x)


def assert_same(lazy: DaskSweep, local: SweepResult) -> None:
    """Bits, shapes and figures of two sweeps are equal."""
    assert lazy.partials == local.partials
    names = local.summary().axes
    lazily = [*(lazy.partial(*names) for names in lazy.partials), *map(lazy.axis, names)]
    locally = [*(local.partial(*names) for names in local.partials), *map(local.axis, names)]
    for found, promised, expected in zip(compute(*lazily), lazily, locally, strict=True):
        assert found.dtype == promised.dtype == expected.dtype
        assert found.shape == promised.shape == tuple(expected.shape)
        assert found.tobytes() == expected.numpy().tobytes()
    assert_same_figures(lazy.summary(), local)


def assert_same_figures(summary: Any, local: SweepResult) -> None:
    found, expected = summary.as_dict(), local.summary().as_dict()
    assert found.keys() == expected.keys()
    for name in found.keys() - {"engine_reason", "threads", "chunk", "seconds", "points_per_second"}:
        assert found[name] == expected[name]


@pytest.mark.parametrize("engine", [pytest.param("cc", marks=needs_compiler), "numpy", "eager"])
def test_a_cluster_gives_the_bits_and_figures_of_a_local_sweep(client: Any, engine: str):
    arguments = {"order": 2, "dtype": "float64", "engine": engine}
    lazy = gradcu.sweep(wave, -20, 20, 20_001, **arguments, distributed="dask", chunk=777)
    assert_same(lazy, gradcu.sweep(wave, -20, 20, 20_001, **arguments))


def test_a_cluster_sweeps_grids_with_params(client: Any):
    def f(a: Tensor, v: Tensor, u: Tensor) -> Tensor:
        return a * gradcu.sin(u * v) + v

    arguments = {"grid": {"u": (0, 1, 7), "v": (-3, 2, 11)}, "params": {"a": [1, 5, 2]}, "order": 2, "engine": "numpy"}
    assert_same(gradcu.sweep(f, **arguments, distributed="dask", chunk=30), gradcu.sweep(f, **arguments))


@needs_compiler
def test_a_compiler_may_be_the_workers_alone(client: Any, monkeypatch: pytest.MonkeyPatch):
    # The workers were started before.
    monkeypatch.setenv("CC", "no-such-compiler")
    summary = gradcu.sweep(wave, 0, 1, 100, engine="cc", distributed="dask").summary()
    assert summary.engine == "cc"
    with pytest.raises(CompilerError, match="there is no program 'no-such-compiler'"):
        gradcu.sweep(wave, 0, 1, 100, engine="cc", distributed="dask").compute(scheduler="threads")


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_threads_without_a_cluster_do_as_well(dtype: str):
    lazy = gradcu.sweep(wave, -2, 3, 501, dtype=dtype, distributed="dask", chunk=100)
    assert_same(lazy, gradcu.sweep(wave, -2, 3, 501, dtype=dtype))


# A pole, whose neighbours are infinite, zeros, and places without a value.
ODD = {"pole": lambda x: 1 / x, "flat": lambda x: gradcu.relu(x) ** 2, "root": gradcu.sqrt, "waves": wave}


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(ODD)),
    num=st.integers(1, 400),
    chunk=st.one_of(st.none(), st.integers(1, 450)),
    order=st.integers(0, 2),
)
def test_blocks_of_any_length_give_the_same(name: str, num: int, chunk: int | None, order: int):
    lazy = gradcu.sweep(ODD[name], -20, 20, num, order=order, distributed="dask", chunk=chunk)
    with dask.config.set(scheduler="synchronous"):
        assert_same(lazy, gradcu.sweep(ODD[name], -20, 20, num, order=order))
        assert_same_figures(lazy.compute().summary(), gradcu.sweep(ODD[name], -20, 20, num, order=order))


def noting(folder: Path, length: int) -> Callable[[Tensor], Tensor]:
    """A function that notes each block and who computes it, and waits at positive x until there is a file ``go``."""

    def f(x: Tensor) -> Tensor:
        # Shorter are the probes of whether it is elementwise.
        if x.shape[0] == length:
            first = x.detach()[0].item()
            (folder / f"{os.getpid()} {first}").touch()
            while first >= 0 and not (folder / "go").exists():
                time.sleep(0.01)
        return gradcu.sin(3 * x)

    return f


def noted(folder: Path) -> dict[int, set[float]]:
    """The first points of the blocks that each process began."""
    found: dict[int, set[float]] = {}
    for path in folder.glob("* *"):
        process, first = path.name.split()
        found.setdefault(int(process), set()).add(float(first))
    return found


def test_a_killed_worker_is_made_up_for_by_the_others(client: Any, tmp_path: Path):
    f = noting(tmp_path, 1000)
    lazy = gradcu.sweep(f, -1, 1, 16_000, engine="eager", distributed="dask", chunk=1000)
    rows = client.compute([lazy.y, lazy.derivative(1)])
    deadline = time.monotonic() + 60
    victim = None
    while victim is None:
        assert time.monotonic() < deadline, f"no worker came to a block where it waits: {noted(tmp_path)}"
        time.sleep(0.02)
        # It holds blocks that are done, and is inside another.
        done_and_waiting = (pid for pid, blocks in noted(tmp_path).items() if min(blocks) < 0 <= max(blocks))
        victim = next(done_and_waiting, None)
    psutil.Process(victim).kill()
    lost = noted(tmp_path)[victim]
    (tmp_path / "go").touch()
    y, slope = client.gather(rows)
    local = gradcu.sweep(f, -1, 1, 16_000, engine="eager", chunk=1000)
    assert y.tobytes() == local.y.numpy().tobytes()
    assert slope.tobytes() == local.derivative(1).numpy().tobytes()
    computed = noted(tmp_path)
    others = set().union(*(blocks for pid, blocks in computed.items() if pid not in (victim, os.getpid())))
    assert len(lost) >= 2
    assert lost <= others
    assert len(others) == 16
    assert victim not in client.run(os.getpid).values()


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first points' indices of the blocks that this process evaluates."""
    firsts: list[int] = []
    evaluated = recipe.evaluated

    def counted(engine: Any, first: int, *others: Any) -> Any:
        firsts.append(first)
        return evaluated(engine, first, *others)

    monkeypatch.setattr(recipe, "evaluated", counted)
    return firsts


def test_rows_that_are_computed_together_are_evaluated_once(evaluations: list[int], tmp_path: Path):
    lazy = gradcu.sweep(wave, 0, 1, 1000, order=2, distributed="dask", chunk=250)
    assert not evaluations
    compute(lazy.y, lazy.derivative(1), lazy.derivative(2).sum())
    assert sorted(evaluations) == [0, 250, 500, 750]
    evaluations.clear()
    lazy.compute()
    assert len(evaluations) == 4
    evaluations.clear()
    lazy.summary()
    assert len(evaluations) == 4
    evaluations.clear()
    lazy.derivative(1)[300:400].compute()
    assert evaluations == [250]
    evaluations.clear()
    lazy.x.compute()
    assert not evaluations


def test_persisted_blocks_are_not_evaluated_again(evaluations: list[int]):
    kept = gradcu.sweep(wave, 0, 1, 1000, distributed="dask", chunk=250).persist()
    assert len(evaluations) == 4
    assert_same(kept, gradcu.sweep(wave, 0, 1, 1000))
    assert kept.compute().y.shape == (1000,)
    assert len(evaluations) == 4


def test_a_sweep_is_a_collection_that_dask_can_copy():
    lazy = gradcu.sweep(wave, 0, 1, 100, distributed="dask", chunk=30)
    assert is_dask_collection(lazy)
    copied = clone(lazy)
    assert isinstance(copied, DaskSweep)
    assert not set(copied.__dask_keys__()) & set(lazy.__dask_keys__())
    found, expected = compute(copied, lazy.y)
    assert (found.y.numpy() == expected).all()


def test_dask_writes_the_arrays(client: Any, tmp_path: Path):
    lazy = gradcu.sweep(wave, -3, 3, 5000, engine="numpy", distributed="dask", chunk=1024)
    local = gradcu.sweep(wave, -3, 3, 5000, engine="numpy")
    dask.array.to_npy_stack(tmp_path / "stack", lazy.derivative(1))
    assert (dask.array.from_npy_stack(tmp_path / "stack").compute() == local.derivative(1).numpy()).all()


def test_zarr_takes_all_rows_at_one_evaluation(evaluations: list[int], tmp_path: Path):
    lazy = gradcu.sweep(wave, -3, 3, 5000, distributed="dask", chunk=1024)
    rows = {"x": lazy.x, "f": lazy.y, "d1": lazy.derivative(1)}
    compute([row.to_zarr(tmp_path / "s.zarr", component=name, compute=False) for name, row in rows.items()])
    assert len(evaluations) == 5
    local = gradcu.sweep(wave, -3, 3, 5000)
    for name, expected in {"x": local.x, "f": local.y, "d1": local.derivative(1)}.items():
        written = zarr.open_array(tmp_path / "s.zarr" / name, mode="r")
        assert written.chunks == (1024,)
        assert (np.asarray(written[:]) == expected.numpy()).all()


@needs_compiler
def test_workers_of_one_host_share_compiled_code(client: Any):
    before = cache.usage()[0]
    lazy = gradcu.sweep(lambda x: gradcu.sinh(x) / 7, 0, 1, 1 << 17, distributed="dask", chunk=1 << 13)
    summary = lazy.summary()
    assert summary.engine == "cc"
    assert summary.threads > 1
    assert cache.usage()[0] == before + 1


def test_a_process_makes_the_engine_once_and_keeps_few(monkeypatch: pytest.MonkeyPatch):
    made: list[str] = []
    make_engine = recipe.make_engine

    def counted(name: str, *others: Any, **options: Any) -> Any:
        made.append(name)
        return make_engine(name, *others, **options)

    monkeypatch.setattr(recipe, "make_engine", counted)
    sweeps = [gradcu.sweep(wave, 0, 1, 640, distributed="dask", chunk=10) for _ in range(recipe._MOST_ENGINES + 1)]
    for lazy in sweeps:
        lazy.y.compute()
    assert len(made) == len(sweeps)
    assert len(recipe._kept) == recipe._MOST_ENGINES
    sweeps[-1].y.compute()
    assert len(made) == len(sweeps)
    sweeps[0].y.compute()
    assert len(made) == len(sweeps) + 1


def test_an_engine_has_no_more_threads_than_it_can_have(monkeypatch: pytest.MonkeyPatch):
    make_engine = recipe.make_engine
    inside = most = 0

    def single(*arguments: Any, **options: Any) -> Any:
        engine: Any = make_engine(*arguments, **options)
        engine.threads = 1
        evaluate = engine.evaluate

        def watched(*parts: Any) -> Any:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.002)
            inside -= 1
            return evaluate(*parts)

        engine.evaluate = watched
        return engine

    monkeypatch.setattr(recipe, "make_engine", single)
    gradcu.sweep(wave, 0, 1, 100, engine="eager", distributed="dask", chunk=10).y.compute(num_workers=4)
    assert most == 1


def test_functions_take_along_what_they_close_over(client: Any):
    scale = gradcu.tensor([2.5], dtype=gradcu.float64)
    powers = {"square": 2}
    f = functools.partial(lambda power, x: scale * x**power, powers["square"])
    lazy = gradcu.sweep(f, 0, 3, 31, dtype="float64", distributed="dask", chunk=10)
    assert_same(lazy, gradcu.sweep(f, 0, 3, 31, dtype="float64"))


def test_later_changes_of_the_function_do_not_reach_the_sweep():
    factors = [2.0]
    lazy = gradcu.sweep(lambda x: factors[0] * x, 0, 1, 3, distributed="dask")
    factors[0] = 5.0
    assert lazy.y.compute().tolist() == [0, 1, 2]


def test_the_task_count_is_bounded():
    lazy = gradcu.sweep(wave, 0, 1, 1e11, dtype="float64", distributed="dask")
    assert lazy.y.numblocks == (23842,)
    assert lazy.y.chunksize == (1 << 22,)
    assert len(lazy.derivative(1).dask) < 50_000
    assert gradcu.sweep(wave, 0, 1, 1e13, dtype="float64", distributed="dask").y.npartitions <= 1 << 16
    with pytest.raises(ValueError, match=r"chunk = 1,000 makes 100,000,000 blocks of num = 100,000,000,000 points, .* "
                       r"take a chunk of 1,525,879 or more"):  # fmt: skip
        gradcu.sweep(wave, 0, 1, 1e11, dtype="float64", distributed="dask", chunk=1000)
    assert gradcu.sweep(wave, 0, 1, 1e11, dtype="float64", distributed="dask", chunk=1525879).y.npartitions == 1 << 16


def test_a_part_of_a_very_long_sweep_can_be_had():
    lazy = gradcu.sweep(lambda x: 2 * x, 0, 1, 1e11, dtype="float64", distributed="dask", chunk=1 << 21)
    assert lazy.y[-1:].compute().tolist() == [2.0]
    assert lazy.x[50_000_000_000:50_000_000_001].compute() == pytest.approx(0.5, abs=1e-11)


def test_blocks_have_64_mib_by_default():
    for order, dtype, points in ((1, "float32", 1 << 23), (1, "float64", 1 << 22), (2, "float64", 1 << 21)):
        lazy = gradcu.sweep(wave, -1, 1, 1e7, order=order, dtype=dtype, distributed="dask")
        assert lazy.y.chunksize == (points,)


def test_merging_leaves_the_reports_as_they_were():
    made = gradcu.sweep(gradcu.sin, 0, 6, 20, distributed="dask", chunk=10)._recipe
    reports = [made.block(0).report, made.block(1).report]
    for _ in range(2):
        whole = recipe.merged(reports)
        assert whole.statistics.rows[0].minimum_at == 15
        assert reports[0].statistics.rows[0].minimum_at == 0


def test_a_row_that_is_kept_does_not_keep_the_others():
    block = gradcu.sweep(gradcu.sin, 0, 6, 20, distributed="dask")._recipe.block(0)
    kept, other = block.rows[1], weakref.ref(block.rows[0])
    del block
    assert kept.size == 20
    assert other() is None


def test_dask_is_imported_by_no_other_sweep():
    program = (
        "import sys, gradcu; gradcu.sweep(gradcu.sin, 0, 1, 9);"
        "sys.exit(' '.join({'dask', 'distributed', 'cloudpickle'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_printed_form_counts_points_and_blocks():
    lazy = gradcu.sweep(gradcu.sin, 0, 1, 2000, order=3, distributed="dask", chunk=1500)
    assert repr(lazy) == "<Dask sweep of sin: 2,000 points in 2 blocks, order 3, float32>"

"""Sweeps whose results leave CUDA devices: through pinned chunks and two streams, from two devices, in small memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gradcu
from gradcu.sweeps import cuda_chunks, cuda_engine
from gradcu.sweeps.cuda_launches import Launches
from tests.cpu_cuda.bed import Bed, Counts
from tests.fuse.test_cuda_source import FUNCTIONS

wave = FUNCTIONS["waves"]

NUM = 70_001


@pytest.fixture
def expected(cuda: str) -> gradcu.sweeps.result.SweepResult:
    """A sweep that stays on the device, in one launch."""
    return gradcu.sweep(wave, -3, 4, NUM, device=cuda)


def assert_same(found: Any, expected: gradcu.sweeps.result.SweepResult) -> None:
    for k in (0, 1):
        assert found.derivative(k).cpu().numpy().tobytes() == expected.derivative(k).cpu().numpy().tobytes()
    assert found.x.cpu().numpy().tobytes() == expected.x.cpu().numpy().tobytes()
    for name in ("rows", "sign_changes"):
        assert found.summary().as_dict()[name] == expected.summary().as_dict()[name]


@pytest.mark.parametrize("suffix", ["npz", "npy", "zarr"])
@pytest.mark.parametrize("chunk", [None, 7_001, 16_384])
def test_files_have_what_stays_on_the_device(
    place: str, tmp_path: Path, suffix: str, chunk: int | None, expected: gradcu.sweeps.result.SweepResult
):
    path = tmp_path / f"wave.{suffix}"
    found = gradcu.sweep(wave, -3, 4, NUM, device=place, out=path, chunk=chunk)
    assert_same(found, expected)
    assert str(found.y.device) == "cpu"
    summary = found.summary()
    assert (summary.engine, summary.device) == ("cuda", place)
    assert summary.transfer_seconds is not None
    assert summary.transfer_seconds > 0
    assert "s to the host beside it" in str(summary)


@pytest.mark.parametrize("suffix", ["npy", "zarr"])
def test_a_file_is_gone_on_with_by_the_same_device_alone(cuda: str, tmp_path: Path, suffix: str):
    path = tmp_path / f"wave.{suffix}"
    gradcu.sweep(wave, -3, 4, NUM, device=cuda, out=path)
    again = gradcu.sweep(wave, -3, 4, NUM, device=cuda, out=path, resume=True)
    assert again.summary().points_per_second == 0
    with pytest.raises(ValueError, match="device is 'cpu' and was 'cuda:0'"):
        gradcu.sweep(wave, -3, 4, NUM, device="cpu", out=path, resume=True)


def test_a_chunk_is_one_launch_and_one_copy(bed: Bed, cuda: str, tmp_path: Path):
    def sweep() -> Counts:
        before = bed.counts
        gradcu.sweep(lambda x: x * x, 1, 2, NUM, device=cuda, out=tmp_path / "square.npz", chunk=10_000)
        return bed.counts - before

    sweep()
    found = sweep()
    # A wait for each chunk, and no other.
    assert (found.launches, found.to_host, found.synchronisations, found.to_device) == (8, 8, 8, 0)
    # x, f and f', and what is told: 64 bytes a row of a segment.
    assert 12 * NUM < found.bytes_to_host < 12 * NUM + 8 * (3 * 2 * 64 + 7 * 16)


def streamed(**options: Any) -> gradcu.sweeps.result.SweepResult:
    """A sweep that comes to the host in several chunks."""
    return gradcu.sweep(wave, -3, 4, NUM, device=["cuda:0", "cuda:1"], chunk=8_192, **options)


def test_every_wait_is_there(bed: Bed, expected: gradcu.sweeps.result.SweepResult):
    with bed.lazy_streams():
        found = streamed()
    assert_same(found, expected)


def test_a_missing_wait_would_show(
    bed: Bed, expected: gradcu.sweeps.result.SweepResult, monkeypatch: pytest.MonkeyPatch
):
    class Deaf(bed.cupy.cuda.Stream):
        def wait_event(self, event: Any) -> None:
            """The planted bug."""

    monkeypatch.setattr(bed.cupy.cuda, "Stream", Deaf)
    with bed.lazy_streams():
        found = streamed()
    assert found.y.numpy().tobytes() != expected.y.cpu().numpy().tobytes()


def test_two_devices_share_the_points_out(
    bed: Bed, expected: gradcu.sweeps.result.SweepResult, monkeypatch: pytest.MonkeyPatch
):
    chunks: dict[int, list[int]] = {0: [], 1: []}
    launch = Launches.launch

    def noted(self: Launches, first: int, *arguments: Any) -> None:
        chunks[bed.cupy.cuda.runtime.getDevice()].append(first)
        launch(self, first, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Launches, "launch", noted)
        found = streamed()
    assert_same(found, expected)
    assert str(found.y.device) == "cpu"
    assert sorted(chunks[0] + chunks[1]) == list(range(0, NUM, 8_192))
    assert len(chunks[0]) >= 2
    assert len(chunks[1]) >= 2
    summary = found.summary()
    assert (summary.device, summary.device_reason, summary.threads) == ("cuda:0 and cuda:1", "asked for", 4)


@pytest.mark.parametrize("devices", [[], ["cuda:0", "cpu"], ["cuda:0", "cuda:0"]])
def test_devices_that_can_not_share(cuda: str, devices: list[str]):
    with pytest.raises(ValueError, match="device must be one device, or a list of different CUDA devices, not"):
        gradcu.sweep(wave, 0, 1, 100, device=devices)


def test_of_several_devices_eager_takes_the_first(bed: Bed):
    found = gradcu.sweep(wave, 0, 1, 100, device=["cuda:1", "cuda:0"], engine="eager")
    assert (found.summary().device, str(found.y.device)) == ("cuda:1", "cpu")


@pytest.fixture
def large_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that have all points."""
    monkeypatch.setattr(cuda_engine, "_BYTES", 1 << 20)


def test_without_memory_for_a_chunk_it_is_halved(
    bed: Bed, tmp_path: Path, large_chunks: None, expected: gradcu.sweeps.result.SweepResult
):
    # A chunk of all points has 9 segments of 98 kB, and two have to fit, with what CuPy's pool makes of the rest.
    with bed.memory_of(512_000):
        found = gradcu.sweep(wave, -3, 4, NUM, device="cuda", out=tmp_path / "wave.npz", chunk=NUM)
    assert_same(found, expected)
    reasons = [f"NVRTC, in chunks of {length} points for want of memory" for length in ("18,432", "9,216")]
    assert found.summary().engine_reason in reasons


def test_refused_allocations_one_after_the_other(
    bed: Bed, tmp_path: Path, large_chunks: None, expected: gradcu.sweeps.result.SweepResult
):
    """At whichever allocation memory ends, the sweep goes on with what it has or says what it lacks."""
    failures = 0
    for allowed in range(8):
        path = tmp_path / f"wave{allowed}.npz"
        try:
            with bed.out_of_memory_after(allowed):
                found = gradcu.sweep(wave, -3, 4, NUM, device="cuda", out=path, chunk=NUM)
        except gradcu.OutOfMemoryError as error:
            failures += 1
            said = str(error)
        else:
            assert_same(found, expected)
            continue
        assert "a sweep's chunk of 8,192 points on cuda:0: Out of memory allocating" in said
        assert list(tmp_path.glob(".*")) == []
        assert not path.exists()
    assert 0 < failures < 8


def test_too_little_memory_at_last_names_the_size(bed: Bed, tmp_path: Path):
    with (
        bed.memory_of(50_000),
        pytest.raises(gradcu.OutOfMemoryError, match="a sweep's chunk of 8,192 points on cuda:0"),
    ):
        gradcu.sweep(wave, -3, 4, NUM, device="cuda", out=tmp_path / "wave.npy")
    assert list(tmp_path.iterdir()) == []


def test_results_larger_than_the_card_come_to_the_host(
    bed: Bed, large_chunks: None, expected: gradcu.sweeps.result.SweepResult
):
    with bed.memory_of(500_000):
        found = gradcu.sweep(wave, -3, 4, NUM, device="cuda")
        assert str(found.y.device) == "cpu"
    assert_same(found, expected)
    summary = found.summary()
    assert (summary.engine, summary.device) == ("cuda", "cuda:0")
    assert summary.device_reason == "asked for; the results don't fit there, and are on the CPU"


def test_a_function_that_fails_leaves_no_work_behind(bed: Bed, monkeypatch: pytest.MonkeyPatch):
    def fails(self: Launches, first: int, *arguments: Any) -> None:
        raise RuntimeError("no launch")

    monkeypatch.setattr(cuda_chunks.Launches, "launch", fails)
    with bed.lazy_streams(), pytest.raises(RuntimeError, match="no launch"):
        streamed()

"""The benchmarks for a GPU run through on CuPy on CPU, with sizes at which their times are of no interest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import _gpu, gpu
from tests.cpu_cuda.bed import Bed


def test_every_part_runs(bed: Bed, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    golden = tmp_path / "golden.json"
    assert gpu.main(["--num", "4096", "--rounds", "1", "--golden", str(golden)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("CuPy on CPU, compute capability 9.0")
    assert "No GPU: the times below are those of the CPU, and say nothing." in shown
    assert re.findall(r"^## (\w+)$", shown, re.MULTILINE) == list(gpu.PARTS)
    assert "failed" not in shown
    assert re.search(r"^\| mul +\| 1 +\| 2 +\|$", shown, re.MULTILINE)
    assert re.search(r"^\| polynomial +\| float32 +\| 2 +\|", shown, re.MULTILINE)
    assert re.search(r"^\| grid +\| float64 +\|.*\| cuda +\|$", shown, re.MULTILINE)
    assert "not as on the CPU" not in shown
    assert golden.exists()


def test_a_part_that_fails_says_so_and_the_others_go_on(
    bed: Bed, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def broken(*arguments: object) -> str:
        raise RuntimeError("broken")

    monkeypatch.setitem(gpu.PARTS, "pointwise", broken)
    arguments = ["--num", "64", "--rounds", "1", "--golden", str(tmp_path / "golden.json")]
    assert gpu.main([*arguments, "--only", "pointwise", "counts"]) == 1
    shown = capsys.readouterr().out
    assert "failed: RuntimeError: broken" in shown
    assert "launches, backward" in shown


def test_every_kernel_can_be_launched_for_a_sanitizer(bed: Bed):
    before = bed.counts.launches
    assert gpu.main(["--kernels"]) == 0
    assert bed.counts.launches - before > 100


def test_launches_are_counted(bed: Bed):
    x = bed.cupy.arange(10.0)
    assert _gpu.launches(lambda: x + 1) == 1

"""The examples for a GPU run on CuPy on CPU: their asserts hold."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from tests.cpu_cuda.bed import Bed
from tests.test_examples import ON_CUDA


@pytest.mark.parametrize("example", ON_CUDA, ids=lambda example: example.stem)
def test_an_example_runs_and_its_asserts_hold(example: Path, bed: Bed, capsys: pytest.CaptureFixture[str]):
    before = bed.counts.launches
    runpy.run_path(str(example), run_name="__main__")
    assert bed.counts.launches > before
    assert capsys.readouterr().out


@pytest.mark.parametrize("example", ON_CUDA, ids=lambda example: example.stem)
def test_without_a_device_it_ends_with_a_line(
    example: Path, cuda: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("GRADCU_DEVICE", "cpu")
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(example), run_name="__main__")
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "this example needs CuPy and a CUDA device\n"

"""What GPUs computed is what is computed here: files that ``python -m benchmarks.gpu`` has written."""

import json
from pathlib import Path

import pytest

from benchmarks import _gpu_golden


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "cpu.json"
    _gpu_golden.write(path, "cpu", "a CPU")
    return path


def test_what_gpus_computed_is_computed_here(device: str):
    """No GPU could be had so far: there are no such files yet."""
    for path in _gpu_golden.FOLDER.glob("*.json"):
        assert not _gpu_golden.differences(path, device), path.name


def test_a_device_agrees_with_the_cpu(written: Path, device: str):
    assert json.loads(written.read_text())["device"] == "a CPU"
    assert not _gpu_golden.differences(written, device)


def test_what_differs_is_named(written: Path, tmp_path: Path):
    golden = json.loads(written.read_text())
    results = golden["results"]
    results["sum, float64"]["data"][0] *= 1 + 1e-14
    results["points of relu, float32"]["data"][1] = float(results["points of relu, float32"]["data"][1] + 2.0**-22)
    results["rows, float32"]["shape"] = [5, 5]
    del results["index, float32"]
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(golden))
    wrong = _gpu_golden.differences(changed, "cpu")
    assert sorted(line.partition(":")[0].partition(" is in")[0] for line in wrong) == [
        "index, float32", "points of relu, float32", "rows, float32", "sum, float64",
    ]  # fmt: skip
    assert "float32 (25,)" in next(line for line in wrong if line.startswith("rows"))


def test_a_file_gets_its_name_once_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*arguments: object) -> str:
        raise ValueError("no JSON")

    monkeypatch.setattr(_gpu_golden.json, "dumps", broken)
    with pytest.raises(ValueError, match="no JSON"):
        _gpu_golden.write(tmp_path / "results.json", "cpu", "a CPU")
    assert not list(tmp_path.iterdir())

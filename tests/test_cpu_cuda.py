"""CuPy on CPU keeps to itself: where it runs, what it refuses, who knows of it. What it finds is in tests/cuda."""

import ast
import importlib.util
import os
import platform
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cpu_cuda import bed, build, plugin, refusals
from tests.cpu_cuda.compiler import _DYNAMIC_SHARED, _KERNEL, _understood
from tests.cpu_cuda.signatures import SIGNATURES, differences


def cupys(signature: str) -> str:
    """A signature as CuPy writes it into a capsule's name."""
    struct = "struct __pyx_opt_args_13cupy_backends_4cuda_3api_7runtime_f *__pyx_optional_args"
    signature = signature.replace("skip", "int __pyx_skip_dispatch").replace("options", struct)
    return signature.replace("PointerAttributes *", "struct __pyx_obj_13cupy_4cuda_7runtime_PointerAttributes *")


def test_a_signature_of_cupys_that_changed_is_named():
    found = {name: cupys(signature) for name, signature in SIGNATURES.items()}
    assert differences(found | {"another": "int (int)"}) == []
    found["malloc"] = cupys("intptr_t (size_t, int, skip)")
    del found["free"]
    assert differences(found) == [
        "malloc: intptr_t (size_t, int, skip), not intptr_t (size_t, skip)",
        "free: missing, not PyObject *(intptr_t, skip)",
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda patch: patch.setattr(sys, "platform", "darwin"), "is written for x86-64 Linux, and this is"),
        (lambda patch: patch.setattr(platform, "machine", lambda: "aarch64"), "this is aarch64 linux"),
        (lambda patch: patch.setattr(importlib.util, "find_spec", lambda name: None), "CuPy is not installed: pip"),
        (
            lambda patch: patch.setattr(refusals, "cupy_version", lambda: "15.0.1"),
            "knows CuPy 14.x, and this is 15",
        ),
        (lambda patch: patch.setattr("shutil.which", lambda name: None), r"compiles kernels with g\+\+"),
        (lambda patch: patch.setattr(refusals, "real_driver_loads", lambda: True), "there is an NVIDIA driver"),
    ],
)
def test_why_it_does_not_run(change: Callable[[pytest.MonkeyPatch], None], reason: str, monkeypatch: Any):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace())
    monkeypatch.setattr(refusals, "cupy_version", lambda: "14.2.0")
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/g++")
    monkeypatch.setattr(refusals, "real_driver_loads", lambda: False)
    assert refusals.reason_against() == ""
    change(monkeypatch)
    monkeypatch.setattr(bed, "_running", None)
    with pytest.raises(RuntimeError, match=reason):
        bed.start()


@pytest.mark.skipif(not refusals.reason_against(), reason="CuPy on CPU runs here")
@pytest.mark.parametrize(("ci", "status"), [("", pytest.ExitCode.OK), ("true", pytest.ExitCode.USAGE_ERROR)])
def test_where_it_cannot_run_tests_are_skipped_but_in_ci(ci: str, status: int, root: Path):
    command = [sys.executable, "-m", "tests.cpu_cuda", "tests/cuda/test_memory.py", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=root, env=os.environ | {"CI": ci}, capture_output=True, text=True)
    assert run.returncode == status
    assert refusals.reason_against()[:60] in run.stdout + run.stderr
    assert "passed" not in run.stdout


def test_tests_for_a_real_device_fail_on_it(monkeypatch: pytest.MonkeyPatch):
    item: Any = SimpleNamespace(get_closest_marker=lambda name: name == "gpu")
    monkeypatch.setattr(bed, "_running", None)
    plugin.pytest_runtest_setup(item)
    monkeypatch.setattr(bed, "_running", object())
    with pytest.raises(pytest.fail.Exception, match="CuPy on CPU is none"):
        plugin.pytest_runtest_setup(item)


def test_what_it_builds_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    build.folder.cache_clear()
    try:
        made = build.folder()
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
        made.chmod(0o755)
        build.folder.cache_clear()
        with pytest.raises(PermissionError, match="must be this user's alone"):
            build.folder()
    finally:
        build.folder.cache_clear()


def test_the_package_does_not_know_of_it(root: Path):
    for path in (root / "gradcu").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "tests"], path


def test_what_is_rewritten_in_cuda_cpp():
    source = 'extern "C" __global__ void __launch_bounds__(256, 2) a(int n)\nextern "C" __global__ void b(float* x)'
    assert _KERNEL.findall(source) == ["a", "b"]
    shared = "extern __shared__ __align__(16) unsigned char bytes[];"
    assert _DYNAMIC_SHARED.sub(r"<\1|\2>", shared) == "<unsigned char|bytes>"
    options = ("-DN=3", "-I/home/me/kernels", "-I/x/nvidia/include", "--std=c++17", "-arch=sm_90")
    assert _understood(options) == ["-DN=3", "-I/home/me/kernels"]

"""Finding the system's C compiler, and what it does with the options it is given."""

import ctypes
import importlib.util
import os
import stat
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu.fuse.compiler import Compiler, CompilerError, NoCompilerError, find_compiler


def program(path: Path, script: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def wrapper(compiler: Compiler, tmp_path: Path) -> Path:
    """A compiler that is the system's, and writes down what it is given."""
    return program(tmp_path / "wrapped", f'echo "$@" >> {tmp_path}/log\nexec {compiler.command[0]} "$@"')


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def wave(x: Any) -> Any:
    """A function that the sweeps of these tests compile."""
    return gradcu.sin(x) * x


def test_cc_is_respected_with_its_arguments(monkeypatch: pytest.MonkeyPatch, wrapper: Path, tmp_path: Path):
    monkeypatch.setenv("CC", f"{wrapper} -DGIVEN='two words'")
    found = find_compiler()
    found.build("int f(void) { return 1; }", str(tmp_path / "f.lib"))
    log = (tmp_path / "log").read_text().splitlines()
    assert len(log) == 2
    assert all(line.startswith("-DGIVEN=two words ") for line in log)
    assert found.command == (str(wrapper), "-DGIVEN=two words")


def test_cc_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    with pytest.raises(
        CompilerError, match="CC is 'no-such-compiler -m64', and there is no program 'no-such-compiler'"
    ):
        find_compiler()


@pytest.mark.parametrize("name", ["cc", "gcc", "clang"])
def test_names_on_the_path(monkeypatch: pytest.MonkeyPatch, wrapper: Path, tmp_path: Path, name: str):
    monkeypatch.delenv("CC", raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    for later in ["cc", "gcc", "clang"][["cc", "gcc", "clang"].index(name) :]:
        (folder / later).symlink_to(wrapper)
    # The wrapper is a script: it needs a shell and the compiler's own tools, which it names by their paths.
    monkeypatch.setenv("PATH", str(folder))
    assert find_compiler().command == (str(folder / name),)


def test_ziglang_is_the_last_resort(monkeypatch: pytest.MonkeyPatch, compiler: Compiler, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "ziglang").mkdir()
    (tmp_path / "ziglang" / "__init__.py").write_text("")
    (tmp_path / "ziglang" / "__main__.py").write_text(
        f"import os, sys\nprogram = {compiler.command[0]!r}\nassert sys.argv[1] == 'cc'\n"
        "os.execv(program, [program, *sys.argv[2:]])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    found = find_compiler()
    assert found.command == (sys.executable, "-m", "ziglang", "cc")
    assert found.macros == compiler.macros


def test_without_any_the_message_says_what_to_do(no_compiler: None):
    with pytest.raises(NoCompilerError, match=r"none of cc, gcc, clang is on the PATH.*pip install gradcu\[cc\]"):
        find_compiler()


def test_without_any_auto_runs_on_numpy_and_says_why(no_compiler: None):
    summary = gradcu.sweep(wave, 0, 1, 70_000).summary()
    assert summary.engine == "numpy"
    assert summary.engine_reason.startswith("there is no C compiler")
    with pytest.raises(NoCompilerError, match="there is no C compiler"):
        gradcu.sweep(wave, 0, 1, 100, engine="cc")


def test_a_compiler_that_fails_is_quoted_in_one_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    broken = program(tmp_path / "broken", 'echo "internal error: out of coffee" >&2; exit 3')
    monkeypatch.setenv("CC", str(broken))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = gradcu.sweep(wave, 0, 1, 70_000)
    (warning,) = caught
    assert warning.category is UserWarning
    assert "failed with exit code 3: internal error: out of coffee" in str(warning.message)
    assert Path(warning.filename) == Path(__file__)
    assert result.summary().engine == "numpy"
    assert "out of coffee" in result.summary().engine_reason
    np.testing.assert_array_equal(result.y.numpy(), gradcu.sweep(wave, 0, 1, 70_000, engine="numpy").y.numpy())
    with pytest.raises(CompilerError, match="out of coffee"):
        gradcu.sweep(wave, 0, 1, 100, engine="cc")


def test_a_program_that_cannot_be_run_is_a_compiler_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"\x7fELF, but no further")
    nonsense.chmod(0o700)
    monkeypatch.setenv("CC", str(nonsense))
    with pytest.raises(CompilerError, match="nonsense cannot be run: "):
        find_compiler()


def test_wrong_source_is_answered_in_the_compilers_words(compiler: Compiler, tmp_path: Path):
    with pytest.raises(CompilerError, match=r"(?s)failed with exit code 1: .*error: "):
        compiler.build("int f( {", str(tmp_path / "f.lib"))


def test_the_identity_follows_the_options(monkeypatch: pytest.MonkeyPatch, compiler: Compiler):
    plain = Compiler(compiler.command)
    assert plain.identity == compiler.identity
    assert Compiler([*compiler.command, "-DOTHER=1"]).identity != plain.identity
    assert compiler.version
    assert compiler.version in compiler.name


def test_arithmetic_is_done_as_written(compiler: Compiler, tmp_path: Path):
    """No product is fused with a sum, no sum reordered, nothing below the normal range flushed, no NaN assumed away."""
    source = """
    void f(const double *a, const double *b, const double *c, double *restrict out) {
        for (int i = 0; i < 64; i++) out[i] = a[i] * b[i] + c[i];
        for (int i = 0; i < 64; i++) out[64 + i] = (a[i] + b[i]) - a[i];
        for (int i = 0; i < 64; i++) out[128 + i] = a[i] == a[i] ? a[i] * 0x1p-1000 * 0x1p-60 : 1;
    }
    """
    library = str(tmp_path / "f.lib")
    compiler.build(source, library)
    rng = np.random.default_rng(1)
    a, b, c = rng.uniform(-1, 1, (3, 64))
    c = np.where(np.arange(64) % 2 == 0, -a * b, c)
    a[5], a[6] = np.nan, np.inf
    out = np.empty(192)
    ctypes.CDLL(library).f(*(ctypes.c_void_p(array.ctypes.data) for array in (a, b, c, out)))
    with np.errstate(invalid="ignore"):
        expected = np.concatenate([a * b + c, (a + b) - a, np.where(a == a, a * 2.0**-1000 * 2.0**-60, 1)])
    np.testing.assert_array_equal(out, expected)
    assert np.count_nonzero(out[128:]) == 64
    assert os.path.getsize(library) > 0

"""Compiled code on disk: where it is, who may write there, and what happens to it."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import gradcu
from gradcu.cli import main
from gradcu.fuse import cache
from gradcu.fuse.cache import CacheError
from gradcu.fuse.compiler import Compiler

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's code goes; not there yet."""
    monkeypatch.setenv("GRADCU_CACHE_DIR", str(tmp_path / "code"))
    return tmp_path / "code"


def written(text: str) -> Callable[[str], None]:
    """A build that writes this."""

    def build(path: str) -> None:
        Path(path).write_text(text)

    return build


def never(path: str):
    raise AssertionError("built once more")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/var/xdg"}, "/var/xdg/gradcu"),
        ("linux", {}, "/home/someone/.cache/gradcu"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/someone/.cache/gradcu"),
        ("darwin", {"XDG_CACHE_HOME": "/var/xdg"}, "/home/someone/Library/Caches/gradcu"),
        ("linux", {"GRADCU_CACHE_DIR": "/elsewhere", "XDG_CACHE_HOME": "/var/xdg"}, "/elsewhere"),
    ],
)
@posix
def test_the_platforms_conventions(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str
):
    for name in ("GRADCU_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/someone", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache.location() == expected


def test_windows_convention(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GRADCU_CACHE_DIR", raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert Path(cache.location()) == Path("/local/gradcu/Cache")


def test_what_is_there_is_not_built_again(folder: Path):
    path = cache.library("facts", written("code"))
    assert Path(path).read_text() == "code"
    assert cache.library("facts", never) == path
    assert cache.library("other facts", written("code")) != path
    assert len(os.listdir(folder)) == 2


@posix
def test_only_the_user_can_write_there(folder: Path):
    before = os.umask(0)
    try:
        path = cache.library("facts", written("code"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
def test_a_directory_that_others_can_write_is_refused(folder: Path, mode: int):
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(CacheError, match=rf"others can write to it \(mode {mode:04o}\); chmod it to 0700"):
        cache.library("facts", never)
    assert os.listdir(folder) == []


@posix
def test_a_directory_of_somebody_else_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    folder.mkdir(mode=0o700)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(CacheError, match=f"it belongs to user {mine}, not to this one"):
        cache.library("facts", never)


def test_a_file_in_its_place_is_refused(folder: Path):
    folder.write_text("")
    with pytest.raises(CacheError, match=r"code cannot keep compiled code \(GRADCU_CACHE_DIR sets another directory\)"):
        cache.library("facts", never)


@posix
def test_a_sweep_says_so_and_goes_on(folder: Path, compiler: Compiler):
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.warns(UserWarning, match="can't be compiled: .*others can write to it"):
        summary = gradcu.sweep(gradcu.sinh, 0, 1, 70_000).summary()
    assert summary.engine == "numpy"


@pytest.mark.parametrize("damage", [b"", b"half", b"code and more", b"cods"])
def test_a_damaged_library_is_built_again(folder: Path, damage: bytes):
    path = Path(cache.library("facts", written("code")))
    path.write_bytes(damage)
    assert Path(cache.library("facts", written("code"))).read_text() == "code"
    assert len(os.listdir(folder)) == 1


def test_a_truncated_kernel_does_not_end_the_process(folder: Path, compiler: Compiler):
    code = "import gradcu; print(gradcu.sweep(gradcu.cosh, 0, 1, 1000, engine='cc').y.sum().item())"

    def run() -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    first = run()
    (library,) = folder.iterdir()
    library.write_bytes(library.read_bytes()[: library.stat().st_size // 3])
    assert run() == first
    assert len(list(folder.iterdir())) == 1


def test_a_failed_build_leaves_nothing(folder: Path):
    def fails(path: str):
        Path(path).write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.library("facts", fails)
    assert os.listdir(folder) == []


def test_many_processes_at_a_time(folder: Path, compiler: Compiler):
    code = (
        "import gradcu; result = gradcu.sweep(lambda x: gradcu.exp(-x * x), -1, 1, 1001, engine='cc'); "
        "print(result.summary().engine, result.y.sum().item())"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(6)
    ]
    answers = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 6, answers
    (answer,) = answers
    assert answer.startswith("cc ")
    # Compilers may write the same code with other bytes; none of them is half a file.
    entries = list(folder.iterdir())
    assert entries
    assert all(entry.suffix == ".lib" for entry in entries)


def test_usage_and_clear(folder: Path):
    assert cache.usage() == (0, 0)
    assert cache.clear() == 0
    assert not folder.exists()
    cache.library("facts", written("code"))
    cache.library("more", written("longer code"))
    (folder / "notes.txt").write_text("the user's own")
    assert cache.usage() == (2, 15)
    assert cache.clear() == 2
    assert os.listdir(folder) == ["notes.txt"]


def test_clear_removes_what_killed_processes_left(folder: Path):
    folder.mkdir(mode=0o700)
    old, new = (folder / f"{'0' * 32}-{name}.tmp" for name in ("abandoned", "being_written"))
    for path in (old, new):
        path.write_text("half")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    cache.clear()
    assert list(folder.iterdir()) == [new]


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]):
    cache.library("facts", written("code"))
    for arguments, expected in (
        ([], f"{folder}: 1 compiled function, 4 bytes\n"),
        (["--clear"], f"removed 1 compiled function, 4 bytes from {folder}\n"),
        ([], f"{folder}: 0 compiled functions, 0 bytes\n"),
    ):
        assert main(["cache", *arguments]) == 0
        assert capsys.readouterr().out == expected
    assert main(["cache", "now"]) == 2
    assert capsys.readouterr().err == "gradcu: error: unrecognized arguments: now (see gradcu cache --help)\n"

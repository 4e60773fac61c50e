"""Devices: what names them, and what is said where CUDA cannot be had."""

import copy
import importlib
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcu
from gradcu import _device as dv
from gradcu import _finding_cuda
from gradcu._device import CPU, device

EXTRAS = ['pip install "gradcu[cuda12]"', '"gradcu[cuda13]"', "GRADCU_DEVICE=cpu"]


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test finds the module as a new process does, and leaves it so."""
    monkeypatch.delenv("GRADCU_DEVICE", raising=False)
    monkeypatch.setattr(dv, "_noticed", False)
    _finding_cuda.import_cupy.cache_clear()
    _finding_cuda.trial.cache_clear()
    yield
    _finding_cuda.import_cupy.cache_clear()
    _finding_cuda.trial.cache_clear()


@pytest.fixture
def cupy_import_raises(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Make `import cupy` raise; nothing of CuPy is imitated."""

    def arrange(error: Exception) -> None:
        def import_module(name: str) -> Any:
            raise error

        monkeypatch.setattr(importlib, "import_module", import_module)

    return arrange


@pytest.fixture
def no_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)


@pytest.mark.parametrize(
    ("arguments", "kind", "index", "text"),
    [
        (("cpu",), "cpu", None, "cpu"),
        (("cpu:0",), "cpu", 0, "cpu:0"),
        (("cuda",), "cuda", None, "cuda"),
        (("cuda:0",), "cuda", 0, "cuda:0"),
        (("cuda:127",), "cuda", 127, "cuda:127"),
        (("cuda", 1), "cuda", 1, "cuda:1"),
        (("cuda", None), "cuda", None, "cuda"),
        ((1,), "cuda", 1, "cuda:1"),
        ((np.int64(2),), "cuda", 2, "cuda:2"),
        ((device("cuda:3"),), "cuda", 3, "cuda:3"),
    ],
)
def test_device(arguments: Any, kind: str, index: int | None, text: str) -> None:
    made = device(*arguments)
    assert (made.type, made.index, str(made)) == (kind, index, text)


def test_device_by_keyword() -> None:
    assert device(type="cuda", index=1) is device("cuda:1")


def test_device_repr() -> None:
    assert repr(device("cpu")) == "device(type='cpu')"
    assert repr(device("cuda:0")) == "device(type='cuda', index=0)"


@given(st.integers(0, 10**6))
def test_device_repr_and_str_read_back(index: int) -> None:
    made = device("cuda", index)
    assert device(str(made)) is made
    assert eval(repr(made)) is made  # noqa: S307


@pytest.mark.parametrize(
    "bad", ["cuda:", "cuda:-1", "cuda:x", "cuda:01", "cuda:1:2", "cuda:+1", "cuda: 1", "cuda:1 ", "cuda:²"]
)
def test_device_refuses_an_index(bad: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        device(bad)
    assert str(caught.value) == f"Invalid device string: '{bad}'"


@pytest.mark.parametrize("bad", ["gpu", "CUDA", "cuda0", " cuda", ":1", "mps", "cpu "])
def test_device_refuses_a_type(bad: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        device(bad)
    assert str(caught.value) == f"Expected one of cpu, cuda, auto device type at start of device string: {bad}"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("",), RuntimeError, "Device string must not be empty"),
        ((-1,), RuntimeError, "Device index must not be negative, got -1"),
        (("cuda", -2), RuntimeError, "Device index must not be negative, got -2"),
        (("cuda:0", 1), RuntimeError, "must not include an index because index was passed explicitly: cuda:0"),
        (("auto", 1), RuntimeError, "'auto' takes no index"),
        (("auto:1",), RuntimeError, "'auto' takes no index: 'auto:1'"),
        ((True,), TypeError, r"not True \(bool\)"),
        ((1.5,), TypeError, r"not 1.5 \(float\)"),
        ((None,), TypeError, r"not None \(NoneType\)"),
        (("cuda", "1"), TypeError, r"not '1' \(str\)"),
        (("cuda", 1.0), TypeError, r"not 1.0 \(float\)"),
        ((0, 1), TypeError, "'type' must be str, not int"),
        ((CPU, 1), TypeError, "an index was passed beside a device"),
    ],
)
def test_device_refuses(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        device(*arguments)


@given(st.text(max_size=10))
def test_any_text_is_a_device_or_a_runtime_error(text: str) -> None:
    try:
        made = device(text)
    except RuntimeError:
        return
    assert str(made) == text or text == "auto"


def test_equality_and_hash() -> None:
    assert device("cuda:1") == device("cuda", 1) == device(1)
    assert len({device("cpu"), device("cpu"), device("cuda"), device("cuda:0"), device(0)}) == 3
    # As in PyTorch, these differ: one leaves the index open, and a string is no device.
    assert device("cuda") != device("cuda:0")
    assert device("cpu") != "cpu"


@pytest.mark.parametrize("text", ["cpu", "cuda", "cuda:1"])
def test_copies_are_the_same_device(text: str) -> None:
    made = device(text)
    assert pickle.loads(pickle.dumps(made)) is copy.copy(made) is copy.deepcopy(made) is made


def test_devices_are_immutable() -> None:
    for name in ("index", "type", "other"):
        with pytest.raises(AttributeError, match=f"attribute '{name}' of 'gradcu.device' objects is not writable"):
            setattr(device("cuda:1"), name, 2)


def test_the_cpu_computes_with_numpy() -> None:
    assert CPU.xp is np


@pytest.mark.parametrize("argument", [None, "cpu", "cpu:0", CPU, device("cpu:3")])
def test_resolve_to_the_cpu(argument: Any) -> None:
    assert dv.resolve(argument) is CPU


@pytest.mark.parametrize("setting", ["", "auto"])
def test_auto_without_cupy(setting: str, no_cupy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCU_DEVICE", setting)
    assert dv.auto_device() == (CPU, "cpu: CuPy is not installed")
    assert dv.resolve("auto") is device("auto") is CPU


def ways_to_cuda() -> list[Any]:
    return [
        pytest.param(lambda: dv.resolve("cuda"), "cuda", id="resolve cuda"),
        pytest.param(lambda: dv.resolve("cuda:1"), "cuda:1", id="resolve cuda:1"),
        pytest.param(lambda: dv.resolve(0), "cuda:0", id="resolve 0"),
        pytest.param(lambda: device("cuda").xp, "cuda", id="xp"),
    ]


@pytest.mark.parametrize(("use", "name"), ways_to_cuda())
def test_cuda_without_cupy(use: Callable[[], object], name: str, no_cupy: None) -> None:
    with pytest.raises(RuntimeError, match="CuPy is not installed") as caught:
        use()
    assert all(part in str(caught.value) for part in [f"'{name}'", *EXTRAS])


def test_pinned_memory_without_cupy(no_cupy: None) -> None:
    x = gradcu.ones(2)
    assert not x.is_pinned()
    with pytest.raises(RuntimeError, match=r"Cannot access accelerator device when none is available: .*CuPy is not"):
        x.pin_memory()
    with pytest.raises(
        RuntimeError, match=r"pin_memory=True requires a CUDA .* on this system: .*CuPy is not installed"
    ):
        gradcu.ones(2, pin_memory=True)
    with pytest.raises(RuntimeError, match="for tensors on CUDA devices, and this one is on the CPU"):
        x.record_stream(None)


def test_what_counts_memory_counts_none_without_cupy(no_cupy: None) -> None:
    cuda = gradcu.cuda
    assert cuda.memory_allocated() == cuda.max_memory_allocated() == cuda.memory_reserved() == 0
    assert (cuda.max_memory_reserved(), cuda.memory_stats(), cuda.is_initialized()) == (0, {}, False)
    cuda.reset_peak_memory_stats()
    cuda.empty_cache()
    cuda.set_device(-1)
    with cuda.device(None), cuda.device(-1), cuda.device_of(gradcu.ones(2)), cuda.stream(None):
        assert gradcu.ones(1).device is CPU
    assert cuda.get_rng_state_all() == []
    for use in (cuda.init, cuda.current_device, cuda.synchronize, cuda.Stream, cuda.Event, cuda.memory_summary):
        with pytest.raises(RuntimeError, match="device 'cuda' cannot be used: CuPy is not installed"):
            use()


def test_setting_cpu_pins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCU_DEVICE", "cpu")
    monkeypatch.setattr(dv, "_noticed", True)
    x = gradcu.ones(2, requires_grad=True)
    assert x.pin_memory() is not x
    assert gradcu.zeros(2, pin_memory=True).tolist() == [0.0, 0.0]
    assert not x.pin_memory().is_pinned()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImportError("\n=====\nlibcuda.so.1: cannot open shared object file\n"), "ImportError: libcuda.so.1: cannot"),
        (ModuleNotFoundError("No module named 'fastrlock'", name="fastrlock"), "No module named 'fastrlock'"),
        (UserWarning("CUDA path could not be detected"), "UserWarning: CUDA path could not be detected"),
        (OSError(), "cannot be imported: OSError"),
    ],
)
def test_cuda_where_cupy_does_not_import(
    error: Exception, reason: str, cupy_import_raises: Callable[[Exception], None]
) -> None:
    cupy_import_raises(error)
    chosen, why = dv.auto_device()
    assert chosen is CPU
    assert why.startswith("cpu: CuPy is installed but cannot be imported: ")
    assert reason in why
    with pytest.raises(RuntimeError) as caught:
        dv.resolve("cuda")
    assert all(part in str(caught.value) for part in [reason, *EXTRAS])


def test_setting_cuda_makes_auto_insist(no_cupy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCU_DEVICE", "cuda")
    assert dv.resolve(None) is CPU
    with pytest.raises(RuntimeError, match="device 'cuda' cannot be used: CuPy is not installed"):
        dv.resolve("auto")


@pytest.mark.parametrize("value", ["gpu", "CPU", "cuda:1", " cpu"])
def test_a_wrong_setting_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCU_DEVICE", value)
    for argument in ("auto", "cuda"):
        with pytest.raises(RuntimeError, match=f"GRADCU_DEVICE must be cpu, cuda or auto, not '{value}'"):
            dv.resolve(argument)
    assert dv.resolve("cpu") is CPU


@pytest.mark.parametrize("first", ["cuda", "auto", "cuda:5", 0])
def test_setting_cpu_replaces_cuda_with_one_notice(first: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCU_DEVICE", "cpu")
    with pytest.warns(UserWarning, match=r"GRADCU_DEVICE=cpu: .* runs on the CPU") as caught:
        assert dv.resolve(first) is CPU
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dv.resolve("cuda") is dv.resolve("auto") is CPU
        assert dv.auto_device() == (CPU, "cpu: GRADCU_DEVICE=cpu")


def test_setting_cpu_says_nothing_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADCU_DEVICE", "cpu")
    assert dv.resolve("cpu") is dv.resolve(None) is CPU  # a warning would be an error here


@pytest.mark.parametrize("array", [np.ones(3), np.float32(1), np.ma.ones(2), np.bool_(True)])
def test_arrays_of_the_cpu(array: Any) -> None:
    assert dv.device_of(array) is CPU
    assert dv.xp_of(array) is np


@pytest.mark.parametrize("other", [1.0, [1.0], None, "cpu", CPU, np.float32])
def test_device_of_refuses_what_is_no_array(other: Any) -> None:
    with pytest.raises(TypeError, match=f"expected a NumPy or CuPy array, not {type(other).__name__}"):
        dv.device_of(other)


def test_cupy_is_not_imported_before_cuda_is_used() -> None:
    code = """
        import sys
        import numpy as np
        from gradcu import _device as dv
        dv.resolve("cpu"), dv.resolve(None), dv.device("cuda:1"), dv.xp_of(np.ones(1)), repr(dv.device(0))
        assert "cupy" not in sys.modules and not any(name.startswith("cupy") for name in sys.modules)
    """
    script = "\n".join(line.strip() for line in code.splitlines())
    subprocess.run([sys.executable, "-c", script], check=True)

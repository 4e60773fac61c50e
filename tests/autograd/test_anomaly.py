import warnings

import pytest

import gradcu
from gradcu._pending import TRACES
from gradcu.autograd import detect_anomaly, set_detect_anomaly
from tests.autograd.agreement import check
from tests.autograd.cases import cases
from tests.autograd.conftest import nodes_alive


@pytest.mark.parametrize("name", cases("anomaly"))
def test_pytorch_does_the_same(name: str):
    check("anomaly", name)


def test_nothing_is_left_of_a_block():
    with set_detect_anomaly(True):
        assert TRACES
    assert not TRACES
    with pytest.raises(KeyError), set_detect_anomaly(True):
        raise KeyError
    assert not TRACES


def test_warning_shows_the_call_and_nothing_behind_it():
    x = gradcu.tensor(0.0, requires_grad=True)
    with set_detect_anomaly(True):
        y = gradcu.sqrt(x) * 0
        with pytest.warns(UserWarning, match="Error detected") as told, pytest.raises(RuntimeError, match="nan"):
            y.backward()
    last = str(told[0].message).rstrip().rpartition("File ")[2]
    assert "test_warning_shows_the_call_and_nothing_behind_it" in last


def test_where_warnings_are_errors_the_first_error_is_raised(capsys: pytest.CaptureFixture[str]):
    x = gradcu.tensor(0.0, requires_grad=True)
    y = gradcu.sqrt(x) * 0
    with warnings.catch_warnings(action="error"), set_detect_anomaly(True), pytest.raises(RuntimeError, match="nan"):
        y.backward()
    assert "Error detected in SqrtBackward0" in capsys.readouterr().err


def test_nodes_hold_no_cycle(no_collector: None):
    before = nodes_alive()
    x = gradcu.tensor([1.0, 2.0], requires_grad=True)
    with set_detect_anomaly(True):
        (first,) = gradcu.autograd.grad((x.exp() * x).sum(), x, create_graph=True)
    del first
    assert nodes_alive() == before


def test_sum_notes_where_it_was_called():
    x = gradcu.tensor([1.0, 2.0], requires_grad=True)
    with set_detect_anomaly(True):
        node = x.sum().grad_fn
    assert node is not None
    assert "test_sum_notes_where_it_was_called" in node.metadata["traceback_"]


def test_detection_begins_with_the_block():
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        block = detect_anomaly()
    assert not gradcu.is_anomaly_enabled()
    with block:
        assert gradcu.is_anomaly_enabled()
    assert not gradcu.is_anomaly_enabled()

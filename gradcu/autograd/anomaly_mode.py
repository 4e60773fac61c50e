"""Anomaly detection for those who look for where a NaN or an error of backward comes from."""

from __future__ import annotations

import warnings

from .._anomaly import Anomaly
from .._pending import TRACES


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on, in all threads.

    >>> import gradcu
    >>> gradcu.is_anomaly_enabled()
    False
    """
    return Anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection, where it is on, looks for NaN.

    >>> import gradcu
    >>> gradcu.is_anomaly_check_nan_enabled()
    True
    """
    return Anomaly.check_nan


class set_detect_anomaly:  # noqa: N801
    """Turns anomaly detection on or off from here on, or for a ``with`` block.

    While it is on, every node remembers the call that recorded it, and a warning tells of it where the node's backward
    raises; with ``check_nan`` a NaN among the gradients that a node gives raises RuntimeError. Both take time.

    >>> import gradcu
    >>> with gradcu.autograd.set_detect_anomaly(True):
    ...     gradcu.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = Anomaly.enabled, Anomaly.check_nan
        _set(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        _set(*self._before)


class detect_anomaly(set_detect_anomaly):  # noqa: N801
    """Anomaly detection for a ``with`` block, which warns that it takes time: see ``set_detect_anomaly``.

    >>> import gradcu, warnings
    >>> x = gradcu.tensor(0.0, requires_grad=True)
    >>> with warnings.catch_warnings(action="ignore"), gradcu.autograd.detect_anomaly():
    ...     (gradcu.sqrt(x) * 0).backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            UserWarning,
            stacklevel=2,
        )
        self._check_nan = check_nan

    def __enter__(self) -> None:
        super().__init__(True, self._check_nan)


def _set(enabled: bool, check_nan: bool) -> None:
    if enabled and not Anomaly.enabled:
        TRACES.append(Anomaly)
    elif Anomaly.enabled and not enabled:
        TRACES.remove(Anomaly)
    Anomaly.enabled, Anomaly.check_nan = enabled, check_nan


__all__ = ["detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]

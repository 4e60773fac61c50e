"""Automatic differentiation: ``torch.autograd``'s names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._first_use import at_first_use
from . import _hooks as _hooks
from ._modes import enable_grad as enable_grad
from ._modes import inference_mode as inference_mode
from ._modes import is_grad_enabled as is_grad_enabled
from ._modes import is_inference_mode_enabled as is_inference_mode_enabled
from ._modes import no_grad as no_grad
from ._modes import set_grad_enabled as set_grad_enabled

if TYPE_CHECKING:
    from .._backward import backward as backward
    from .._backward import grad as grad
    from . import anomaly_mode as anomaly_mode
    from . import functional as functional
    from . import graph as graph
    from ._gradcheck import GradcheckError as GradcheckError
    from ._gradcheck import gradcheck as gradcheck
    from ._gradcheck import gradgradcheck as gradgradcheck
    from ._variable import Variable as Variable
    from .anomaly_mode import detect_anomaly as detect_anomaly
    from .anomaly_mode import set_detect_anomaly as set_detect_anomaly
    from .function import Function as Function
else:
    __getattr__, __dir__ = at_first_use(
        __name__,
        {
            "Function": ".function",
            "GradcheckError": "._gradcheck",
            "Variable": "._variable",
            "anomaly_mode": ".anomaly_mode",
            "backward": ".._backward",
            "detect_anomaly": ".anomaly_mode",
            "functional": ".functional",
            "grad": ".._backward",
            "gradcheck": "._gradcheck",
            "gradgradcheck": "._gradcheck",
            "graph": ".graph",
            "set_detect_anomaly": ".anomaly_mode",
        },
    )

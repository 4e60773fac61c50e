"""Automatic differentiation: ``torch.autograd``'s names."""

from .._backward import backward as backward
from .._backward import grad as grad
from . import _hooks as _hooks
from . import functional as functional
from . import graph as graph
from ._gradcheck import GradcheckError as GradcheckError
from ._gradcheck import gradcheck as gradcheck
from ._gradcheck import gradgradcheck as gradgradcheck
from ._modes import enable_grad as enable_grad
from ._modes import is_grad_enabled as is_grad_enabled
from ._modes import no_grad as no_grad
from ._modes import set_grad_enabled as set_grad_enabled
from .function import Function as Function

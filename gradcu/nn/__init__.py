"""The part of PyTorch's ``torch.nn`` that has no state: its functions."""

from . import functional as functional

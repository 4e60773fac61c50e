"""The public function of every op, as module attributes; ``_functions.pyi`` beside it tells type checkers of them."""

from . import ops as ops
from ._op import FUNCTIONS

globals().update(FUNCTIONS)

"""Views that must be left alone while recording, since nothing could say what a change of them does to the graph.

Which these are follows PyTorch (https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-operations-with-autograd):
the outputs of an operation that gives several, views made without recording of what is recorded, what a user's Function
returns of its inputs' memory, and every view of one of these.
"""

from __future__ import annotations

from ._graph import GRAD_ENABLED, INFERENCE, operation_name
from ._tensor import Replay, Tensor, View

SEVERAL_OUTPUTS = (
    "This view is the output of a function that returns multiple views. Such functions do not allow the output views "
    "to be modified inplace. You should replace the inplace operation by an out-of-place one."
)
_CLARIFY = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
    "the view and the inplace either both inside the {} block (if you don't want the inplace to be tracked) or both "
    "outside (if you want the inplace to be tracked)."
)
NOT_RECORDED = _CLARIFY.format("no_grad")
NOT_RECORDED_IN_INFERENCE = _CLARIFY.format("inference_mode")


class RefusingView(View):
    """A view that raises, for a ``reason``, where it or other views of its base are changed and that is recorded."""

    __slots__ = ("reason",)

    def __init__(self, base: Tensor, replay: Replay | None, seen: int, reason: str) -> None:
        super().__init__(base, replay, seen)
        self.reason = reason

    def refresh(self, tensor: Tensor) -> None:
        """Raises RuntimeError where the change that made the edge stale would have to be differentiated."""
        if self.base.requires_grad:
            raise self._error(tensor, "its base or another view of its base has been modified inplace")
        self.seen = tensor._version_counter[0]

    def refuse_write(self, tensor: Tensor) -> None:
        """Raises RuntimeError."""
        raise self._error(tensor, "is being modified inplace")

    def _error(self, tensor: Tensor, event: str) -> RuntimeError:
        edge = tensor._edge
        made_in, mode = "no_grad mode", " with grad mode enabled"
        if self.reason == NOT_RECORDED_IN_INFERENCE:
            made_in, mode = "inference mode", " in normal mode"
        if edge is None:
            what = f"A view was created in {made_in}"
        else:
            node, number = edge if type(edge) is tuple else (edge, 0)
            what = f"Output {number} of {operation_name(node.name())} is a view"
            if self.reason in (NOT_RECORDED, NOT_RECORDED_IN_INFERENCE):
                what += f" of a view which was created in {made_in}"
            else:
                mode = ""
        return RuntimeError(f"{what} and {event}{mode}. {self.reason}")


def new_view(base: Tensor, parent: View | None, replay: Replay, seen: int, *, several: bool) -> View:
    """The view that an op makes of ``base``, or of a view of it, its ``parent``; ``several`` if it is one of many."""
    reason = parent.reason if isinstance(parent, RefusingView) else None
    if not GRAD_ENABLED.get():
        reason = NOT_RECORDED_IN_INFERENCE if INFERENCE.get() else NOT_RECORDED
    elif several:
        reason = SEVERAL_OUTPUTS
    return View(base, replay, seen) if reason is None else RefusingView(base, replay, seen, reason)

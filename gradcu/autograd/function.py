"""Operations whose backward the user writes: subclasses of Function.

The rules are those of https://docs.pytorch.org/docs/stable/notes/extending.html#extending-torch-autograd.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NoReturn

from .._graph import GRAD_ENABLED, Node, next_sequence
from .._inplace import refuse_leaf, relink
from .._pending import FUSING
from .._refusing_views import SEVERAL_OUTPUTS, RefusingView
from .._tensor import Tensor
from ._function_node import RETURNED_VIEW, FunctionCtx, FunctionNode, Saved, alias, edge_of

_NOT_AN_INPUT = (
    "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated should be "
    "passed to ctx.mark_dirty()."
)
_REQUIRES_STATIC = (
    "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
    "with static forward method."
)


class Function:
    """Base class of operations with a backward of their own: see https://docs.pytorch.org/docs/stable/autograd.html.

    A subclass has static methods ``forward(ctx, *args)`` and ``backward(ctx, *grad_outputs)``, and is called by
    ``apply``. Or ``forward(*args)`` goes without ``ctx``, and ``setup_context(ctx, inputs, output)`` saves for
    backward. ``backward`` gets a gradient for each output, and returns one for each argument of ``forward``: a Tensor,
    or None where there is none. Under ``create_graph`` its operations are recorded, which gives higher derivatives.

    >>> import gradcu
    >>> class Square(gradcu.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, grad_output):
    ...         (x,) = ctx.saved_tensors
    ...         return grad_output * 2 * x
    >>> x = gradcu.tensor(3.0, requires_grad=True)
    >>> y = Square.apply(x)
    >>> y
    tensor(9., grad_fn=<SquareBackward>)
    >>> y.backward()
    >>> x.grad
    tensor(6.)
    """

    _ctx_class: type[FunctionCtx]
    _node_class: type[FunctionNode]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name = f"{cls.__name__}Backward"
        cls._ctx_class = type(name, (FunctionCtx,), {"__module__": __name__})
        cls._node_class = type(name, (FunctionNode,), {"__module__": __name__, "__slots__": (), "function": cls})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself: call its apply.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises RuntimeError: a Function is called by ``apply``, on the class."""
        raise RuntimeError(_REQUIRES_STATIC)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the outputs; to be overridden."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Saves for backward what a ``forward`` without ``ctx`` can't; may be overridden."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(*args: Any, **kwargs: Any) -> Any:
        """Computes from ``ctx`` and the outputs' gradients those of the arguments; to be overridden."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward

    @classmethod
    def _user_backward(cls) -> Callable[..., Any]:
        """The subclass's backward, under whichever of its two names."""
        own_backward, own_vjp = cls.backward is not Function.backward, cls.vjp is not Function.vjp
        if own_backward and own_vjp:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only "
                "implement one of them."
            )
        return cls.vjp if own_vjp else cls.backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Calls ``forward`` and, where an argument requires grad, records its ``backward``.

        Returns what ``forward`` returns. Raises TypeError for arguments that ``forward`` doesn't take, RuntimeError
        where ``ctx`` was told something that can't be.
        """
        separate = cls.setup_context is not Function.setup_context
        if separate or kwargs:
            args = _bound(cls.forward, args, kwargs, separate)
        tensors = [argument for argument in args if isinstance(argument, Tensor)]
        trace = FUSING.trace
        with nullcontext() if trace is None else trace.suspended(tensors):
            return cls._apply(args, tensors, separate)

    @classmethod
    def _apply(cls, args: tuple[Any, ...], tensors: list[Tensor], separate: bool) -> Any:
        """`apply`, with all arguments by position."""
        edges = tuple(edge_of(tensor) for tensor in tensors)
        ctx = getattr(cls, "_ctx_class", FunctionCtx)()
        ctx.needs_input_grad = tuple(isinstance(argument, Tensor) and argument.requires_grad for argument in args)
        recording = GRAD_ENABLED.get() and any(ctx.needs_input_grad)
        token = GRAD_ENABLED.set(False)
        try:
            if separate:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args)
        finally:
            GRAD_ENABLED.reset(token)
        _check_marks(ctx)
        outputs = list(output) if isinstance(output, tuple) else [output]
        if recording:
            _check_dirty(ctx, tensors, outputs)
        wanted = [recording and _is_differentiable(output, ctx) for output in outputs]
        if any(wanted):
            _connect(cls._node_class(ctx, args, edges, outputs), tensors, outputs, wanted)
        else:
            _leave_out(ctx, tensors, outputs)
        ctx._to_save = ctx._dirty = ctx._non_differentiable = ()
        return tuple(outputs) if isinstance(output, tuple) else outputs[0]


def _is_differentiable(output: Any, ctx: FunctionCtx) -> bool:
    return (
        isinstance(output, Tensor) and output._array.dtype.kind in "fc" and not _among(output, ctx._non_differentiable)
    )


def _connect(node: FunctionNode, inputs: list[Tensor], outputs: list[Any], wanted: list[bool]) -> None:
    """Makes the node lead to the ``wanted`` outputs and saves; replaces inputs that were returned unchanged."""
    ctx = node.ctx
    bases = [_base_of(output, inputs) for output in outputs]
    _alias_inputs(ctx, inputs, outputs)
    numbers: dict[int, int] = {}
    for number, output in enumerate(outputs):
        if not wanted[number]:
            continue
        numbers[id(output)] = number
        edge = node if len(outputs) == 1 else (node, number)
        if _among(output, ctx._dirty):
            output._bump_version()
            changed = alias(output)
            changed._edge, changed._requires_grad = edge, True
            relink(output, changed)
        else:
            _refuse_changes(output, bases[number], SEVERAL_OUTPUTS if sum(wanted) > 1 else RETURNED_VIEW)
            output._edge, output._requires_grad = edge, True
    ctx._saved = tuple(None if tensor is None else Saved(tensor, numbers.get(id(tensor))) for tensor in ctx._to_save)


def _leave_out(ctx: FunctionCtx, inputs: list[Tensor], outputs: list[Any]) -> None:
    """Makes outputs that nothing is recorded of what the caller gets."""
    bases = [_base_of(output, inputs) for output in outputs]
    _alias_inputs(ctx, inputs, outputs)
    for output, base in zip(outputs, bases, strict=True):
        if not _among(output, ctx._dirty):
            _refuse_changes(output, base, RETURNED_VIEW)


def _refuse_changes(output: Any, base: Tensor | None, reason: str) -> None:
    """Has an output that is a view of ``base`` refuse changes: only the user's forward knows how to make it again."""
    if base is not None and not base.is_inference():
        output._view = RefusingView(base, None, output._version_counter[0], reason)


def _base_of(output: Any, inputs: list[Tensor]) -> Tensor | None:
    """The Tensor whose memory an output shares, if it is an input, or a view."""
    if not isinstance(output, Tensor):
        return None
    return output if output._base is None and _among(output, inputs) else output._base


def _alias_inputs(ctx: FunctionCtx, inputs: list[Tensor], outputs: list[Any]) -> None:
    """Replaces inputs that were returned unchanged by aliases, since an input must stay what it is."""
    for number, output in enumerate(outputs):
        if isinstance(output, Tensor) and _among(output, inputs) and not _among(output, ctx._dirty):
            outputs[number] = alias(output)


def _among(tensor: Tensor, tensors: Sequence[Any]) -> bool:
    return any(tensor is other for other in tensors)


def _check_marks(ctx: FunctionCtx) -> None:
    for position, tensor in enumerate(ctx._to_save):
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"save_for_backward can only save variables, but argument {position} is of type {type(tensor).__name__}"
            )
    for method, tensors in (("mark_dirty", ctx._dirty), ("mark_non_differentiable", ctx._non_differentiable)):
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise RuntimeError(f"{method} only accepts variable arguments, but got {type(tensor).__name__}")


def _check_dirty(ctx: FunctionCtx, inputs: list[Tensor], outputs: list[Any]) -> None:
    for tensor in ctx._dirty:
        if not _among(tensor, outputs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
                "are modified inplace must all be outputs of the Function."
            )
        if not _among(tensor, inputs):
            if tensor._view is not None:
                raise RuntimeError(_NOT_AN_INPUT)
            warnings.warn(_NOT_AN_INPUT, UserWarning, stacklevel=4)
        if tensor._edge is None and tensor._requires_grad:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
        refuse_leaf(tensor)
        if tensor._view is not None and len(outputs) > 1:
            raise RuntimeError(
                "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot "
                "return more than one Tensor. This is not supported by the current autograd engine. You should either "
                "make sure the input is not a view (using .clone() for example) or make your Function only return one "
                "Tensor (potentially splitting it into two Functions: one doing the inplace that returns a single "
                "Tensor and a second one that does the other operations)."
            )


def _bound(
    forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], separate: bool
) -> tuple[Any, ...]:
    """The arguments of ``forward`` by position; with their defaults where ``setup_context`` is to see them all."""
    # Here, since importing it takes as long as a fifth of gradcu.
    import inspect

    signature = inspect.signature(forward)
    if separate:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        args, kwargs = bound.args, bound.kwargs
    for keyword in kwargs:
        kind = signature.parameters[keyword].kind if keyword in signature.parameters else None
        if kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise TypeError(f"forward() got an unexpected keyword argument '{keyword}'")
    return args if separate else signature.bind(None, *args, **kwargs).args[1:]


class _Error(Node):
    """The node of a result that can't be differentiated."""

    __slots__ = ("message",)

    uncommon = True
    message: str

    def backward(self, gradient: Any, create_graph: bool) -> NoReturn:
        raise RuntimeError(self.message)


_Error.__name__ = "Error"
_Error.__module__ = "builtins"


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a ``backward`` that must not be differentiated itself: it runs without recording.

    Where its result would need a gradient (second derivatives), walking back through it raises RuntimeError, rather
    than giving a gradient of zero.

    >>> import gradcu
    >>> class Square(gradcu.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     @gradcu.autograd.function.once_differentiable
    ...     def backward(ctx, grad_output):
    ...         (x,) = ctx.saved_tensors
    ...         return grad_output * 2 * x
    >>> x = gradcu.tensor(3.0, requires_grad=True)
    >>> (first,) = gradcu.autograd.grad(Square.apply(x * 1), x, create_graph=True)
    >>> first
    tensor(6.)
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        token = GRAD_ENABLED.set(False)
        try:
            outputs = fn(ctx, *args)
        finally:
            GRAD_ENABLED.reset(token)
        if not GRAD_ENABLED.get() or not any(isinstance(arg, Tensor) and arg.requires_grad for arg in args):
            return outputs
        if not isinstance(outputs, tuple):
            return _undifferentiable(outputs)
        return tuple(_undifferentiable(output) for output in outputs)

    return wrapper


def _undifferentiable(output: Any) -> Any:
    if not isinstance(output, Tensor):
        return output
    node = _Error()
    node.plan, node.sequence, node.edges, node.saved, node.statics = None, next_sequence(), (), (), ()
    node.shape, node.dtype = output._array.shape, output._array.dtype
    node.message = "trying to differentiate twice a function that was marked with @once_differentiable"
    tensor = alias(output)
    tensor._edge, tensor._requires_grad = node, True
    return tensor


__all__ = ["Function", "FunctionCtx", "once_differentiable"]

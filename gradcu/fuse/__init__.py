"""The fused engine: a function's operations and all its derivatives as one program, run in one loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from .compiling import CompiledFunction

P = ParamSpec("P")
R = TypeVar("R")


@overload
def compile(f: Callable[P, R], *, engine: str = "auto") -> CompiledFunction[P, R]: ...
@overload
def compile(f: None = None, *, engine: str = "auto") -> Callable[[Callable[P, R]], CompiledFunction[P, R]]: ...
def compile(f: Any = None, *, engine: str = "auto") -> Any:
    """Returns a function that does what f does, with f's elementwise operations fused; also a decorator.

    f takes and returns what it likes, Tensors of any shapes among it, and its Python runs at every call: branches,
    loops and what it closes over are those of that call. Its elementwise operations are put off until something needs
    the values (a reduction, a product of matrices, an index, a branch), which one loop then computes from the arrays
    that they were made of. So is the gradient: it comes from one loop through the same operations, computed again from
    the same arrays, and may be differentiated to any order. Results are f's own, to the last digits.

    The loops are compiled by the C compiler that the variable CC names, or by cc, gcc or clang, and remembered in the
    user's cache directory; where there is none, and where a loop mixes dtypes, NumPy runs them in blocks that fit the
    cache. On a CUDA device a loop is one kernel; one that mixes dtypes runs as CuPy's kernels. Operations on less than
    16384 elements, for which it takes longer to put them off than to run them, run as they are. ``engine`` is "auto"
    for all that; "cc", "numpy" or "cuda" fuses operations on any number of elements, and runs them in this way only:
    the first two on the CPU, the last on CUDA devices.

    ``explain(*args)`` calls the function and says what was fused, what was not and why, and what runs.

    Four things differ from f. Tensors show one node, CompiledFunctionBackward, in place of those fused into it. That
    node reads what f was given, where f's own graph may have saved a result: if it is changed in place before backward,
    this raises RuntimeError. It leads past the Tensors in between: ask for a hook or a retained gradient of one of
    these, or for its ``grad_fn``, before the values of what is made of it are needed, or no gradient comes there; from
    one result to another none comes either. And what f writes into a Tensor's memory through a NumPy array that shares
    it may be seen by an operation that came before.

    Raises TypeError where f can't be called, and ValueError for an unknown engine. Calls of the function raise what f
    raises; with ``engine="cc"`` CompilerError, CacheError or NotInCError where a loop can't be compiled. With "auto" a
    compiler that fails gives one warning.

    >>> import gradcu
    >>> @gradcu.compile(engine="numpy")
    ... def wave(x, width):
    ...     return gradcu.exp(-x * x / width) * gradcu.cos(3 * x)
    >>> x = gradcu.tensor([0.5, 1.0], requires_grad=True)
    >>> y = wave(x, 8)
    >>> y.sum().backward()
    >>> y
    tensor([ 0.0686, -0.8737], grad_fn=<CompiledFunctionBackward>)
    >>> x.grad
    tensor([-2.9090, -0.1552])
    """
    # All that it takes is imported with the first use, so that `import gradcu` stays quick.
    from .compiling import compiled

    return compiled(f, engine)

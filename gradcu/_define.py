"""How ops are defined: `pointwise` for elementwise ops, `structured` for all others, `function` for what chooses.

Each returns the name as rules use it; the public function and the method of the same name are registered on the way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ._calls import PUBLIC_NAMES, operator_function, public_function, rule_function
from ._fast import binary, in_rules, unary, unary_static, whole
from ._fast_pending import on_pending
from ._op import ALIASES, ELEMENTWISE, FUNCTIONS, METHODS, REQUIRED, Op, Promotion, argument_names
from ._tensor import Tensor

OPERATORS: dict[str, Callable[..., Any]] = {}
"""The pointwise ops as Python's operators call them: what is no operand gives NotImplemented."""

Forward = str | Callable[..., Any]


def pointwise(
    name: str,
    forward: Forward,
    *,
    c: str | Callable[..., str],
    doc: str,
    operands: tuple[str, ...] = (),
    statics: dict[str, Any] | None = None,
    native: Callable[..., Any] | None = None,
    fills: bool = False,
    node: str | Callable[..., str] | None = None,
    promotion: Promotion = "float",
    prepare: Callable[..., tuple[Any, ...]] | None = None,
    public: bool = True,
    method: bool = True,
    aliases: tuple[str, ...] = (),
    floats: bool = True,
    holomorphic: bool = True,
    **rules: Callable[..., Any],
) -> Callable[..., Any]:
    """Defines an elementwise op.

    ``forward`` names a ufunc of the array module, or is a function of it and the operands; ``native`` is a faster
    equivalent on NumPy, and ``fills`` says that it writes to an array that it is given as ``out``. ``c`` is the same in
    C, with ``{x}`` for operand or static argument x and ``T(2)`` for a constant of the operands' type, or a function of
    the static arguments that gives it. ``aliases`` are more names of the same public function; ``floats`` is False
    where ``prepare`` refuses them, ``holomorphic`` where the rules themselves say what complex gradients are: see `Op`.
    A rule's keyword is ``d`` and the operand's name: ``dx=lambda g, out: g * out``.
    """
    operands = operands or tuple(rule.removeprefix("d") for rule in rules)
    op = Op(
        name,
        _on_module(forward),
        numpy=native or _on_numpy(forward),
        operands=operands,
        statics=tuple(statics or ()),
        defaults=statics,
        rules={rule.removeprefix("d"): function for rule, function in rules.items()},
        node=node,
        promotion=promotion,
        prepare=prepare,
        elementwise=True,
        c=c,
        fills=fills,
        holomorphic=holomorphic,
        ufunc=forward if isinstance(forward, str) else native.__name__ if isinstance(native, np.ufunc) else None,
        doc=doc,
    )
    factory = _with_fast_paths if floats else _without_fast_path
    op.call = named(in_rules(op, factory(op, rule_function(op))), op)
    OPERATORS[name] = factory(op, operator_function(op))
    if public:
        body = documented(named(factory(op, public_function(op)), op), op)
        for published in (name, *aliases):
            publish(published, body, method, elementwise=True)
    return op.call


def structured(
    name: str | None = None,
    *,
    statics: int = 0,
    node: str | Callable[..., str] | None = None,
    promotion: Promotion = "none",
    outputs: tuple[str, ...] = ("out",),
    view: bool = False,
    variadic: bool = False,
    varargs: str | None = None,
    prepare: Callable[..., tuple[Any, ...]] | None = None,
    joint: Callable[..., Any] | None = None,
    native: Callable[..., Any] | None = None,
    keeps_layout: bool = False,
    holomorphic: bool = True,
    public: bool = True,
    method: bool = True,
    doc: str = "",
    **rules: Callable[..., Any],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Defines an op by its forward: ``def sum(xp, x, dim=None, keepdim=False)``.

    Parameters that a rule names (``dx=...``), or the first where ``joint`` gives all gradients at once, are operands;
    ``statics`` counts, from the end, the parameters that are not. A ``variadic`` op's first parameter is a sequence of
    operands. ``prepare`` maps the call's arguments to the static ones in canonical form, raising where they are wrong.
    ``native`` is a C function that does on NumPy what a call with the one operand alone does: see ``_fast.whole``;
    ``holomorphic`` is False where the rules themselves say what complex gradients are: see `Op`.
    """

    def define(forward: Callable[..., Any]) -> Callable[..., Any]:
        parameters = argument_names(forward)[1:]
        cut = len(parameters) - statics
        defaults = dict(zip(reversed(parameters), reversed(forward.__defaults__ or ()), strict=False))

        def on_numpy(*arrays: Any) -> Any:
            return forward(np, *arrays)

        op = Op(
            name or forward.__name__.rstrip("_"),
            forward,
            numpy=on_numpy,
            operands=parameters[:cut],
            statics=parameters[cut:],
            defaults=defaults,
            outputs=outputs,
            rules={rule.removeprefix("d"): function for rule, function in rules.items()},
            joint=joint,
            node=node,
            promotion=promotion,
            view=view,
            variadic=variadic,
            varargs=varargs,
            prepare=prepare,
            keeps_layout=keeps_layout,
            holomorphic=holomorphic,
            doc=doc or forward.__doc__ or "",
        )
        op.call = named(rule_function(op), op)
        if public:
            body = public_function(op)
            body = named(body if native is None else whole(op, native, body), op)
            publish(op.name, documented(body, op), method)
        return op.call

    return define


def function(
    *,
    name: str | None = None,
    method: bool = True,
    namespace: bool = True,
    elementwise: bool = False,
    aliases: tuple[str, ...] = (),
) -> Callable[..., Any]:
    """Registers a public function that is no op of its own: it chooses between ops, or composes them."""

    def register(body: Callable[..., Any]) -> Callable[..., Any]:
        body.__name__ = body.__qualname__ = name or body.__name__.rstrip("_")
        called = _with_numpy_names(body)
        for published in (body.__name__, *aliases):
            publish(published, called, method, namespace, elementwise)
        return body

    return register


def _with_numpy_names(body: Callable[..., Any]) -> Callable[..., Any]:
    """``body``, which also takes NumPy's names of the parameters that have PyTorch's: see ``gradcu._op.ALIASES``."""
    code = body.__code__  # type: ignore[attr-defined]
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    renamed = {alias: name for alias, name in ALIASES.items() if name in names and alias not in names}
    if not renamed:
        return body

    @functools.wraps(body)
    def called(*args: Any, **kwargs: Any) -> Any:
        for alias in renamed.keys() & kwargs:
            if renamed[alias] in kwargs:
                raise TypeError(f"{body.__name__}() got multiple values for argument '{renamed[alias]}'")
            kwargs[renamed[alias]] = kwargs.pop(alias)
        return body(*args, **kwargs)

    return called


def publish(
    name: str, body: Callable[..., Any], method: bool = True, namespace: bool = True, elementwise: bool = False
) -> None:
    """Makes ``body`` public under ``name``, as a function of the package and as a method."""
    if elementwise:
        ELEMENTWISE.add(name)
    if namespace:
        FUNCTIONS[name] = body
    if method:
        METHODS[name] = body
        setattr(Tensor, name, body)


def named(body: Callable[..., Any], op: Op) -> Callable[..., Any]:
    """``body`` with the op's name and documentation, so that ``help()`` and tracebacks say what it is."""
    body.__name__ = body.__qualname__ = op.name
    body.__doc__ = op.doc
    body.__module__ = "gradcu"
    return body


def documented(body: Callable[..., Any], op: Op) -> Callable[..., Any]:
    """``body``, which says first how it is called, as builtins do, where its own signature does not tell."""
    if body.__code__.co_flags & _STARRED:  # type: ignore[attr-defined]
        body.__doc__ = f"{_usage(op)}\n\n{_without_margin(op.doc)}"
    return body


# A code object's flags for *args and **kwargs: https://docs.python.org/3/library/inspect.html#code-objects-bit-flags.
_STARRED = 0x04 | 0x08


def _without_margin(doc: str) -> str:
    """What `inspect.cleandoc` gives, without the import of inspect. Python 3.13 has taken the margin of docstrings."""
    first, *rest = doc.split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    return "\n".join((first, *(line[margin:] for line in rest)))


def _usage(op: Op) -> str:
    parts = []
    for name, default in zip(op.parameters, op.defaults, strict=True):
        star = "*" if name == op.varargs else ""
        shown = PUBLIC_NAMES.get(name, name)
        parts.append(f"{star}{shown}" if default is REQUIRED else f"{shown}={default!r}")
    return f"{op.name}({', '.join(parts)})"


def _with_fast_paths(op: Op, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """``otherwise`` behind the paths that fit the op's parameters; none is better than `apply` for three operands."""
    if len(op.operands) == 1 and not op.statics:
        return unary(op, on_pending(op, otherwise))
    if len(op.operands) == 1 and len(op.statics) == 1 and op.differentiable and isinstance(op.node, str):
        return unary_static(op, on_pending(op, otherwise))
    if len(op.operands) == 2 and not op.statics:
        return binary(op, on_pending(op, otherwise))
    return otherwise


def _without_fast_path(op: Op, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    return otherwise


def _on_module(forward: Forward) -> Callable[..., Any]:
    if callable(forward):
        return forward
    return lambda xp, *arrays: getattr(xp, forward)(*arrays)


def _on_numpy(forward: Forward) -> Callable[..., Any]:
    if not callable(forward):
        return getattr(np, forward)
    count = len(argument_names(forward)) - 1
    if count == 1:
        return lambda x: forward(np, x)
    if count == 2:
        return lambda a, b: forward(np, a, b)
    return lambda *arrays: forward(np, *arrays)


__all__ = ["OPERATORS", "REQUIRED", "function", "pointwise", "publish", "structured"]

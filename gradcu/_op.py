"""What an op is: one definition from which forward, gradients, node names, C code and documentation all follow.

An :class:`Op` holds facts and runs nothing. ``gradcu._record`` turns it into the functions that people and rules call,
``gradcu._engine`` walks its rules backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Literal

from ._graph import Node

Promotion = Literal["same", "float", "none"]
"""How operands meet: ``same`` promotes them to a common dtype, ``float`` also turns integers into the default float
dtype, ``none`` leaves each as it is."""

OPS: dict[str, Op] = {}
"""Every op by name, in the order of definition."""

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Every public function by name: one an op, and the few that choose between ops (``max``, ``pow``, ...)."""

ELEMENTWISE: set[str] = set()
"""The names of the public functions whose result at an element depends on that element of the operands alone."""

METHODS: dict[str, Callable[..., Any]] = {}
"""Every public function that is also a method of Tensor."""

REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "<required>", "__slots__": ()})()
"""The default of a parameter that has none."""

SAVED_NAMES = {"x": "self", "a": "self", "b": "other", "out": "result"}
"""What PyTorch's nodes call what has short names in rules."""

ALIASES = {"axis": "dim", "keepdims": "keepdim"}
"""NumPy's parameter names, accepted for PyTorch's."""


class Step:
    """One rule of a plan: ``rule(gradient, *values[needs])`` gives the gradients of the operands in ``targets``."""

    __slots__ = ("joint", "needs", "rule", "target")

    def __init__(self, rule: Callable[..., Any], needs: tuple[int, ...], target: int, joint: bool) -> None:
        self.rule, self.needs, self.target, self.joint = rule, needs, target, joint


class Plan:
    """The backward of an op for one set of wanted operands: what to save, and which rules to run.

    The values a rule may name are numbered: operands first, then outputs, static arguments, ``wanted`` (the numbers of
    the operands whose gradients are wanted), ``shapes`` (of all operands) and each operand's shape; a Step's ``needs``
    are such numbers.
    """

    __slots__ = (
        "keeps", "keeps_first", "keeps_out", "keeps_outputs", "keeps_second", "node_class", "of_one", "op",
        "operand_count", "reads", "reads_shapes", "saves", "steps", "wanted",
    )  # fmt: skip

    def __init__(self, op: Op, wanted: tuple[int, ...], node_class: type[Node], count: int, is_complex: bool) -> None:
        self.op, self.wanted, self.node_class = op, wanted, node_class
        operands = op.operands if not op.variadic else tuple(f"{op.operands[0]}{i}" for i in range(count))
        names = (*operands, *op.outputs, *op.statics, "wanted", "shapes", *(f"{name}_shape" for name in operands))
        numbers = {name: number for number, name in enumerate(names)}
        if op.joint is not None:
            rules = [(op.joint, -1, True)]
        else:
            rules = [(op.rules[op.operands[i]], i, False) for i in wanted]
        first_output, end = len(operands), len(operands) + len(op.outputs)
        first_shape = end + len(op.statics)
        steps: list[Step] = []
        for rule, target, joint in rules:
            needs = tuple(numbers[name] for name in argument_names(rule)[1:])
            # A rule that reads nothing but shapes has real factors only.
            if is_complex and op.holomorphic and any(number < first_shape for number in needs):
                rule = _conjugated(rule)
            steps.append(Step(rule, needs, target, joint))
        self.steps = tuple(steps)
        needed = {number for step in self.steps for number in step.needs}
        self.keeps = tuple(i for i in range(first_output) if i in needed)
        self.keeps_outputs = tuple(i - first_output for i in range(first_output, end) if i in needed)
        self.operand_count = first_output
        self.of_one = op.elementwise and first_output == 1
        self.reads = bool(needed)
        self.reads_shapes = any(number >= first_shape for number in needed)
        self.saves = bool(self.keeps or self.keeps_outputs)
        self.keeps_first, self.keeps_second, self.keeps_out = 0 in self.keeps, 1 in self.keeps, bool(self.keeps_outputs)


class Op:
    """The definition of one differentiable (or integer, or boolean) operation on arrays.

    Its forward is ``forward(xp, *operands, *statics)`` on raw arrays of the array module ``xp``. ``rules`` maps an
    operand's name to its vector-Jacobian product: a function of the output's cotangent and of whatever it names among
    the operands, the outputs, the static arguments and the operands' shapes (``x_shape``). ``joint`` is the one rule
    that gives the gradients of all operands at once, where they share work. What an op makes lies in row-major order,
    unless it ``keeps_layout``: that of the operands, as elementwise ops do.

    Of complex numbers a gradient is the conjugate of what the rule multiplies (see `_conjugated`), if the op is
    ``holomorphic`` in its operands. The rules of one that is not say themselves what the gradients are.
    """

    __slots__ = (
        "_flows", "_node_classes", "_node_needs", "_plans", "_position", "_required", "c", "call", "defaults",
        "differentiable", "doc", "elementwise", "fills", "forward", "holomorphic", "joint", "keeps_layout", "name",
        "node", "numpy", "operands", "outputs", "prepare", "promotion", "rules", "statics", "ufunc", "varargs",
        "variadic", "view",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        *,
        numpy: Callable[..., Any],
        operands: tuple[str, ...],
        statics: tuple[str, ...] = (),
        defaults: dict[str, Any] | None = None,
        outputs: tuple[str, ...] = ("out",),
        rules: dict[str, Callable[..., Any]] | None = None,
        joint: Callable[..., Any] | None = None,
        node: str | Callable[..., str] | None = None,
        promotion: Promotion = "none",
        elementwise: bool = False,
        view: bool = False,
        variadic: bool = False,
        varargs: str | None = None,
        prepare: Callable[..., tuple[Any, ...]] | None = None,
        c: str | Callable[..., str] | None = None,
        ufunc: str | None = None,
        fills: bool = False,
        keeps_layout: bool = False,
        holomorphic: bool = True,
        doc: str = "",
    ) -> None:
        if name in OPS:
            raise ValueError(f"op {name!r} is already defined")
        self.name, self.forward, self.numpy = name, forward, numpy
        self.operands, self.statics, self.outputs = operands, statics, outputs
        given = defaults or {}
        self.defaults = [given.get(p, REQUIRED) for p in (*operands, *statics)]
        required = len(self.defaults)
        while required and self.defaults[required - 1] is not REQUIRED:
            required -= 1
        self._required = required
        self._position: dict[str, int] | None = None
        self.rules, self.joint = rules or {}, joint
        self.differentiable = bool(self.rules) or joint is not None
        self._flows = None if joint is not None else tuple(operand in self.rules for operand in operands)
        self.node = node or f"{camel_case(name)}Backward0"
        needs = () if isinstance(self.node, str) else argument_names(self.node)
        self._node_needs = tuple(-1 if needed == "tensors" else statics.index(needed) for needed in needs)
        self.promotion, self.elementwise, self.view = promotion, elementwise, view
        self.keeps_layout = keeps_layout or elementwise
        self.variadic, self.varargs, self.prepare = variadic, varargs, prepare
        self.c, self.ufunc, self.fills, self.holomorphic, self.doc = c, ufunc, fills, holomorphic, doc
        self.call: Callable[..., Any]
        self._plans: dict[Any, Plan] = {}
        self._node_classes: dict[str, type[Node]] = {}
        OPS[name] = self

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.parameters)})>"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of all parameters, operands first."""
        return self.operands + self.statics

    @property
    def position(self) -> dict[str, int]:
        """The number of the parameter behind every keyword; few calls have any."""
        if self._position is None:
            position = {p: i for i, p in enumerate(self.parameters)}
            position |= {alias: position[p] for alias, p in ALIASES.items() if p in position}
            position.setdefault("input", 0)
            if len(self.operands) == 2:
                position.setdefault("other", 1)
            self._position = position
        return self._position

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The value of every parameter, operands first. Raises TypeError as a Python call would."""
        values = self.defaults.copy()
        if self.varargs is not None and len(args) > len(self.operands):
            first = self.position[self.varargs]
            if not isinstance(args[first], (tuple, list)) and args[first] is not None:
                args = (*args[:first], args[first:])
        if len(args) > len(values):
            raise TypeError(f"{self.name}() takes {len(values)} positional arguments but {len(args)} were given")
        values[: len(args)] = args
        for keyword, value in kwargs.items():
            i = self.position.get(keyword)
            if i is None:
                raise TypeError(f"{self.name}() got an unexpected keyword argument '{keyword}'")
            if i < len(args):
                raise TypeError(f"{self.name}() got multiple values for argument '{keyword}'")
            values[i] = value
        if len(args) < self._required and any(value is REQUIRED for value in values):
            missing = [p for p, value in zip(self.parameters, values, strict=True) if value is REQUIRED]
            raise TypeError(
                f"{self.name}() missing {len(missing)} required positional arguments: "
                + ", ".join(f'"{name}"' for name in missing)
            )
        return values

    def flows_to(self, position: int) -> bool:
        """Whether a gradient can flow to the operand at ``position``."""
        return self._flows is None or self._flows[position]

    def plan(self, wanted: tuple[int, ...], node_name: str, count: int, is_complex: bool = False) -> Plan:
        """The backward for these wanted operands, of a result of complex numbers or not, made once."""
        key = (wanted, node_name, count, is_complex)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = Plan(self, wanted, self._node_class(node_name), count, is_complex)
        return plan

    def node_name(self, tensors: tuple[bool, ...], statics: tuple[Any, ...]) -> str:
        """The name of this call's node: it may depend on the static arguments and on which operands are tensors."""
        if isinstance(self.node, str):
            return self.node
        return self.node(*[tensors if i < 0 else statics[i] for i in self._node_needs])

    def _node_class(self, name: str) -> type[Node]:
        node_class = self._node_classes.get(name)
        if node_class is None:
            # A class of builtins prints as PyTorch's nodes do: <AddBackward0 object at 0x...>
            members = {"__slots__": (), "__module__": "builtins"} | self._saved_attributes()
            node_class = type(name, (Node,), members)
            self._node_classes[name] = node_class
        return node_class

    def _saved_attributes(self) -> dict[str, Any]:
        """What nodes show of what their rules read, by PyTorch's names: ``_saved_self``, ``_saved_dim`` and so on."""
        rules = list(self.rules.values()) if self.joint is None else [self.joint]
        read = {name for rule in rules for name in argument_names(rule)}
        values = () if self.variadic else (*self.operands, *self.outputs)
        attributes: dict[str, Any] = {f"_saved_{name}": _Static(number) for number, name in enumerate(self.statics)}
        for position, name in enumerate(values):
            if name in read:
                shown = SAVED_NAMES.get(name, name)
                attributes[f"_saved_{shown}"] = _Saved(position, "saved_value")
                attributes[f"_raw_saved_{shown}"] = _Saved(position, "SavedTensor")
        return attributes

    def names_of_rules(self) -> Iterator[str]:
        """The operands that a gradient can flow to."""
        return iter(self.operands) if self.joint is not None else iter(self.rules)


def _conjugated(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule of a holomorphic op as PyTorch's gradients of complex numbers want it: conj(rule(conj(g), ...)).

    The gradient of a real L by z = x + iy is dL/dx + i dL/dy, the direction in which L grows fastest: see
    https://docs.pytorch.org/docs/stable/notes/autograd.html#autograd-for-complex-numbers. With w = f(z) and its
    gradient g, dL = Re(conj(g) dw) = Re(conj(g) f'(z) dz), and so the gradient by z is conj(conj(g) f'(z)).
    """

    def conjugated(g: Any, *values: Any) -> Any:
        return _conjugate(rule(_conjugate(g), *values))

    return conjugated


def _conjugate(gradients: Any) -> Any:
    """The conjugate of a gradient, or of each one of several."""
    if isinstance(gradients, tuple | list):
        return tuple(_conjugate(gradient) for gradient in gradients)
    return gradients if gradients is None or gradients.dtype.kind != "c" else gradients.conj()


class _Static:
    """A static argument, as an attribute of a node."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __get__(self, node: Any, kind: Any = None) -> Any:
        return self if node is None else node.statics[self._number]


class _Saved:
    """A saved operand or output, as an attribute of a node; ``gradcu._saved``, which stands above, can show it."""

    def __init__(self, position: int, shown_by: str) -> None:
        self._position, self._shown_by = position, shown_by

    def __get__(self, node: Any, kind: Any = None) -> Any:
        if node is None:
            return self
        return getattr(import_module("._saved", __package__), self._shown_by)(node, self._position)


def argument_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The positional parameter names of a plain Python function (``inspect.signature`` is 50 times slower)."""
    code = function.__code__  # type: ignore[attr-defined]
    return code.co_varnames[: code.co_argcount]


def camel_case(name: str) -> str:
    """``log_softmax`` -> ``LogSoftmax``, as PyTorch names its nodes."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))

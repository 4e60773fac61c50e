"""Writes what follows from the op table: gradcu/_by_need.py, the type stubs and docs/operators.md.

``python docs/generate.py`` writes the files; with ``--check`` it exits with 1, naming them, where a file is not what it
would write.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from gradcu._calls import PUBLIC_NAMES
from gradcu._methods import has_in_place_form
from gradcu._op import ALIASES, ELEMENTWISE, FUNCTIONS, METHODS, OPS, REQUIRED, Op
from gradcu.ops import BY_NEED

FUNCTION_PLACES: dict[str, str] = {}
METHOD_PLACES: dict[str, str] = {}
for _module in BY_NEED:
    _before = FUNCTIONS.keys() | set(), METHODS.keys() | set()
    import_module(f"gradcu.ops.{_module}")
    for _known, _all, _places in zip(_before, (FUNCTIONS, METHODS), (FUNCTION_PLACES, METHOD_PLACES), strict=True):
        _places |= dict.fromkeys(_all.keys() - _known, f".ops.{_module}")

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by docs/generate.py from the ops. Do not edit.\n"
OPERATORS = {
    "binary": ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"),
    "compare": ("eq", "ne", "lt", "le", "gt", "ge"),
    "unary": ("neg", "pos", "abs", "invert"),
}
# What is not always one Tensor: the parameters behind the first, and the result. Several are overloads.
IRREGULAR: dict[str, list[tuple[str, str]]] = {
    **{
        name: [
            ("", "Tensor"),
            ("other: Tensor", "Tensor"),
            ("dim: int, keepdim: bool = ...", f"return_types.{name}"),
            ("*, axis: int, keepdims: bool = ...", f"return_types.{name}"),
        ]
        for name in ("max", "min")
    },
    "nonzero": [
        ("*, as_tuple: Literal[False] = ...", "Tensor"),
        ("*, as_tuple: Literal[True]", "tuple[Tensor, ...]"),
    ],
    "size": [("", "Size"), ("dim: int", "int")],
    "split": [("split_size_or_sections: Any, dim: int = ..., *, axis: int = ...", "tuple[Tensor, ...]")],
    "stride": [("", "tuple[int, ...]"), ("dim: int", "int")],
    "type": [("", "str"), ("dtype: Any", "Tensor")],
    "unbind": [("dim: int = ..., *, axis: int = ...", "tuple[Tensor, ...]")],
    "where": [("", "tuple[Tensor, ...]"), ("input: Any, other: Any", "Tensor")],
}
KNOWN_TYPES = {name: name for name in ("Tensor", "bool", "int", "None", "tuple[Tensor, ...]", "RemovableHandle")}
KNOWN_TYPES["np.ndarray"] = "np.ndarray[Any, Any]"
IMPORTS = """from typing import Any, Literal, overload

from . import return_types
"""


def op_of(function: Callable[..., Any]) -> Op | None:
    """The op that a public function calls, and does nothing else; its name may be another one."""
    return OPS.get(function.__name__) if function.__module__ == "gradcu" else None


def signature(function: Callable[..., Any]) -> str:
    """The parameters of a public function, as a stub writes them."""
    op = op_of(function)
    if op is not None and not is_plain(function):
        return op_signature(op)
    parameters = list(inspect.signature(function).parameters.values())
    parts = list(_parameters(parameters))
    if hasattr(function, "__wrapped__"):
        # It takes NumPy's names too, so that those which it has PyTorch's for may be left out.
        names = {p.name for p in parameters}
        parts = [f"{part} = ..." if part == "dim: Any" else part for part in parts]
        parts += [] if any(part.startswith("*") for part in parts) else ["*"]
        parts += [f"{alias}: Any = ..." for alias, name in ALIASES.items() if name in names and alias not in names]
    return ", ".join(optional_onward(parts))


def optional_onward(parts: list[str]) -> list[str]:
    """Parameters of which those behind an optional one are optional too, as Python demands."""
    out: list[str] = []
    optional = False
    for part in parts:
        optional = (optional or part.endswith("= ...")) and not part.startswith("*")
        out.append(f"{part} = ..." if optional and not part.endswith("= ...") else part)
    return out


def is_plain(function: Callable[..., Any]) -> bool:
    """Whether a function's own signature says what it takes (an op's closure takes anything and binds it)."""
    kinds = {p.kind for p in inspect.signature(function).parameters.values()}
    return not kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def op_signature(op: Op) -> str:
    """The parameters of an op's public function."""
    names = [PUBLIC_NAMES.get(name, name) for name in op.parameters]
    parts = []
    for name, default in zip(names, op.defaults, strict=True):
        if name == op.varargs:
            parts.append(f"*{name}: Any")
        else:
            parts.append(f"{name}: Any" + ("" if default is REQUIRED and name not in ALIASES.values() else " = ..."))
    aliases = [alias for alias in ALIASES if alias in op.position and op.varargs is None]
    if aliases:
        parts += ["*", *(f"{alias}: Any = ..." for alias in aliases)]
    return ", ".join(optional_onward(parts))


def _parameters(parameters: Any) -> Iterator[str]:
    star = False
    for p in parameters:
        if p.kind is inspect.Parameter.VAR_POSITIONAL:
            star = True
            yield f"*{p.name}: Any"
        elif p.kind is inspect.Parameter.VAR_KEYWORD:
            yield f"**{p.name}: Any"
        else:
            if p.kind is inspect.Parameter.KEYWORD_ONLY and not star:
                star = True
                yield "*"
            yield f"{p.name}: Any" + ("" if p.default is inspect.Parameter.empty else " = ...")


def result(function: Callable[..., Any]) -> str:
    """The return type that a stub states: the annotation where it is one that the stub knows, and a Tensor for ops."""
    if function.__module__ == "gradcu":
        return "Tensor"
    text = str(getattr(function, "__annotations__", {}).get("return", "Tensor"))
    return KNOWN_TYPES.get(text, "Any")


def definitions(name: str, function: Callable[..., Any], first: str, rest: str) -> Iterator[str]:
    """The stub's lines for a function of the parameters ``first`` and ``rest``; several where it is overloaded."""
    irregular = IRREGULAR.get(name) if FUNCTIONS.get(name, function) is function else None
    forms = irregular or [(rest, result(function))]
    for parameters, returned in forms:
        if len(forms) > 1:
            yield "@overload\n"
        yield f"def {name}({', '.join(part for part in (first, parameters) if part)}) -> {returned}: ...\n"


def by_need() -> str:
    """The modules of the public functions and methods that `import gradcu` leaves out."""
    lines = [HEADER, '"""Which module has what is loaded when it is first asked for."""\n']
    for title, places in (("FUNCTIONS", FUNCTION_PLACES), ("METHODS", METHOD_PLACES)):
        lines += [f"\n{title} = {{\n", *(f'    "{name}": "{places[name]}",\n' for name in sorted(places)), "}\n"]
    elementwise = sorted(ELEMENTWISE & FUNCTION_PLACES.keys())
    changing = [name for name in elementwise if name in METHOD_PLACES and has_in_place_form(name)]
    for title, names in (("ELEMENTWISE", elementwise), ("IN_PLACE", changing)):
        lines += [f"\n{title} = (\n", *(f'    "{name}",\n' for name in names), ")\n"]
    return "".join(lines)


def functions_stub() -> str:
    """The types of the public functions."""
    lines = [HEADER, IMPORTS, "from ._tensor import Tensor\n\n"]
    for name, function in sorted(FUNCTIONS.items()):
        first, _, rest = signature(function).partition(", ")
        lines += definitions(name, function, first, rest)
    return "".join(lines)


def methods_stub() -> str:
    """The types of Tensor's methods that are installed at run time."""
    lines = [
        HEADER,
        "from collections.abc import Iterator\n",
        IMPORTS.replace("\n\n", "\n\nimport numpy as np\n\n"),
        "from ._graph import RemovableHandle\n",
        "from ._tensor import Size, Tensor\n",
        "\nclass TensorMethods:\n",
    ]
    for name, function in sorted(METHODS.items()):
        if name.startswith("__"):
            continue
        functional = name.removesuffix("_")
        known = functional if functional in METHODS else name
        rest = signature(METHODS[known]).partition(", ")[2]
        lines += [f"    {line}" for line in definitions(name, function, "self", rest)]
    for name in OPERATORS["binary"]:
        lines.append(f"    def __{name}__(self, other: Any) -> Tensor: ...\n")
        lines.append(f"    def __r{name}__(self, other: Any) -> Tensor: ...\n")
    for name in OPERATORS["compare"]:
        lines.append(f"    def __{name}__(self, other: Any) -> Tensor: ...  # type: ignore[override]\n")
    lines += [f"    def __{name}__(self) -> Tensor: ...\n" for name in OPERATORS["unary"]]
    lines += [
        "    def __getitem__(self, index: Any) -> Tensor: ...\n",
        "    def __setitem__(self, index: Any, value: Any) -> None: ...\n",
        "    def __len__(self) -> int: ...\n",
        "    def __iter__(self) -> Iterator[Tensor]: ...\n",
        "    def __contains__(self, element: Any) -> bool: ...\n",
        "    def __bool__(self) -> bool: ...\n",
        "    def __float__(self) -> float: ...\n",
        "    def __int__(self) -> int: ...\n",
        "    def __index__(self) -> int: ...\n",
        "    def __complex__(self) -> complex: ...\n",
        "    def __array__(self, dtype: Any = ..., copy: bool | None = ...) -> np.ndarray[Any, Any]: ...\n",
        "    def __dlpack__(self, **options: Any) -> Any: ...\n",
        "    def __dlpack_device__(self) -> tuple[int, int]: ...\n",
        "    @property\n    def __cuda_array_interface__(self) -> dict[str, Any]: ...\n",
        "    @property\n    def is_cpu(self) -> bool: ...\n",
        "    @property\n    def is_cuda(self) -> bool: ...\n",
        "    T: Tensor\n",
        "    mT: Tensor\n",
        "    H: Tensor\n",
        "    mH: Tensor\n",
        "    real: Tensor\n",
        "    imag: Tensor\n",
    ]
    return "".join(lines)


def operators_page() -> str:
    """The page that lists every public function."""
    lines = [
        "# Operators\n\n",
        "Every public function, from the op table; written by `docs/generate.py`. *C* is the expression that\n",
        "generated kernels are made of; *gradient* tells which operands a gradient flows to. A function without a\n",
        "node is made of others, and gradients flow through those; or it has none, as comparisons and indices.\n\n",
        "| function | method | gradient | node | C | what it does |\n|---|---|---|---|---|---|\n",
    ]
    for name, function in sorted(FUNCTIONS.items()):
        called = op_of(function)
        op = called or OPS.get(name)
        first = (inspect.getdoc(function) or "" if called is None else called.doc).partition("\n")[0]
        flows = "" if op is None else ", ".join(op.names_of_rules())
        node = "" if op is None or not op.differentiable else op.node if isinstance(op.node, str) else "by arguments"
        c = "" if op is None or op.c is None else f"`{op.c}`" if isinstance(op.c, str) else "by arguments"
        method = "yes" if name in METHODS else ""
        lines.append(f"| `{name}` | {method} | {flows} | {node} | {escaped(c)} | {escaped(first)} |\n")
    return "".join(lines)


def escaped(cell: str) -> str:
    """A cell's text, in which a bar would end it."""
    return cell.replace("|", "\\|")


def files() -> dict[Path, str]:
    """What every generated file should hold."""
    return {
        ROOT / "gradcu" / "_by_need.py": by_need(),
        ROOT / "gradcu" / "_functions.pyi": functions_stub(),
        ROOT / "gradcu" / "_tensor_methods.pyi": methods_stub(),
        ROOT / "docs" / "operators.md": operators_page(),
    }


def main(arguments: list[str]) -> int:
    """Writes, or with --check compares; returns the exit code."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what docs/generate.py writes", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(files()[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

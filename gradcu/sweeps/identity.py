"""What a sweep's results depend on, to the last bit: written beside them, and compared before a sweep goes on."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import inspect
import json
import platform
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .domain import Domain, listed
from .grid import Axis, LinspaceAxis
from .probe import name_of
from .wanted import Wanted

if TYPE_CHECKING:
    from .._device import device
    from .engine import Engine


def described(
    f: Callable[..., Any], domain: Domain, wanted: Wanted, engine: Engine, device: str, chunk: int
) -> dict[str, Any]:
    """The description of a sweep, in what JSON has; its floats are exact.

    ``program`` is what tells functions apart: see `Engine.program`.
    """
    from .. import __version__

    return {
        "function": _name(f),
        "program": engine.program(),
        **_points(domain),
        "order": wanted.order,
        "partials": "all" if wanted.chosen is None else list(wanted.names),
        "dtype": str(domain.dtype),
        "device": device,
        "engine": engine.name,
        "built with": engine.foundation(),
        "gradcu": __version__,
        "numpy": np.__version__,
        "chunk": chunk,
    }


def _points(domain: Domain) -> dict[str, Any]:
    """What tells the points from others; given ones by a digest of their values."""
    line = domain.line
    if line is not None:
        return {"variable": line.names[0], "start": line.start, "stop": line.stop, "num": line.num}
    return {
        "variables": list(domain.variables),
        "params": list(domain.params),
        **{f"points of {', '.join(axis.names)}": _axis(axis) for axis in domain.axes},
    }


def _axis(axis: Axis) -> dict[str, Any]:
    if isinstance(axis, LinspaceAxis):
        return {"start": axis.start, "stop": axis.stop, "num": axis.num}
    return {"num": axis.num, "digest": digest(axis.block(0, axis.num).tobytes().hex())}


def digest(text: str) -> str:
    """A short name for a long text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def code_of(f: Any) -> str:
    """What there is to tell a function that can't be traced from others: its name, code, defaults, closed-over values.

    Values are numbers, strings, functions, and tuples, lists and sets of them; of others only the type counts. What is
    reached by a global name counts by that name.
    """
    found = inspect.unwrap(f)
    parts = [_name(f), type(found).__qualname__]
    if isinstance(found, functools.partial):
        parts += [code_of(found.func), _text(found.args), _text(tuple(sorted(found.keywords.items())))]
    function = getattr(found, "__func__", found)
    if not isinstance(function, types.FunctionType):
        function = inspect.getattr_static(found, "__call__", None)
    if isinstance(function, types.FunctionType):
        parts += [_text(function.__code__), _text(function.__defaults__ or ())]
        parts.append(_text(tuple((function.__kwdefaults__ or {}).items())))
        parts.append(_text(tuple(inspect.getclosurevars(function).nonlocals.items())))
    return digest("\n".join(parts))


def numpy_build() -> str:
    """What NumPy's results depend on beside its version: libraries, and the instructions it takes on this processor."""
    chosen = json.dumps(np.lib.introspect.opt_func_info(), sort_keys=True)
    try:
        # It has some of the functions where it is installed, imported at their first use.
        scipy = importlib.metadata.version("scipy")
    except importlib.metadata.PackageNotFoundError:
        scipy = "none"
    return f"NumPy for {platform.machine()}, {c_library()}, SciPy {scipy}, {digest(chosen)}"


def cuda_build(places: Sequence[device]) -> str:
    """What results on CUDA devices depend on: CuPy, the compiler, and the devices with what they can."""
    cupy: Any = places[0].xp
    properties = [cupy.cuda.runtime.getDeviceProperties(place.index) for place in places]
    names = {f"{found['name'].decode()} ({found['major']}.{found['minor']})" for found in properties}
    version = ".".join(map(str, cupy.cuda.nvrtc.getVersion()))
    return f"CuPy {cupy.__version__}, NVRTC {version}, {listed(sorted(names))}"


def c_library() -> str:
    """The name and version of the C library, which has the mathematics."""
    return " ".join(platform.libc_ver()).strip() or platform.platform()


def _name(f: Any) -> str:
    """What to call a function. An object without a name has the place in memory in its own words."""
    return name_of(f) if hasattr(f, "__qualname__") else f"an object of {type(f).__qualname__}"


def _text(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return f"{value.co_code.hex()}{value.co_names}{value.co_varnames}{_text(value.co_consts)}"
    if isinstance(value, types.FunctionType):
        return _text(value.__code__)
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_text, value))})"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_text, value)))}}}"
    return repr(value) if isinstance(value, int | float | complex | str | bytes | None) else type(value).__qualname__

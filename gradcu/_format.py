"""The text of a tensor, laid out the way PyTorch lays it out.

Everything here works on a raw array or NumPy scalar. Elements are turned into text as Python numbers, so a float32 is
rounded from the float64 of the same value, which is what PyTorch prints. Only the elements that are shown leave the
array, so the cost of a repr does not grow with the array once it is summarised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from math import isfinite
from numbers import Real
from operator import index
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# PyTorch leaves plain decimals for exponents beyond these magnitudes.
_LARGEST_PLAIN = 1e8
_SMALLEST_PLAIN = 1e-4
_LARGEST_PLAIN_RATIO = 1000.0

_COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}


class _PrintOptions:
    __slots__ = ("edgeitems", "linewidth", "precision", "sci_mode", "threshold")

    def __init__(
        self,
        precision: int = 4,
        threshold: float = 1000,
        edgeitems: int = 3,
        linewidth: int = 80,
        sci_mode: bool | None = None,
    ) -> None:
        self.precision, self.threshold, self.edgeitems = precision, threshold, edgeitems
        self.linewidth, self.sci_mode = linewidth, sci_mode


_PROFILES = {
    "default": _PrintOptions(),
    "short": _PrintOptions(precision=2, edgeitems=2),
    "full": _PrintOptions(threshold=float("inf")),
}

_options = _PROFILES["default"]


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: Literal["default", "short", "full"] | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print, for the whole process; what is not given stays as it is, except `sci_mode`.

    Args:
        precision: digits after the decimal point (4 at first).
        threshold: a tensor of more elements than this is summarised (1000 at first).
        edgeitems: elements shown at each end of a summarised dimension (3 at first).
        linewidth: characters in a line (80 at first).
        profile: `"default"`, `"short"` (precision and edgeitems 2) or `"full"` (never summarise); it sets all of the
            above, and those given beside it win.
        sci_mode: `True` for exponents, `False` for plain decimals; `None` lets the values decide. Every call sets it,
            so leaving it out returns to `None`, as in PyTorch.

    Raises:
        ValueError: if `profile` is none of the three, or a number is negative.
        TypeError: if `precision`, `edgeitems` or `linewidth` is not an integer, or `threshold` not a number.

    >>> import gradcu
    >>> gradcu.set_printoptions(precision=2)
    >>> gradcu.tensor([1.23456])
    tensor([1.23])
    >>> gradcu.set_printoptions(profile="default")
    >>> gradcu.tensor([1.23456])
    tensor([1.2346])
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"profile must be one of 'default', 'short' and 'full', got {profile!r}")
    base = _options if profile is None else _PROFILES[profile]
    _options = _PrintOptions(
        base.precision if precision is None else _natural("precision", precision),
        base.threshold if threshold is None else _limit(threshold),
        base.edgeitems if edgeitems is None else _natural("edgeitems", edgeitems),
        base.linewidth if linewidth is None else _natural("linewidth", linewidth),
        sci_mode,
    )


def _natural(name: str, value: int) -> int:
    try:
        value = index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if value < 0:
        raise ValueError(f"{name} must not be negative, got {value}")
    return value


def _limit(threshold: float) -> float:
    if not isinstance(threshold, Real):
        raise TypeError(f"threshold must be a number, got {threshold!r}")
    if not threshold >= 0:
        raise ValueError(f"threshold must not be negative or NaN, got {threshold}")
    return threshold


def format_tensor(
    array: NDArray[Any] | np.generic,
    *,
    requires_grad: bool,
    grad_fn_name: str | None,
    device: str | None = None,
    class_name: str = "tensor",
    default_dtype: np.dtype[Any],
) -> str:
    """The repr of a tensor that holds `array`, a NumPy or CuPy array or a NumPy scalar of any shape.

    The dtype is named unless it is bool, int64, `default_dtype` or the complex dtype of the same precision; for an
    empty tensor, unless it is `default_dtype`. `device` is named where it is given, and `requires_grad` only where
    there is no `grad_fn_name`, which implies it.

    >>> import numpy as np
    >>> from gradcu._format import format_tensor
    >>> column = np.array([[34.0], [816.0]], "float32")
    >>> print(format_tensor(column, requires_grad=True, grad_fn_name="MulBackward0", default_dtype=column.dtype))
    tensor([[ 34.],
            [816.]], grad_fn=<MulBackward0>)
    """
    options = _options
    prefix = class_name + "("
    suffixes: list[str] = []
    if device is not None:
        suffixes.append(f"device='{device}'")
    # With no elements at the edges nothing in the text tells the shape, so PyTorch spells it out.
    if array.ndim != 1 if array.size == 0 else options.edgeitems == 0:
        suffixes.append(f"size={array.shape}")
    if not _is_implied(array, default_dtype):
        suffixes.append(f"dtype=torch.{array.dtype.name}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    text = _append(prefix + _elements(array, len(prefix), options), suffixes, len(prefix), options.linewidth)
    # Laid out under PyTorch's name, so that lines break where PyTorch breaks them.
    return text.replace("dtype=torch.", "dtype=gradcu.")


def format_spec(array: NDArray[Any] | np.generic, spec: str, represent: Callable[[], str]) -> str:
    """What `format(tensor, spec)` gives, for a tensor that holds `array` and whose repr is `represent()`.

    A tensor of no dimensions is formatted as its Python number, any other as its repr.

    Raises:
        TypeError: if `spec` is not empty and `array` has dimensions.
    """
    if array.ndim == 0:
        return format(array.item(), spec)
    if spec:
        raise TypeError("unsupported format string passed to Tensor.__format__")
    return represent()


def _is_implied(array: NDArray[Any] | np.generic, default_dtype: np.dtype[Any]) -> bool:
    if array.dtype == default_dtype:
        return True
    if array.size == 0:
        return False
    return array.dtype.name in ("bool", "int64", _COMPLEX_OF.get(default_dtype.name))


def _append(text: str, suffixes: list[str], indent: int, linewidth: int) -> str:
    # PyTorch keeps two characters in reserve behind the elements.
    column = len(text.rpartition("\n")[2]) + 2
    for suffix in suffixes:
        if column + len(suffix) + 2 > linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def _elements(array: NDArray[Any] | np.generic, indent: int, options: _PrintOptions) -> str:
    if array.size == 0:
        return "[]"
    shown, edge = array, array.size
    if array.ndim and array.size > options.threshold:
        edge = options.edgeitems
        if edge == 0:
            return "[...]"
        shown = _corners(array, edge)
    texts, width = _texts(shown.ravel().tolist(), options)
    per_line = max(1, (options.linewidth - indent - array.ndim + 1) // (width + 2))
    return _layout(iter(texts), array.shape, edge, indent, per_line)


def _corners(array: Any, edge: int) -> Any:
    """The elements of `array` whose index is among the first or last `edge` of every dimension, as a grid."""
    kept = [[*range(edge), *range(n - edge, n)] if n > 2 * edge else range(n) for n in array.shape]
    return array[np.ix_(*kept)]


def _layout(texts: Iterator[str], shape: tuple[int, ...], edge: int, indent: int, per_line: int) -> str:
    """Bracket `texts`, one for each shown element in order, as an array of `shape` that starts at column `indent`."""
    if not shape:
        return next(texts)
    shortened = shape[0] > 2 * edge
    extent = 2 * edge if shortened else shape[0]
    if len(shape) == 1:
        row = list(islice(texts, extent))
        if shortened:
            row.insert(edge, " ...")
        blocks = [", ".join(row[start : start + per_line]) for start in range(0, len(row), per_line)]
        newlines = 1
    else:
        blocks = [_layout(texts, shape[1:], edge, indent + 1, per_line) for _ in range(extent)]
        if shortened:
            blocks.insert(edge, "...")
        newlines = len(shape) - 1
    return "[" + ("," + "\n" * newlines + " " * (indent + 1)).join(blocks) + "]"


def _texts(values: Sequence[Any], options: _PrintOptions) -> tuple[list[str], int]:
    """The aligned text of each of `values`, and the width that line breaking reckons an element to have."""
    if isinstance(values[0], complex):
        real, real_width = _texts([value.real for value in values], options)
        imag, imag_width = _float_texts([value.imag for value in values], options)
        signed = [text if text.startswith("-") else "+" + text for text in imag]
        return [f"{a}{b}j" for a, b in zip(real, signed, strict=True)], real_width + imag_width + 1
    if isinstance(values[0], float):
        texts, width = _float_texts(values, options)
    else:
        texts = [str(value) for value in values]
        width = max(map(len, texts))
    return [text.rjust(width) for text in texts], width


def _float_texts(values: Sequence[float], options: _PrintOptions) -> tuple[list[str], int]:
    """The unaligned text of each of `values`, and the width to align them to.

    Zeros, infinities and NaNs have no say in the notation or the width; where there is nothing else, `sci_mode` has
    none either. Both are PyTorch's rules.
    """
    deciding = [value for value in values if value and isfinite(value)]
    if deciding and _wants_exponents(deciding, options.sci_mode):
        spec = f".{options.precision}e"
    elif all(map(float.is_integer, deciding)):
        spec = "#.0f"
    else:
        spec = f".{options.precision}f"
    width = max((len(format(value, spec)) for value in deciding), default=1)
    return [format(value, spec) for value in values], width


def _wants_exponents(values: list[float], sci_mode: bool | None) -> bool:
    if sci_mode is not None:
        return sci_mode
    magnitudes = [abs(value) for value in values]
    largest, smallest = max(magnitudes), min(magnitudes)
    return largest > _LARGEST_PLAIN or smallest < _SMALLEST_PLAIN or largest / smallest > _LARGEST_PLAIN_RATIO

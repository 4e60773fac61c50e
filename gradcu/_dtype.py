"""The dtypes, the default dtype and PyTorch's rules of type promotion.

A dtype is a NumPy dtype object (``gradcu.float32`` is ``np.dtype("float32")``), so it goes straight into every call of
NumPy and CuPy. The rules are those of https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc.
Names that would shadow a builtin carry an underscore (``bool_``, ``int_``, ``float_``); the package exports them bare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from typing import TypeAlias

    DType: TypeAlias = np.dtype[Any]

bool_ = np.dtype("bool")
uint8 = np.dtype("uint8")
uint16 = np.dtype("uint16")
uint32 = np.dtype("uint32")
uint64 = np.dtype("uint64")
int8 = np.dtype("int8")
int16 = short = np.dtype("int16")
int32 = int_ = np.dtype("int32")
int64 = long = np.dtype("int64")
float16 = half = np.dtype("float16")
float32 = float_ = np.dtype("float32")
float64 = double = np.dtype("float64")
complex64 = cfloat = np.dtype("complex64")
complex128 = cdouble = np.dtype("complex128")

_BOOL, _INTEGER, _FLOATING, _COMPLEX = range(4)

_CATEGORY: dict[DType, int] = {
    bool_: _BOOL,
    **dict.fromkeys((uint8, uint16, uint32, uint64, int8, int16, int32, int64), _INTEGER),
    **dict.fromkeys((float16, float32, float64), _FLOATING),
    **dict.fromkeys((complex64, complex128), _COMPLEX),
}

_SCALAR_NAMES: dict[DType, str] = {
    bool_: "Bool",
    uint8: "Byte",
    uint16: "UInt16",
    uint32: "UInt32",
    uint64: "UInt64",
    int8: "Char",
    int16: "Short",
    int32: "Int",
    int64: "Long",
    float16: "Half",
    float32: "Float",
    float64: "Double",
    complex64: "ComplexFloat",
    complex128: "ComplexDouble",
}

_C_NAMES: dict[DType, str] = {
    bool_: "bool",
    int32: "int",
    float16: "c10::Half",
    float32: "float",
    float64: "double",
    complex64: "c10::complex<float>",
    complex128: "c10::complex<double>",
}

# PyTorch promotes these with floating point dtypes alone.
_WIDE_UNSIGNED = frozenset((uint16, uint32, uint64))

# "float" and "int" are absent: float32 and int32 to PyTorch, float64 and int64 to Python and NumPy.
_ALIASES: dict[str, DType] = {
    "half": half,
    "double": double,
    "short": short,
    "long": long,
    "cfloat": cfloat,
    "cdouble": cdouble,
}
_AMBIGUOUS = {"float": "'float32' or 'float64'", "int": "'int32' or 'int64'", "uint": "'uint32' or 'uint64'"}


def _lookup_table() -> dict[Any, DType]:
    table: dict[Any, DType] = {bool: bool_, int: int64, float: float64, complex: complex128, **_ALIASES}
    by_name = {dtype.name: dtype for dtype in _CATEGORY}
    for dtype in _CATEGORY:
        table |= dict.fromkeys((dtype.str, dtype.str[1:], dtype.newbyteorder().str), dtype)
    # Two C types may have one width (long and long long); NumPy keeps both, equal but with different scalar classes.
    for code in "?bhilqBHILQefdFD":
        c_type = np.dtype(code)
        table[c_type] = table[c_type.type] = by_name[c_type.name]
    return table | by_name


_LOOKUP = _lookup_table()


def as_dtype(value: object) -> DType:
    """Return the dtype that `value` names: a dtype, a NumPy scalar class, a Python number type or a name.

    Python's types mean what they hold: ``float`` is float64, ``int`` int64, ``complex`` complex128. A byte order is
    dropped, since tensors that gradcu makes are always in the machine's own.

    Raises TypeError for anything else, such as object, string and long double dtypes, and for the names "float", "int"
    and "uint", which PyTorch and NumPy read differently.

    >>> import gradcu
    >>> gradcu.zeros(2, dtype="float64").dtype
    dtype('float64')
    """
    native = value.newbyteorder("=") if isinstance(value, np.dtype) and not value.isnative else value
    try:
        found = _LOOKUP.get(native)
    except TypeError:  # an unhashable value
        found = None
    if found is not None:
        return found
    if isinstance(value, str) and value in _AMBIGUOUS:
        raise TypeError(f"dtype {value!r} is ambiguous: write {_AMBIGUOUS[value]}")
    names = ", ".join(dtype.name for dtype in _CATEGORY)
    raise TypeError(f"dtype must be one of {names}, not {value!r}")


def _category(dtype: DType) -> int:
    category = _CATEGORY.get(dtype)
    return _CATEGORY[as_dtype(dtype)] if category is None else category


def is_floating_point(input: Any) -> bool:
    """Whether `input`, a Tensor, an array or a dtype, is of a floating point dtype; complex dtypes are not.

    >>> import gradcu
    >>> gradcu.is_floating_point(gradcu.ones(2)), gradcu.is_floating_point(gradcu.int64)
    (True, False)
    """
    return _category(getattr(input, "dtype", input)) == _FLOATING


def is_complex(input: Any) -> bool:
    """Whether `input`, a Tensor, an array or a dtype, is of a complex dtype.

    >>> import gradcu
    >>> gradcu.is_complex(gradcu.complex64), gradcu.is_complex(gradcu.ones(2))
    (True, False)
    """
    return _category(getattr(input, "dtype", input)) == _COMPLEX


def scalar_name(dtype: DType) -> str:
    """The name by which PyTorch's errors call a dtype: "Float" for float32, "Long" for int64."""
    return _SCALAR_NAMES[dtype]


def c_name(dtype: DType) -> str:
    """The name by which PyTorch's errors about numbers call a dtype: "float" for float32, "int64_t" for int64."""
    return _C_NAMES.get(dtype) or f"{dtype.name}_t"


_default: DType = float32

# What a Python number counts as; set_default_dtype keeps the last two up to date.
_NUMBER_DTYPES: dict[type, DType] = {bool: bool_, int: int64, float: float32, complex: complex64}


def get_default_dtype() -> DType:
    """The dtype of tensors made from Python floats: float32 unless `set_default_dtype` changed it.

    >>> import gradcu
    >>> gradcu.get_default_dtype()
    dtype('float32')
    """
    return _default


def set_default_dtype(d: Any) -> None:
    """Make `d` (float16, float32 or float64) the dtype of tensors made from Python floats, in the whole process.

    Raises TypeError for a dtype that is not floating point, and for anything that is not a dtype.

    >>> import gradcu
    >>> gradcu.set_default_dtype(gradcu.float64)
    >>> gradcu.tensor(1.5).dtype
    dtype('float64')
    >>> gradcu.set_default_dtype(gradcu.float32)
    """
    global _default
    if not isinstance(d, np.dtype):
        raise TypeError(f"invalid dtype object: only floating-point types are supported as the default type, not {d!r}")
    if _CATEGORY.get(d) != _FLOATING:
        raise TypeError(f"only floating-point types are supported as the default type, not {d!r}")
    _default = _NUMBER_DTYPES[float] = _LOOKUP[d]
    _NUMBER_DTYPES[complex] = _complex_of(_default)


def default_complex_dtype() -> DType:
    """The dtype of tensors made from Python complex numbers: complex128 beside a default of float64, else complex64."""
    return _NUMBER_DTYPES[complex]


def _complex_of(floating: DType) -> DType:
    # PyTorch pairs float16 with a complex32 that NumPy does not have.
    return complex128 if floating == float64 else complex64


_PROMOTED: dict[tuple[DType, DType], DType] = {}


def promote_types(type1: Any, type2: Any) -> DType:
    """The dtype of an arithmetic result of two tensors with dimensions.

    A dtype of a later category of bool, integer, floating and complex wins whatever its width; within a category, the
    smallest dtype that holds both does.
    Raises RuntimeError, as PyTorch does, for uint16, uint32 and uint64 with any other but a floating point dtype.

    >>> import gradcu
    >>> gradcu.promote_types(gradcu.int64, gradcu.float32), gradcu.promote_types(gradcu.uint8, gradcu.int8)
    (dtype('float32'), dtype('int16'))
    """
    return promote(as_dtype(type1), as_dtype(type2))


def promote(first: DType, second: DType) -> DType:
    """`promote_types` of two of gradcu's own dtypes, from a table that fills as it is asked."""
    promoted = _PROMOTED.get((first, second))
    if promoted is None:
        promoted = _PROMOTED[first, second] = _compute_promotion(first, second)
    return promoted


def _compute_promotion(first: DType, second: DType) -> DType:
    lower, upper = sorted((first, second), key=_category)
    low, high = _category(lower), _category(upper)
    unsupported = first != second and high != _FLOATING
    if unsupported and not _WIDE_UNSIGNED.isdisjoint((first, second)):
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{scalar_name(first)} and {scalar_name(second)}"
        )
    if low in (high, _FLOATING):
        # Within a category, and where a floating dtype sets a complex one's precision, PyTorch agrees with NumPy.
        return _LOOKUP[np.promote_types(lower, upper)]
    return upper


def can_cast(from_: Any, to: Any) -> bool:
    """Whether an operation may store a result of dtype `from_` in a tensor of dtype `to`.

    It may not where `to` is of an earlier category of bool, integer, floating and complex; widths do not count.

    >>> import gradcu
    >>> gradcu.can_cast(gradcu.float64, gradcu.float32), gradcu.can_cast(gradcu.float32, gradcu.int64)
    (True, False)
    """
    return _CATEGORY[as_dtype(from_)] <= _CATEGORY[as_dtype(to)]


# How strongly an operand's dtype counts: a stronger group's dtype stands unless a weaker one is of a later category.
_NUMBER, _SCALAR, _DIMENSIONED = range(3)

_RESULTS: dict[tuple[int, DType, int, DType], DType] = {}


def result_type(*operands: Any) -> DType:
    """The dtype of an arithmetic result of `operands`: Tensors, arrays and Python numbers.

    Those with dimensions decide; one without, such as a NumPy scalar, and more weakly a Python number, only raises the
    result to a later category of bool, integer, floating and complex. A Python float counts as the default dtype.

    Raises TypeError for an operand that is neither tensor nor number, and for no operands; RuntimeError where
    `promote_types` does.

    >>> import gradcu
    >>> gradcu.result_type(gradcu.tensor([1, 2]), 1.5)
    dtype('float32')
    >>> gradcu.result_type(gradcu.tensor([1.0]), gradcu.tensor(2.0, dtype=gradcu.float64))
    dtype('float32')
    """
    if len(operands) == 2:
        (strength1, dtype1), (strength2, dtype2) = _classify(operands[0]), _classify(operands[1])
        key = (strength1, dtype1, strength2, dtype2)
        result = _RESULTS.get(key)
        if result is None:
            result = _RESULTS[key] = _combine((key[:2], key[2:]))
        return result
    if not operands:
        raise TypeError("result_type() requires at least one operand")
    return _combine([_classify(operand) for operand in operands])


def _classify(operand: Any) -> tuple[int, DType]:
    number = _NUMBER_DTYPES.get(type(operand))
    if number is not None:
        return _NUMBER, number
    array = getattr(operand, "_array", operand)
    # np.float64 is a Python float too, so the test for an array goes before the test for a number's subclass.
    dtype = getattr(array, "dtype", None)
    if isinstance(dtype, np.dtype):
        return (_DIMENSIONED if array.ndim else _SCALAR), dtype
    for number_type in (bool, int, float, complex):
        if isinstance(operand, number_type):
            return _NUMBER, _NUMBER_DTYPES[number_type]
    raise TypeError(f"result_type(): operands must be Tensors, arrays or numbers, not {type(operand).__name__}")


def _combine(classified: Any) -> DType:
    groups: list[DType | None] = [None, None, None]
    for strength, dtype in classified:
        so_far = groups[strength]
        groups[strength] = as_dtype(dtype) if so_far is None else promote(so_far, as_dtype(dtype))
    result: DType | None = None
    for stronger in groups:
        if stronger is not None:
            result = stronger if result is None else _override(stronger, result)
    assert result is not None
    return result


def _override(stronger: DType, weaker: DType) -> DType:
    if _category(weaker) <= _category(stronger):
        return stronger
    if _category(stronger) == _FLOATING:
        return _complex_of(stronger)
    # A Python complex number joins wide unsigned tensors, but bool tensors refuse them, as in PyTorch.
    return promote(stronger, weaker) if stronger == bool_ else weaker


class finfo:  # noqa: N801
    """The numeric properties of a floating point dtype; the default dtype if none is given.

    Attributes: bits, eps, max, min, tiny, smallest_normal and resolution are Python numbers, dtype a string. A complex
    dtype answers for its components. Raises TypeError for integer and bool dtypes.

    >>> import gradcu
    >>> gradcu.finfo(gradcu.float32).eps
    1.1920928955078125e-07
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: Any = None) -> None:
        dtype = _default if type is None else as_dtype(type)
        if _category(dtype) < _FLOATING:
            raise TypeError(
                f"gradcu.finfo() requires a floating point input type. Use gradcu.iinfo to handle '{dtype.name}'"
            )
        info = np.finfo(dtype)
        self.bits = int(info.bits)
        self.dtype = info.dtype.name
        self.eps = float(info.eps)
        self.max = float(info.max)
        self.min = float(info.min)
        self.resolution = float(f"1e-{info.precision}")
        self.smallest_normal = self.tiny = float(info.smallest_normal)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return self.dtype == other.dtype if isinstance(other, finfo) else NotImplemented

    def __hash__(self) -> int:
        return hash((finfo, self.dtype))


class iinfo:  # noqa: N801
    """The numeric properties of an integer dtype: bits, max and min are Python integers, dtype a string.

    Raises TypeError for floating point, complex and bool dtypes.

    >>> import gradcu
    >>> gradcu.iinfo(gradcu.int16).max
    32767
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: Any) -> None:
        dtype = as_dtype(type)
        if dtype == bool_:
            raise TypeError("gradcu.bool is not supported by gradcu.iinfo")
        if _category(dtype) != _INTEGER:
            raise TypeError(f"gradcu.iinfo() requires an integer input type. Use gradcu.finfo to handle '{dtype.name}'")
        info = np.iinfo(dtype)
        self.bits = int(info.bits)
        self.dtype = dtype.name
        self.max = int(info.max)
        self.min = int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return self.dtype == other.dtype if isinstance(other, iinfo) else NotImplemented

    def __hash__(self) -> int:
        return hash((iinfo, self.dtype))

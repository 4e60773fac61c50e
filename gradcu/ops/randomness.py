"""Random Tensors: rand, randn, randint, randperm, their seed and their state.

They come from one NumPy Generator, on the CPU also for other devices, so that a seed gives the same numbers
everywhere. They are not the numbers that PyTorch gives for that seed.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from .._define import function
from .._device import device_of
from .._dtype import as_dtype
from .._tensor import Tensor
from ._arguments import require_tensor, type_name
from .creation import given_dtype, held, made, on_device, shape_of

_generator: np.random.Generator | None = None
_seed = 0
"""What the generator was made with; the highest 64-bit number and those below stand for negative ones."""

# What `get_rng_state` holds: the seed, and the state of NumPy's PCG64, whose names these are.
_STATE = np.dtype([("seed", "<u8"), ("state", "<u8", 2), ("inc", "<u8", 2), ("has_uint32", "u1"), ("uinteger", "<u4")])


def _random() -> np.random.Generator:
    """The one Generator, made at first use, since NumPy imports much for it; it locks itself while a thread draws."""
    if _generator is None:
        seed()
    assert _generator is not None
    return _generator


@function(method=False)
def manual_seed(seed: int) -> None:
    """Makes all random numbers from here on the same in every run that sets the same ``seed``, an int.

    The numbers are not those of PyTorch for the same seed. Raises ValueError for an int of more than 64 bits.

    >>> import gradcu
    >>> _ = gradcu.manual_seed(0)
    >>> a = gradcu.rand(2)
    >>> _ = gradcu.manual_seed(0)
    >>> (gradcu.rand(2) == a).all()
    tensor(True)
    """
    global _generator, _seed
    seed = int(seed)
    if not -(2**63) <= seed < 2**64:
        raise ValueError("Overflow when unpacking long long")
    _seed = seed % 2**64
    _generator = np.random.default_rng(_seed)


@function(method=False)
def seed() -> int:
    """Makes random numbers from here on others than in any other run; gives the seed that it took for that.

    >>> import gradcu
    >>> gradcu.seed() == gradcu.initial_seed()
    True
    """
    manual_seed(int.from_bytes(os.urandom(8), "little"))
    return _seed


@function(method=False)
def initial_seed() -> int:
    """The seed of the random numbers, as an int of 64 bits without a sign.

    >>> import gradcu
    >>> gradcu.manual_seed(7)
    >>> gradcu.initial_seed()
    7
    """
    _random()
    return _seed


@function(method=False)
def get_rng_state() -> Tensor:
    """Where the random numbers have come to, as bytes; `set_rng_state` goes back there.

    >>> import gradcu
    >>> before = gradcu.get_rng_state()
    >>> a = gradcu.rand(2)
    >>> gradcu.set_rng_state(before)
    >>> gradcu.equal(gradcu.rand(2), a)
    True
    """
    found: Any = _random().bit_generator.state
    packed = np.zeros((), _STATE)
    packed["seed"] = _seed
    for name in ("state", "inc"):
        packed[name] = divmod(found["state"][name], 2**64)
    for name in ("has_uint32", "uinteger"):
        packed[name] = found[name]
    return made(np.frombuffer(packed.tobytes(), np.uint8).copy(), requires_grad=False)


@function(method=False)
def set_rng_state(new_state: Tensor) -> None:
    """Goes back to where the random numbers had come when `get_rng_state` gave ``new_state``.

    Raises TypeError for what is no Tensor of uint8, RuntimeError for one of another size.
    """
    global _generator, _seed
    if not isinstance(new_state, Tensor):
        raise TypeError(f"expected a gradcu.ByteTensor, but got {type_name(new_state)}")
    if new_state.dtype != np.uint8:
        raise TypeError("RNG state must be a gradcu.ByteTensor")
    if new_state.numel() != _STATE.itemsize:
        raise RuntimeError(
            f"Expected an RNG state of size {_STATE.itemsize} but found the input RNG state size to be "
            f"{new_state.numel()}"
        )
    packed = np.frombuffer(new_state.numpy(force=True).tobytes(), _STATE)[0]
    whole = {name: int(packed[name][0]) << 64 | int(packed[name][1]) for name in ("state", "inc")}
    generator = np.random.Generator(np.random.PCG64())
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": whole,
        "has_uint32": int(packed["has_uint32"]),
        "uinteger": int(packed["uinteger"]),
    }
    _generator, _seed = generator, int(packed["seed"])


def _uniform(shape: tuple[int, ...], kind: np.dtype[Any]) -> Any:
    if kind == np.float16:
        # Rounding a float32 could give 1; float16 has the 2048 multiples of 2**-11 in [0, 1).
        return (_random().integers(0, 2048, shape) / 2048).astype(kind)
    return _random().random(shape, dtype=kind.type)


def _normal(shape: tuple[int, ...], kind: np.dtype[Any]) -> Any:
    if kind == np.float16:
        return np.asarray(_random().standard_normal(shape, dtype=np.float32)).astype(kind)
    return _random().standard_normal(shape, dtype=kind.type)


def _drawn(
    name: str,
    draw: Callable[..., Any],
    shape: tuple[int, ...],
    kind: np.dtype[Any],
    device: Any,
    requires_grad: bool,
    pin_memory: bool,
) -> Tensor:
    """A new leaf of random numbers; a complex one has both parts of its numbers drawn."""
    if kind.kind not in "fc":
        raise NotImplementedError(f"{name}() is not implemented for {kind}: give a floating-point or complex dtype")
    if kind.kind == "c":
        half = np.dtype("float32" if kind == np.complex64 else "float64")
        # The variance of a complex number is the sum of its parts' variances, and stays 1.
        scale = half.type(0.5**0.5 if draw is _normal else 1.0)
        array = np.empty(shape, kind)
        array.real, array.imag = draw(shape, half) * scale, draw(shape, half) * scale
    else:
        array = np.asarray(draw(shape, kind))
    return made(on_device(array, device, copy=False, pin_memory=pin_memory), requires_grad)


@function(method=False)
def rand(
    *lengths: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers, uniform between 0 (included) and 1, in a shape given as ``rand(2, 3)`` or ``rand((2, 3))``.

    `manual_seed` makes them reproducible; they are not the numbers that PyTorch gives for a seed. Raises RuntimeError
    for a negative length.

    >>> import gradcu
    >>> gradcu.rand(2, 3).shape
    gradcu.Size([2, 3])
    """
    return _drawn(
        "rand", _uniform, shape_of("rand", lengths, size), given_dtype(dtype), device, requires_grad, pin_memory
    )


@function(method=False)
def randn(
    *lengths: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers of mean 0 and variance 1, normally distributed, in a shape given as ``randn(2, 3)``.

    `manual_seed` makes them reproducible; they are not the numbers that PyTorch gives for a seed. Raises RuntimeError
    for a negative length.

    >>> import gradcu
    >>> gradcu.randn(2, 3).shape
    gradcu.Size([2, 3])
    """
    return _drawn(
        "randn", _normal, shape_of("randn", lengths, size), given_dtype(dtype), device, requires_grad, pin_memory
    )


def _drawn_like(
    name: str, draw: Callable[..., Any], input: Any, dtype: Any, device: Any, requires_grad: bool, pin_memory: bool
) -> Tensor:
    require_tensor(name, input)
    array = input._array
    kind = array.dtype if dtype is None else as_dtype(dtype)
    return _drawn(
        name, draw, array.shape, kind, device_of(array) if device is None else device, requires_grad, pin_memory
    )


@function(method=False)
def rand_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False
) -> Tensor:
    """Random numbers as of `rand`, in the shape of ``input``, and of its dtype and device unless others are given.

    >>> import gradcu
    >>> gradcu.rand_like(gradcu.zeros(2)).shape
    gradcu.Size([2])
    """
    return _drawn_like("rand_like", _uniform, input, dtype, device, requires_grad, pin_memory)


@function(method=False)
def randn_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False
) -> Tensor:
    """Random numbers as of `randn`, in the shape of ``input``, and of its dtype and device unless others are given.

    >>> import gradcu
    >>> gradcu.randn_like(gradcu.zeros(2)).shape
    gradcu.Size([2])
    """
    return _drawn_like("randn_like", _normal, input, dtype, device, requires_grad, pin_memory)


@function(method=False)
def randint(*args: Any, low: int = 0, high: int | None = None, size: Any = None, dtype: Any = None,
            device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Random integers from ``low`` to below ``high``.

    Called as ``randint(high, size)``, from 0 on, or ``randint(low, high, size)``; of int64 unless ``dtype`` is given.
    Raises RuntimeError where ``high`` is not above ``low`` or the dtype does not hold ``high - 1``, TypeError where
    they are no ints or ``size`` no tuple.

    >>> import gradcu
    >>> gradcu.randint(3, 4, (2,))
    tensor([3, 3])
    """
    if len(args) > 3:
        raise TypeError(f"randint() takes at most 3 positional arguments but {len(args)} were given")
    numbers = list(args)
    if numbers and isinstance(numbers[-1], tuple | list):
        size = numbers.pop()
    if len(numbers) == 2:
        low, high = numbers
    elif numbers:
        high = numbers[0]
    if not isinstance(size, tuple | list):
        raise TypeError(f"randint(): argument 'size' must be tuple of ints, not {type_name(size)}")
    for name, value in (("low", low), ("high", high)):
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"randint(): argument '{name}' must be int, not {type_name(value)}")
    first, end = operator.index(low), operator.index(high)  # type: ignore[arg-type]
    if first >= end:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={first} >= to={end}")
    kind = np.dtype("int64") if dtype is None else as_dtype(dtype)
    if kind.kind in "iu" and not np.iinfo(kind).min <= first < end <= np.iinfo(kind).max + 1:
        raise RuntimeError(f"from={first} or to - 1 = {end - 1} is out of bounds for {kind.name}")
    shape = shape_of("randint", (size,), None)
    array = np.asarray(_random().integers(first, end, shape)).astype(kind)
    return made(on_device(array, device, copy=False, pin_memory=pin_memory), requires_grad)


@function(method=False)
def randperm(
    n: int, *, dtype: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False
) -> Tensor:
    """The integers from 0 to ``n - 1`` in random order, of int64 unless ``dtype`` is given.

    Raises RuntimeError where ``n`` is negative or not in the dtype's range.

    >>> import gradcu
    >>> sorted(gradcu.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    count = operator.index(n)
    if count < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {count}: [{count}]")
    kind = np.dtype("int64") if dtype is None else as_dtype(dtype)
    held(count, kind)
    array = _random().permutation(count).astype(kind)
    return made(on_device(array, device, copy=False, pin_memory=pin_memory), requires_grad)

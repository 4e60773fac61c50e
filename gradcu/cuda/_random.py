"""Random numbers are the same on every device: one generator gives them all, and these are its functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _functions as fn
from .._tensor import Tensor
from ._devices import device_count


def manual_seed(seed: int) -> None:
    """`gradcu.manual_seed`."""
    fn.manual_seed(seed)


def seed() -> None:
    """`gradcu.seed`."""
    fn.seed()


def initial_seed() -> int:
    """`gradcu.initial_seed`."""
    return fn.initial_seed()


def get_rng_state(device: Any = "cuda") -> Tensor:
    """`gradcu.get_rng_state`, whichever the ``device``."""
    return fn.get_rng_state()


def get_rng_state_all() -> list[Tensor]:
    """The state of `get_rng_state`, once for each CUDA device."""
    return [fn.get_rng_state() for _ in range(device_count())]


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """`gradcu.set_rng_state`, whichever the ``device``."""
    fn.set_rng_state(new_state)


def set_rng_state_all(new_states: Sequence[Tensor]) -> None:
    """Goes back to the last of the states, which `get_rng_state_all` gave; they are all the same."""
    for state in new_states:
        fn.set_rng_state(state)


manual_seed_all, seed_all = manual_seed, seed

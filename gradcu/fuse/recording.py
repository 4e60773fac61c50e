"""A call of a compiled function: which of its values are put off, what they are made of, and when they are computed.

The elementwise ops of a `Recording` make `gradcu.fuse.deferred.Deferred` values. Whatever else happens to a Tensor with
such a value (another op, a view, a write, a look at its elements or at its node) first settles it: one kernel computes
the elements, and one node (`gradcu.fuse.fused_node`) takes the place of all the nodes that led to it.
"""

from __future__ import annotations

import contextlib
import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .._device import CPU, Place, device, device_of, is_cupy_array, naming_memory
from .._graph import UNVERSIONED, Node
from .._op import Op
from .._pending import FUSING, TRACES, Pending
from .._record import share_memory
from .._tensor import Tensor
from .deferred import Abstract, Deferred, as_array, as_payload
from .expr import Expr
from .operators import COPIES
from .plan import Library, Plan, Source

_LONGEST = 256
"""So many ops after the last value that was computed for that reason, one is: kernels should not grow with loops."""

_FEW = 8
"""With so many arrays, or twice as many as were left the last time, it is time to see which are still read."""

Entry = tuple[Any, list[Any], int]
"""An array, the version counter of its memory, and the version at the time of reading."""


class Recording(Abstract):
    """One call of a compiled function."""

    def __init__(self, library: Library, connect: Callable[[Recording, list[Tensor]], None]) -> None:
        super().__init__(library)
        self.entries: dict[Expr, Entry] = {}
        self._connect = connect
        self._lifted: dict[tuple[int, int], Expr] = {}
        self._values: list[weakref.ref[Deferred]] = []
        self._tensors: list[weakref.ref[Tensor]] = []
        self.is_open = True
        self._operations = self._arguments = 0
        self._enough = _FEW
        self._places: dict[device, Place] = {}
        self.plans: list[tuple[Plan, device]] = []
        self.templates: list[tuple[Any, device]] = []
        self.on_pause: Callable[[str], None] | None = None

    def made(self, value: Deferred) -> None:
        """Learns of a new value."""
        self._values.append(weakref.ref(value))

    def takes(self, op: Op, arrays: Sequence[Any]) -> bool:
        """Whether the op becomes an expression: it is elementwise, on real numbers on one device, and f still runs.

        Where all arrays are there, and few elements, computing takes less time than recording.
        """
        if not self.is_open or not (op.elementwise or op.name in COPIES):
            return False
        common, deferred = None, False
        for array in arrays:
            if type(array) is Deferred:
                place, deferred = array.device, True
            elif isinstance(array, np.ndarray | np.generic):
                place = CPU
            elif is_cupy_array(array):
                place = device_of(array)
            elif type(array) is complex or hasattr(array, "dtype"):
                return False
            else:
                continue
            if array.dtype.kind not in "biuf" or (common is not None and place is not common):
                return False
            common = place
        return common is not None and (deferred or self._is_large(arrays)) and self._runs_on(common)

    def _runs_on(self, place: device) -> bool:
        """Whether kernels for a device are there, and would run where its ops do now: on the first one's stream."""
        if place is CPU:
            return self.library.engine != "cuda"
        if self.library.engine not in ("auto", "cuda"):
            return False
        here = Place(place)
        return here.is_at(self._places.setdefault(place, here))

    def _is_large(self, arrays: Sequence[Any]) -> bool:
        shapes = {array.shape for array in arrays if getattr(array, "ndim", 0)}
        if len(shapes) <= 1:
            return bool(shapes) and math.prod(*shapes) >= self.library.least
        try:
            return math.prod(np.broadcast_shapes(*shapes)) >= self.library.least
        except ValueError:
            # The op itself says what is wrong.
            return False

    def computed(self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...]) -> Any:
        """What the op makes of arrays that have just been lifted."""
        # Numbers have no device.
        first = next(operand for operand in operands if type(operand) is Deferred and operand.expr.value is None)
        return first.computed(op, operands, statics)

    def lifted(self, value: Any, operand: Any = None) -> Any:
        """An array as an argument, one for each object and version counter: `data` shares the object alone."""
        if not hasattr(value, "dtype"):
            return value
        if isinstance(operand, int | float | np.generic):
            # A number in the dtype that promotion has given it.
            return Deferred(self, self.table.constant(value), ())
        own = isinstance(operand, Tensor) and operand._array is value
        if type(value) is Deferred:
            # What was computed once may have been written to since, even where it is nothing but a copy of an argument.
            if value.trace is self and (value.array is None or self._is_given(value)):
                return value
            value = value.materialised()
        counter = operand._version_counter if own else UNVERSIONED
        key = id(value), id(counter)
        expr = self._lifted.get(key)
        if expr is None:
            if len(self.entries) >= self._enough:
                self._forget()
            source = Source("given", ("input", self._arguments), value.shape)
            expr = self._lifted[key] = self.library.argument(source, value.dtype)
            self._arguments += 1
            self.entries[expr] = value, counter, counter[0]
        lifted = Deferred(self, expr, value.shape, device_of(value))
        lifted.array = value
        return lifted

    def _is_given(self, value: Deferred) -> bool:
        entry = self.entries.get(value.expr)
        return entry is not None and entry[0] is value.array

    def recorded(self, results: Sequence[Tensor], node: Node | None) -> None:
        """Remembers the Tensors of an op, and that the node is one of those that are fused."""
        super().recorded(results, node)
        self._tensors += map(weakref.ref, results)
        self._operations += 1
        if self._operations % _LONGEST == 0:
            # All of them, since a loop may carry several, and the last op be always the same one's.
            self.settle(self._living(), f"{_LONGEST} operations are enough for a kernel")

    def compute(self, values: Sequence[Deferred], reason: str = "") -> None:
        """Gives the values their arrays."""
        if self.on_pause is not None:
            self.on_pause(reason)
        for place in dict.fromkeys(value.device for value in values):
            self._compute([value for value in values if value.device is place], place)

    def _compute(self, values: Sequence[Deferred], place: device) -> None:
        """Gives values of one device their arrays."""
        plan = self.library.plan([(value.expr, value.shape) for value in values], {})
        self.plans.append((plan, place))
        with self._at(place):
            arrays = plan.run({argument: as_array(self.entries[argument][0]) for argument in plan.given}, place)
        for value, array in zip(values, arrays, strict=True):
            value.array = as_payload(array)

    @contextlib.contextmanager
    def _at(self, place: device) -> Iterator[None]:
        """A block that computes on a device, where its first op was put off; what follows outside waits for it."""
        if place is CPU:
            yield
            return
        here, there = Place(place), self._places[place]
        with there.entered(), naming_memory("A compiled function", place):
            yield
        here.wait_for(there)

    def settle(self, tensors: Sequence[Tensor], reason: str = "") -> None:
        """Gives Tensors their arrays, and one node in place of those that led to them."""
        # A function may return a Tensor twice.
        waiting = list({id(tensor): tensor for tensor in tensors if type(tensor._array) is Deferred}.values())
        values = {id(tensor._array): tensor._array for tensor in waiting if tensor._array.array is None}
        if values:
            self.compute(list(values.values()), reason)
        fused = [tensor for tensor in waiting if isinstance(tensor._edge, Node) and tensor._edge.fused]
        for place in dict.fromkeys(tensor.device for tensor in fused):
            with self._at(place):
                self._connect(self, [tensor for tensor in fused if tensor.device is place])
        for tensor in waiting:
            tensor._array = tensor._array.array

    def before_write(self, tensor: Tensor, result: Tensor) -> None:
        """Settles the result that is about to be written into ``tensor``, and all that reads the memory there."""
        self.settle([result], "an operation in place writes it")
        memory = tensor._memory()
        # The version would not do: `data` shares the memory alone.
        changing = {argument for argument, entry in self.entries.items() if share_memory(entry[0], memory)}
        if not changing:
            return
        self._settle_all(lambda value: self._reads(value, changing), "what it is made of is changed in place")
        for argument in changing:
            value, counter, _ = self.entries[argument]
            self._lifted.pop((id(value), id(counter)), None)

    def before_accumulation(self, old: Tensor | None, value: Any) -> Any:
        """The array of a gradient that a backward inside f adds to the gradient ``old``."""
        if old is not None:
            self.before_write(old, old)
        return value.materialised() if isinstance(value, Pending) else value

    def _reads(self, value: Deferred, changing: set[Expr]) -> bool:
        return not changing.isdisjoint(self.library.plan([(value.expr, value.shape)], {}).given)

    def _living(self) -> list[Tensor]:
        """The Tensors that somebody holds and whose values are put off."""
        tensors = [tensor for reference in self._tensors if (tensor := reference()) is not None]
        return [tensor for tensor in tensors if type(value := tensor._array) is Deferred and value.trace is self]

    def _forget(self) -> None:
        """Lets go of the arrays that no value is made of any more, so that loops hold no more than they need."""
        values = [value for reference in self._values if (value := reference()) is not None]
        self._values = [weakref.ref(value) for value in values]
        self._tensors = [reference for reference in self._tensors if reference() is not None]
        read = set(Plan(self.library, [(value.expr, value.shape) for value in values], {}).given)
        self.entries = {argument: entry for argument, entry in self.entries.items() if argument in read}
        self._lifted = {key: argument for key, argument in self._lifted.items() if argument in read}
        self._enough = max(_FEW, 2 * len(self.entries))

    def _settle_all(self, concerned: Callable[[Deferred], bool], reason: str = "") -> None:
        """Settles the living Tensors whose values are concerned, and computes what else has such a value."""
        self.settle([tensor for tensor in self._living() if concerned(tensor._array)], reason)
        values = [value for reference in self._values if (value := reference()) is not None]
        values = [value for value in values if value.array is None and concerned(value)]
        if values:
            self.compute(values, reason)

    def close(self) -> None:
        """Computes what f has left anywhere but in its result; from now on the values are arrays like any other."""
        self.on_pause = None
        self._settle_all(lambda value: True)
        self.is_open = False
        # A value that is left may live on, and nothing is computed from the arrays any more.
        self.entries.clear()
        self._lifted.clear()

    @contextlib.contextmanager
    def suspended(self, tensors: Sequence[Tensor]) -> Iterator[None]:
        """A block in which nothing is deferred, and that may do whatever it likes with these Tensors."""
        self.settle(tensors, "an autograd.Function takes it")
        for tensor in tensors:
            self.before_write(tensor, tensor)
        FUSING.trace = None
        try:
            yield
        finally:
            FUSING.trace = self


@contextlib.contextmanager
def recording(trace: Recording) -> Iterator[None]:
    """A block whose elementwise ops, on this thread, are deferred."""
    before = FUSING.trace
    TRACES.append(trace)
    FUSING.trace = trace
    try:
        yield
    finally:
        FUSING.trace = before
        TRACES.remove(trace)

"""CUDA devices, their streams and their memory: ``torch.cuda``'s names, on CuPy."""

from .._device import OutOfMemoryError as OutOfMemoryError
from ._devices import current_device as current_device
from ._devices import device as device
from ._devices import device_count as device_count
from ._devices import get_device_capability as get_device_capability
from ._devices import get_device_name as get_device_name
from ._devices import is_available as is_available
from ._devices import manual_seed as manual_seed
from ._devices import manual_seed_all as manual_seed_all
from ._devices import set_device as set_device
from ._devices import synchronize as synchronize
from ._memory import empty_cache as empty_cache
from ._memory import max_memory_allocated as max_memory_allocated
from ._memory import mem_get_info as mem_get_info
from ._memory import memory_allocated as memory_allocated
from ._memory import memory_reserved as memory_reserved
from ._memory import reset_peak_memory_stats as reset_peak_memory_stats
from ._streams import Event as Event
from ._streams import Stream as Stream
from ._streams import current_stream as current_stream
from ._streams import default_stream as default_stream
from ._streams import set_stream as set_stream
from ._streams import stream as stream

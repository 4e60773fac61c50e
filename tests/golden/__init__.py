"""What the real PyTorch gives, one JSON file for each topic, so that the tests need no PyTorch.

`python -m tests.golden.make` writes `<topic>.json` from what `collect()` of `make_<topic>.py` returns. JSON has no NaN,
infinity, complex number or array, so `encode` writes them as dicts of fixed keys and `decode` reads them back:

| value                     | JSON                                                                              |
|---------------------------|-----------------------------------------------------------------------------------|
| nan, inf, -inf            | `{"float": "nan"}`, `{"float": "inf"}`, `{"float": "-inf"}`                       |
| complex                   | `{"complex": [real, imag]}`, each part as in an array                             |
| array, tensor of PyTorch  | `{"dtype": "float32", "shape": [2, 1], "data": [1.5, "nan"]}`, data in C order;   |
|                           | nan, inf and -inf are strings, a complex element is the pair `[real, imag]`       |

Every number keeps its bits: JSON holds the shortest decimal of its float64. Only the bits of a NaN are lost, and a
tuple comes back as a list.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent


def load(topic: str) -> Any:
    """The data of a topic, still encoded."""
    return read(topic)["data"]


def read(topic: str) -> dict[str, Any]:
    """A topic's whole file: "torch", the version that the data is from, and "data"."""
    return json.loads(path(topic).read_text(encoding="utf-8"))


def path(topic: str) -> Path:
    return FOLDER / f"{topic}.json"


def encode(value: Any) -> Any:
    """`value` and all that it contains as JSON can hold it; what is encoded already stays as it is.

    >>> encode({"x": np.array([1, np.nan], "float32"), "sum": math.inf})
    {'x': {'dtype': 'float32', 'shape': [2], 'data': [1.0, 'nan']}, 'sum': {'float': 'inf'}}
    """
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if hasattr(value, "detach"):
        value = value.numpy(force=True)
    if isinstance(value, np.ndarray | np.generic):
        data = [_encode_number(item) for item in value.ravel().tolist()]
        return {"dtype": value.dtype.name, "shape": list(value.shape), "data": data}
    if isinstance(value, complex):
        return {"complex": _encode_number(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def decode(value: Any) -> Any:
    """The value that `encode` was given.

    >>> decode({"x": {"dtype": "float32", "shape": [2], "data": [1.0, "nan"]}, "sum": {"float": "inf"}})
    {'x': array([ 1., nan], dtype=float32), 'sum': inf}
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"dtype": str(dtype), "shape": list(shape), "data": list(data)}:
            return np.array([_decode_number(item) for item in data], dtype).reshape(shape)
        case {"complex": list(parts)}:
            return _decode_number(parts)
        case {"float": str(text)}:
            return float(text)
    return {key: decode(item) for key, item in value.items()}


def is_encoded(value: Any) -> bool:
    """Whether `value` is one of the dicts that stand for something that JSON does not have."""
    return isinstance(value, dict) and set(value) in ({"dtype", "shape", "data"}, {"complex"}, {"float"})


def _encode_number(value: complex) -> Any:
    if isinstance(value, complex):
        return [_encode_number(value.real), _encode_number(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _decode_number(value: Any) -> complex:
    if isinstance(value, list):
        return complex(*map(_decode_number, value))
    return float(value) if isinstance(value, str) else value

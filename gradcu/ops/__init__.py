"""Every op of gradcu, each defined once.

What the others are made of comes with the package. The modules in `BY_NEED` are loaded when one of their functions or
methods is first asked for, which keeps `import gradcu` quick: ``gradcu/_by_need.py`` says where these are.
"""

from importlib import import_module as _import_module

from . import activation as activation
from . import arithmetic as arithmetic
from . import arrange as arrange
from . import compare as compare
from . import convert as convert
from . import creation as creation
from . import data as data
from . import elementary as elementary
from . import extrema as extrema
from . import index as index
from . import power as power
from . import predicates as predicates
from . import ranges as ranges
from . import reduce as reduce
from . import rounding as rounding
from . import scan as scan
from . import shape as shape
from . import special as special
from . import trigonometry as trigonometry

BY_NEED = (
    *("complex_parts", "diagonals", "einsum", "join", "linalg", "memory", "pick", "randomness", "reduce_max"),
    *("softmax", "statistics", "floats", "logarithms", "weighted", "piecewise", "losses", "entropies"),
    *("dimensions", "differences", "products", "order", "scatter", "totals", "beside"),
)


def load_all() -> None:
    """Loads every module, so that the tables in ``gradcu._op`` are whole."""
    for name in BY_NEED:
        _import_module(f".{name}", __name__)

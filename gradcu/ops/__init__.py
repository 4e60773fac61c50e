"""Every op of gradcu, each defined once."""

from . import arithmetic as arithmetic
from . import compare as compare
from . import convert as convert
from . import creation as creation
from . import elementary as elementary
from . import reduce as reduce
from . import shape as shape

"""``gradcu cache``: where compiled functions are kept."""

from __future__ import annotations

import argparse

from ..fuse import cache
from ..sweeps.capacity import in_bytes
from .arguments import Parser
from .failures import DONE, FAILED, failing_with


def parser() -> Parser:
    """The parser of its options."""
    made = Parser(
        prog="gradcu cache",
        usage="gradcu cache [--clear]",
        description=(
            "Print where compiled functions are kept, and how many bytes they take. The environment variable\n"
            "GRADCU_CACHE_DIR names another directory."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--clear", action="store_true", help="remove them; they are compiled again when needed")
    return made


def run(options: argparse.Namespace) -> int:
    """Prints the place and how much is there, and clears it if asked."""
    with failing_with(FAILED):
        count, size = cache.usage()
        if options.clear:
            cache.clear()
    files = f"{count:,} compiled function{'' if count == 1 else 's'}, {in_bytes(size)}"
    print(f"removed {files} from {cache.location()}" if options.clear else f"{cache.location()}: {files}")
    return DONE

"""The files of kernels/, and the marks in them that programs are put in place of."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping


@functools.cache
def kernel_file(name: str) -> str:
    """The text of a file of kernels/, from the installed package, or from the checkout."""
    package = os.path.dirname(os.path.abspath(__file__))
    installed = os.path.join(package, "_kernels")
    folder = installed if os.path.isdir(installed) else os.path.join(os.path.dirname(package), "kernels")
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()


def filled(template: str, fillings: Mapping[str, str]) -> str:
    """The template with the text of that name in place of every mark.

    >>> filled("T @OUTPUTS@;", {"OUTPUTS": "out0, out1"})
    'T out0, out1;'
    """
    for name, text in fillings.items():
        template = template.replace(f"@{name}@", text)
    return template

"""The C signatures of the functions of CuPy's runtime module that the bed replaces, as CuPy 14 has them.

CuPy's compiled modules find these functions through capsules, whose names are the signatures. A CuPy that has another
would call the bed's function with the wrong arguments, so a difference stops the bed.
"""

from __future__ import annotations

import re

SIGNATURES = {
    "getDevice": "int (skip)",
    "getDeviceCount": "int (skip)",
    "driverGetVersion": "int (skip)",
    "deviceCanAccessPeer": "int (int, int, skip)",
    "_ensure_context": "PyObject *(void)",
    "deviceEnablePeerAccess": "PyObject *(int, skip)",
    "_deviceEnsurePeerAccess": "PyObject *(int, skip)",
    "setDevice": "PyObject *(int, skip)",
    "deviceSynchronize": "PyObject *(skip)",
    "deviceGetAttribute": "int (int, int, skip)",
    "getDeviceProperties": "PyObject *(int, skip)",
    "malloc": "intptr_t (size_t, skip)",
    "mallocAsync": "intptr_t (size_t, intptr_t, skip)",
    "mallocManaged": "intptr_t (size_t, skip, options)",
    "hostAlloc": "intptr_t (size_t, unsigned int, skip)",
    "free": "PyObject *(intptr_t, skip)",
    "freeAsync": "PyObject *(intptr_t, intptr_t, skip)",
    "freeHost": "PyObject *(intptr_t, skip)",
    "memGetInfo": "PyObject *(skip)",
    "memcpy": "PyObject *(intptr_t, intptr_t, size_t, int, skip)",
    "memcpyAsync": "PyObject *(intptr_t, intptr_t, size_t, int, intptr_t, skip)",
    "memcpyPeer": "PyObject *(intptr_t, int, intptr_t, int, size_t, skip)",
    "memcpyPeerAsync": "PyObject *(intptr_t, int, intptr_t, int, size_t, intptr_t, skip)",
    "memset": "PyObject *(intptr_t, int, size_t, skip)",
    "memsetAsync": "PyObject *(intptr_t, int, size_t, intptr_t, skip)",
    "pointerGetMemoryType": "int (intptr_t, skip)",
    "pointerGetAttributes": "PointerAttributes *(intptr_t, skip)",
    "streamCreate": "intptr_t (skip)",
    "streamCreateWithFlags": "intptr_t (unsigned int, skip)",
    "streamCreateWithPriority": "intptr_t (unsigned int, int, skip)",
    "streamDestroy": "PyObject *(intptr_t, skip)",
    "streamSynchronize": "PyObject *(intptr_t, skip)",
    "streamQuery": "PyObject *(intptr_t, skip)",
    "streamWaitEvent": "PyObject *(intptr_t, intptr_t, skip, options)",
    "streamIsCapturing": "int (intptr_t, skip)",
    "streamGetPriority": "int (intptr_t, skip)",
    "streamGetFlags": "unsigned int (intptr_t, skip)",
    "eventCreate": "intptr_t (skip)",
    "eventCreateWithFlags": "intptr_t (unsigned int, skip)",
    "eventDestroy": "PyObject *(intptr_t, skip)",
    "eventRecord": "PyObject *(intptr_t, intptr_t, skip)",
    "eventSynchronize": "PyObject *(intptr_t, skip)",
    "eventQuery": "PyObject *(intptr_t, skip)",
    "eventElapsedTime": "float (intptr_t, intptr_t, skip)",
}
"""``skip`` is Cython's flag of a call from Python, ``options`` the struct of a function's optional arguments."""


def shortened(signature: str) -> str:
    """A capsule's name, written as above."""
    signature = re.sub(r"struct __pyx_obj_\w+runtime_(\w+) \*", r"\1 *", signature)
    signature = re.sub(r"struct __pyx_opt_args_\w+ \*__pyx_optional_args", "options", signature)
    return signature.replace("int __pyx_skip_dispatch", "skip")


def differences(found: dict[str, str]) -> list[str]:
    """What differs between the capsules' names and SIGNATURES, a line a function."""
    return [
        f"{name}: {shortened(found[name]) if name in found else 'missing'}, not {signature}"
        for name, signature in SIGNATURES.items()
        if shortened(found.get(name, "")) != signature
    ]

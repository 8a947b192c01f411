"""Analyses of arrays on whatever the workers have: CuPy, torch or NumPy.

backends      the array libraries, behind one face
device        which of them this process uses; chosen by the worker, never by the client
chunk         arrays that stay on a worker's device between tasks
on_device     your own kernel
placement     which workers get which share of the chunks; pure

What runs on a worker needs numpy and array-api-compat; importing this imports no array library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Not below: the module of that name would hide the function once it is imported.
from jupyter_continuum.analysis.on_device import on_device

if TYPE_CHECKING:
    from jupyter_continuum.analysis.chunk import DeviceChunk
    from jupyter_continuum.analysis.device import backend, use

__all__ = ["DeviceChunk", "backend", "on_device", "use"]

_WHERE = {
    "DeviceChunk": "chunk",
    "backend": "device",
    "use": "device",
}


def __getattr__(name: str) -> Any:  # whatever the module holds
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]

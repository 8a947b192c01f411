"""One Dask cluster across supercomputers, clouds and this machine, from one JupyterLab.

>>> import jupyter_continuum as jc
>>> jc.offers(gpu="A100", country="IT")          # doctest: +SKIP
>>> client = jc.attach("my-cluster").get_client()  # doctest: +SKIP

Importing this package starts nothing and pulls in neither Dask nor Jupyter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_continuum import analysis
    from jupyter_continuum.analysis.chunk import DeviceChunk
    from jupyter_continuum.analysis.on_device import on_device
    from jupyter_continuum.workbench import (
        attach,
        clusters,
        connect,
        datasets,
        fetch,
        files,
        foreign_clusters,
        launch,
        offers,
        open_dataset,
        record,
        sites,
        stop,
    )

__version__ = "0.1.0"

__all__ = [
    "DeviceChunk",
    "__version__",
    "analysis",
    "attach",
    "clusters",
    "connect",
    "datasets",
    "fetch",
    "files",
    "foreign_clusters",
    "launch",
    "offers",
    "on_device",
    "open_dataset",
    "record",
    "sites",
    "stop",
]

_OF_ANALYSIS = ("DeviceChunk", "on_device")


def __getattr__(name: str) -> Any:  # whatever the room's function is
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name == "analysis":
        return import_module("jupyter_continuum.analysis")
    room = "analysis" if name in _OF_ANALYSIS else "workbench"
    return getattr(import_module(f"jupyter_continuum.{room}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-continuum"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:  # the app is a class
    from jupyter_continuum.server.app import ContinuumExtension

    return [{"module": "jupyter_continuum", "app": ContinuumExtension}]


def load_ipython_extension(shell: Any) -> None:  # an InteractiveShell
    """``%load_ext jupyter_continuum``: the magic ``%continuum``."""
    from jupyter_continuum.cli.magics import load

    load(shell)

"""One Dask cluster across supercomputers, clouds and this machine, from one JupyterLab.

>>> import jupyter_continuum as jc
>>> jc.offers(gpu="A100", country="IT")          # doctest: +SKIP
>>> client = jc.attach("my-cluster").get_client()  # doctest: +SKIP

Importing this package starts nothing and pulls in neither Dask nor Jupyter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_continuum.workbench import (
        attach,
        clusters,
        connect,
        foreign_clusters,
        launch,
        offers,
        sites,
        stop,
    )

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "attach",
    "clusters",
    "connect",
    "foreign_clusters",
    "launch",
    "offers",
    "sites",
    "stop",
]


def __getattr__(name: str) -> Any:  # whatever the workbench's function is
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jupyter_continuum import workbench

    return getattr(workbench, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-continuum"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:  # the app is a class
    from jupyter_continuum.server.app import ContinuumExtension

    return [{"module": "jupyter_continuum", "app": ContinuumExtension}]

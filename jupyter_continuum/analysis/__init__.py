"""Analyses of arrays on whatever the workers have: CuPy, torch or NumPy.

backends      the face of an array library
libraries     those that there are: NumPy, CuPy, torch
warm          a worker's device, made ready as the worker starts
device        which of them this process uses; chosen by the worker, never by the client
upload        arrays on their way to a device while another is computed with
chunk         arrays that stay on a worker's device between tasks
on_device     your own kernel
lost          a device that answers no more
placement     which workers get which share of the chunks; pure
cuts          how an array is cut into chunks; pure
shares        which of them one task takes, and which site; pure
method        the form every analysis has: map, combine, finalise
stores        zarr arrays, at places that workers reach
graphs        Dask arrays
sources       what is read: those, NumPy and xarray arrays, and kept ones
gathering     where partials are combined: at their site, or here
crew          who works: the threads of this process, or the workers of a cluster
opening       what is read, who reads it, and how it is cut for them
keeping       an array that stays on devices, for several runs
scan          an analysis over all chunks of an array
sums          what analyses compute with
fused         kernels of our own for CuPy
draws         random numbers that are the same on every library

spectra       power spectra: radially averaged ones of images, Welch's of series
components    principal components
clusters      k-means
anomalies     rolling anomalies of sensor series
climate       monthly climatology, trend and anomalies of fields over time
histogram     quantiles of all values, or of each cell over time
segmentation  objects in images larger than memory
regions       those, of the parts that tiles hold
labels        which object each pixel is of
montecarlo    means of functions of random numbers

What runs on a worker needs numpy and array-api-compat; importing this imports no array library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Not below: the module of that name would hide the function once it is imported.
from jupyter_continuum.analysis.on_device import on_device

if TYPE_CHECKING:
    from jupyter_continuum.analysis.anomalies import RollingAnomalies
    from jupyter_continuum.analysis.chunk import DeviceChunk
    from jupyter_continuum.analysis.climate import ClimateStatistics, climatology
    from jupyter_continuum.analysis.clusters import k_means
    from jupyter_continuum.analysis.components import PrincipalComponents
    from jupyter_continuum.analysis.device import backend, use
    from jupyter_continuum.analysis.histogram import quantiles
    from jupyter_continuum.analysis.keeping import keep
    from jupyter_continuum.analysis.labels import label_image, write_labels
    from jupyter_continuum.analysis.method import Analysis
    from jupyter_continuum.analysis.montecarlo import monte_carlo
    from jupyter_continuum.analysis.scan import run
    from jupyter_continuum.analysis.segmentation import Segmentation
    from jupyter_continuum.analysis.spectra import RadialSpectrum, Welch

_WHERE = {
    "Analysis": "method",
    "ClimateStatistics": "climate",
    "DeviceChunk": "chunk",
    "PrincipalComponents": "components",
    "RadialSpectrum": "spectra",
    "RollingAnomalies": "anomalies",
    "Segmentation": "segmentation",
    "Welch": "spectra",
    "backend": "device",
    "climatology": "climate",
    "k_means": "clusters",
    "keep": "keeping",
    "label_image": "labels",
    "monte_carlo": "montecarlo",
    "quantiles": "histogram",
    "run": "scan",
    "use": "device",
    "write_labels": "labels",
}

__all__ = [
    "Analysis",
    "ClimateStatistics",
    "DeviceChunk",
    "PrincipalComponents",
    "RadialSpectrum",
    "RollingAnomalies",
    "Segmentation",
    "Welch",
    "backend",
    "climatology",
    "k_means",
    "keep",
    "label_image",
    "monte_carlo",
    "on_device",
    "quantiles",
    "run",
    "use",
    "write_labels",
]


def __getattr__(name: str) -> Any:  # whatever the module holds
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]

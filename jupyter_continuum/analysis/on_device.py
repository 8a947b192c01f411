"""Your own kernel on whatever the worker has."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from jupyter_continuum.errors import AnalysisError

if TYPE_CHECKING:
    from jupyter_continuum.analysis.backends import Backend

Kernel = Callable[..., Any]


@overload
def on_device(kernel: Kernel, /) -> Kernel: ...
@overload
def on_device(*, keep: bool = False) -> Callable[[Kernel], Kernel]: ...


def on_device(kernel: Kernel | None = None, /, *, keep: bool = False) -> Any:
    """Run ``kernel(xp, *arrays, **options)`` on the GPU of a worker, or with NumPy on one without.

    ``xp`` is the array-API namespace of the library that the worker has. Arrays among the
    arguments lie on its device when the kernel sees them; anything else is passed as it is.
    Arrays that the kernel returns, also in tuples, lists and dictionaries, come back as NumPy
    arrays. With ``keep`` those of one dimension or more come back as a `DeviceChunk` instead,
    which stays on the device for the next task and leaves the worker as a NumPy array alone.

    New arrays need ``device=``: ``xp.zeros(n, device=x.device)``. With NumPy an argument is the
    caller's own array: do not write into it. What a worker must have: numpy, array-api-compat,
    and CuPy or torch where it has a GPU.

    >>> import numpy as np
    >>> @on_device
    ... def norm(xp, x, *, axis=-1):
    ...     return xp.sqrt(xp.sum(x * x, axis=axis))
    >>> norm(np.array([[3.0, 4.0]]))
    array([5.])

    ``client.map(norm, arrays)``, ``x.map_blocks(norm, drop_axis=1, dtype=x.dtype)`` and
    ``xarray.apply_ufunc(norm, a, input_core_dims=[["x"]], dask="parallelized")`` work unchanged.
    """
    if kernel is None:
        return functools.partial(_decorate, keep=keep)
    return _decorate(kernel, keep=keep)


def _decorate(kernel: Kernel, *, keep: bool) -> Kernel:
    @functools.wraps(kernel)
    def on_this_device(*arrays: Any, **options: Any) -> Any:
        return compute(kernel, arrays, options, keep=keep)

    return on_this_device


def compute(
    kernel: Kernel, arrays: tuple[Any, ...], options: dict[str, Any], *, keep: bool = False
) -> Any:  # what the kernel returns
    """``kernel`` on this process's device; out of memory, it is tried again on an empty one.

    On a device that answers no more: see `lost`.
    """
    from jupyter_continuum.analysis.chunk import residents
    from jupyter_continuum.analysis.device import backend
    from jupyter_continuum.analysis.lost import raise_if_lost

    here = backend()
    for last in (False, True):
        try:
            return _once(here, kernel, arrays, options, keep)
        except Exception as error:  # each library has its own error for a full device
            if not _out_of_memory(error):
                raise_if_lost(here, _named(kernel), error)
                raise
            if last:
                traceback.clear_frames(error.__traceback__)  # they hold what filled the device
                raise AnalysisError(
                    f"{here.model} ({_size(here.memory().total)}) has too little memory for "
                    f"{_named(kernel)} of {_size(_bytes_of((arrays, options)))}, also after "
                    "what was kept there had gone to the host. Use smaller chunks: "
                    "array.rechunk(), or smaller blocks in the store."
                ) from error
        residents.evict_all()
    raise AssertionError("unreachable")


def _once(
    here: Backend, kernel: Kernel, arrays: tuple[Any, ...], options: dict[str, Any], keep: bool
) -> Any:
    """A frame of its own: what it holds on the device can be let go of after an error."""
    with here.ahead():
        arrays = tuple(_stage(here, each) for each in arrays)
        with here.turn():
            given = [_arrive(each) for each in arrays]
            named = {name: _arrive(each) for name, each in options.items()}
            found = kernel(here.xp, *given, **named)
            return _leave(found) if keep else here.to_host(found)


def _stage(here: Backend, value: Any) -> Any:
    import numpy as np

    return here.stage(value) if isinstance(value, np.ndarray) else value


def _arrive(value: Any) -> Any:
    import numpy as np

    from jupyter_continuum.analysis.chunk import DeviceChunk
    from jupyter_continuum.analysis.device import backend

    if isinstance(value, DeviceChunk):
        return value.get()
    if isinstance(value, np.ndarray):
        return backend().put(value)
    if hasattr(value, "__dask_graph__"):
        raise AnalysisError(
            f"A kernel takes arrays, and was given a whole {type(value).__name__} of Dask: "
            "use map_blocks, or xarray.apply_ufunc(..., dask='parallelized')."
        )
    return value


def _leave(found: Any) -> Any:
    from jupyter_continuum.analysis.backends import replace_arrays
    from jupyter_continuum.analysis.chunk import DeviceChunk
    from jupyter_continuum.analysis.device import backend

    here = backend()

    def kept(array: Any) -> Any:
        return DeviceChunk(array) if array.ndim else here.to_host(array)

    return replace_arrays(found, here.is_array, kept)


def _out_of_memory(error: Exception) -> bool:
    """CuPy and torch each call it OutOfMemory...; NumPy's is a MemoryError."""
    return isinstance(error, MemoryError) or type(error).__name__.startswith("OutOfMemory")


def _named(kernel: Kernel) -> str:
    """A function by its name, the method of an analysis by that of the analysis."""
    owner = getattr(kernel, "__self__", None)
    return type(owner).__name__ if owner else getattr(kernel, "__name__", type(kernel).__name__)


def _bytes_of(tree: Any) -> int:
    """Of all arrays in a nest of containers."""
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, tuple | list):
        return sum(map(_bytes_of, tree))
    return int(getattr(tree, "nbytes", 0))


def _size(number: int) -> str:
    unit, name = next(pair for pair in _UNITS if number >= pair[0] or pair[0] == 1)
    return f"{number / unit:.1f} {name}" if unit > 1 else f"{number} bytes"


_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, ""))

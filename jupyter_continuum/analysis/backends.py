"""The one small face of the array libraries that a worker can compute with.

A kernel is given the library's array-API namespace and arrays that lie on its device; all it
must not do itself is here: bring host arrays there and back, and say how full the device is.
"""

from __future__ import annotations

import functools
import threading
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from jupyter_continuum.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np

PLAIN = {"float16": "float32", "longdouble": "float64", "clongdouble": "complex128"}
"""Types outside the array-API standard, and what carries their values: half as float32."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a device, in bytes."""

    used: int
    total: int


class Backend(ABC):
    """One array library on one device. It belongs to its process and never travels."""

    name: str
    xp: Any  # an array-API namespace: modules have no better type
    model: str
    """What computes, for a person: ``NVIDIA H200``, ``CPU``."""
    accelerated: bool = True
    """Whether arrays lie elsewhere than in host memory."""

    def __init__(self) -> None:
        self._turn = threading.RLock()

    def __reduce__(self) -> NoReturn:
        raise TypeError("A backend stays in its process: call backend() where the work is done.")

    def turn(self) -> AbstractContextManager[object]:
        """Held while a kernel runs: one at a time on a device, so that memory fits.

        Other threads of the worker load the next chunk meanwhile.
        """
        return self._turn if self.accelerated else nullcontext()

    def ahead(self) -> AbstractContextManager[object]:
        """Held around `stage` and the turn that follows: bounds what comes to the device early."""
        return nullcontext()

    def stage(self, array: np.ndarray) -> Any:
        """``array``, or where it can be brought beside another's kernel, where it arrives.

        It may be computed with from the next turn of this thread on.
        """
        return array

    def put(self, array: Any) -> Any:  # anything NumPy reads; an array of the library
        """``array`` on the device; AnalysisError for what is no plain number."""
        return self._put(plain(array))

    def to_host(self, tree: Any) -> Any:
        """``tree`` with every array of the device, however deep, as a NumPy array."""
        return replace_arrays(tree, self.is_array, self._to_host)

    def trouble(self) -> str:
        """Why the device answers no more, in the words of its library; "" when it answers."""
        try:
            self._wait()
        except Exception as error:  # each library has its own for a device that is gone
            return next(iter(str(error).splitlines()), type(error).__name__)
        return ""

    def dtype_of(self, array: Any) -> np.dtype[Any]:
        """NumPy's name for the array's type."""
        import numpy as np

        return np.dtype(str(array.dtype).rpartition(".")[2])

    @abstractmethod
    def is_array(self, value: object) -> bool: ...

    @abstractmethod
    def memory(self) -> Memory: ...

    @abstractmethod
    def _wait(self) -> None:
        """For all that the device was given to do; raises what befell it."""

    @abstractmethod
    def _put(self, array: np.ndarray) -> Any: ...

    @abstractmethod
    def _to_host(self, array: Any) -> np.ndarray: ...


def plain(array: Any) -> np.ndarray:
    """``array`` as a NumPy array of a type that every library has, in the machine's byte order."""
    import numpy as np

    if isinstance(array, np.ma.MaskedArray):
        raise AnalysisError("A masked array has no plain values: pass array.filled(numpy.nan).")
    host = np.asarray(array)
    if host.dtype.kind not in "biufc":
        raise AnalysisError(
            f"An array of {host.dtype} holds no plain numbers: convert it to floats or integers."
        )
    wanted = _plain_types().get(host.dtype.type, host.dtype.newbyteorder("="))
    return np.asarray(host, dtype=wanted)


@functools.cache
def _plain_types() -> dict[type[Any], np.dtype[Any]]:
    import numpy as np

    return {np.dtype(odd).type: np.dtype(usual) for odd, usual in PLAIN.items()}


def replace_arrays(tree: Any, is_array: Any, replace: Any) -> Any:  # any nest of containers
    """``tree`` with ``replace(array)`` for each array in its tuples, lists and dictionaries."""
    if is_array(tree):
        return replace(tree)
    if isinstance(tree, dict):
        return {key: replace_arrays(value, is_array, replace) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(replace_arrays(each, is_array, replace) for each in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(replace_arrays(each, is_array, replace) for each in tree)
    return tree

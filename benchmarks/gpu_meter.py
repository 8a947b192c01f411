"""Seconds, joules and device memory of several ways to do one thing, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_continuum.analysis.backends import Backend


class Energy:
    """NVML's counter of the first visible GPU, in joules; None where nobody counts."""

    def __init__(self) -> None:
        self._read: Callable[[], float] | None = None
        try:
            import pynvml

            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByIndex(0)
            pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
            self._read = lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
        except ImportError:
            self._read = None
        except pynvml.NVMLError:
            self._read = None

    def joules(self) -> float | None:
        return self._read() if self._read else None


class Meter:
    """``ways`` by name; one that fails once is left out from then on, with its sentence."""

    def __init__(
        self, here: Backend, energy: Energy, ways: Mapping[str, Callable[[], object]]
    ) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in ways}
        self.joules: dict[str, float] = {}
        """Of one time, over all rounds."""
        self.peak_gb: dict[str, float] = {}
        """What the library's pool had taken when the way had been gone first."""
        self.failed: dict[str, str] = {}
        self._here = here
        self._energy = energy
        self._ways = ways

    def take_turns(self, rounds: int, until: float) -> None:
        """Each way once unmeasured, then in rounds, of which the first is always made."""
        for name in self._ways:
            self._free()
            self._go(name, keep=False)
            self.peak_gb[name] = self._pool_gb()
        for number in range(rounds):
            if number and time.monotonic() > until:
                break
            for name in list(self._ways)[:: 1 if number % 2 else -1]:
                if name not in self.failed:
                    self._go(name, keep=True)
        self.joules = {
            name: joules / len(self.seconds[name])
            for name, joules in self.joules.items()
            if self.seconds[name]
        }

    def _go(self, name: str, *, keep: bool) -> None:
        try:
            before, began = self._energy.joules(), time.perf_counter()
            self._ways[name]()
            self._here._wait()
            took, after = time.perf_counter() - began, self._energy.joules()
        except Exception as error:  # of any library: a sentence, and the others go on
            self.failed[name] = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
            return
        if keep:
            self.seconds[name].append(took)
            if before is not None and after is not None:
                self.joules[name] = self.joules.get(name, 0) + after - before

    def _pool(self) -> Any:
        if self._here.name != "cupy":
            return None
        import cupy

        return cupy.get_default_memory_pool()

    def _free(self) -> None:
        pool = self._pool()
        if pool:
            pool.free_all_blocks()

    def _pool_gb(self) -> float:
        pool = self._pool()
        return float(pool.total_bytes()) / 1e9 if pool else 0.0

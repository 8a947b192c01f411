"""How busy a worker's devices are: one form for NVIDIA, AMD and the processor.

A gauge is read at each heartbeat, so it costs no more than a few system calls, and what cannot
be read is None: a MIG slice tells no utilisation, a container may hide power.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_continuum.worker.amdgpu import AmdGpu, visible_gpus

if TYPE_CHECKING:
    from distributed import Worker

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One device at one moment; None is unknown."""

    device: str
    """What the batch system calls it; "" for the processor."""
    model: str = ""
    busy_percent: float | None = None
    memory_bytes: int | None = None
    memory_total_bytes: int | None = None
    power_watts: float | None = None


Read = Callable[[], Gauge]


def metric(worker: Worker, devices: Sequence[str]) -> Callable[[Worker], list[dict[str, Any]]]:
    """What ``worker.metrics`` takes: ``devices``, or the worker's share of the processor."""
    readers = open_gauges(devices, os.environ) if devices else [partial(_processor, worker)]
    return lambda _: [asdict(read()) for read in readers]


def open_gauges(devices: Sequence[str], environment: Mapping[str, str]) -> list[Read]:
    """One reader a device, in their order; a device that nobody knows is named, and no more."""
    if any(environment.get(each) for each in ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")):
        found = visible_gpus(devices)
        return [partial(_amd, device, found.get(device)) for device in devices]
    try:
        import pynvml  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        logger.info("GPUs are not watched: `pip install nvidia-ml-py` in the worker environment.")
        return [partial(Gauge, device) for device in devices]
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        logger.info("GPUs are not watched: %s.", error)
        return [partial(Gauge, device) for device in devices]
    return [_open_nvidia(pynvml, device) for device in devices]


def nvml_handle(nvml: Any, device: str) -> Any:  # a module without annotations
    """NVML's handle of a device as ``CUDA_VISIBLE_DEVICES`` names it."""
    if device.isdecimal():
        return nvml.nvmlDeviceGetHandleByIndex(int(device))
    return nvml.nvmlDeviceGetHandleByUUID(device)


def words(value: str | bytes) -> str:
    """Older NVML bindings answer bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _open_nvidia(nvml: Any, device: str) -> Read:
    try:
        handle = nvml_handle(nvml, device)
        model = words(nvml.nvmlDeviceGetName(handle))
    except nvml.NVMLError as error:
        logger.info("GPU %s is not watched: %s.", device, error)
        return partial(Gauge, device)
    return partial(_nvidia, nvml, device, model, handle)


def _nvidia(nvml: Any, device: str, model: str, handle: Any) -> Gauge:
    def ask(call: Callable[[Any], Any]) -> Any:
        try:
            return call(handle)
        except nvml.NVMLError:  # not told by this device, or it is gone
            return None

    busy = ask(nvml.nvmlDeviceGetUtilizationRates)
    memory = ask(nvml.nvmlDeviceGetMemoryInfo)
    milliwatts = ask(nvml.nvmlDeviceGetPowerUsage)
    return Gauge(
        device=device,
        model=model,
        busy_percent=None if busy is None else float(busy.gpu),
        memory_bytes=None if memory is None else int(memory.used),
        memory_total_bytes=None if memory is None else int(memory.total),
        power_watts=None if milliwatts is None else milliwatts / 1000,
    )


def _amd(device: str, gpu: AmdGpu | None) -> Gauge:
    if gpu is None:
        return Gauge(device)
    return Gauge(
        device=device,
        model=gpu.model,
        busy_percent=gpu.busy_percent(),
        memory_bytes=gpu.memory_bytes(),
        memory_total_bytes=gpu.memory_total_bytes(),
        power_watts=gpu.power_watts(),
    )


def _processor(worker: Worker) -> Gauge:
    """The worker's own share: its threads and its memory limit are the whole."""
    recent = worker.monitor.recent()
    return Gauge(
        device="",
        busy_percent=min(100.0, float(recent["cpu"]) / max(1, worker.state.nthreads)),
        memory_bytes=int(recent["memory"]),
        memory_total_bytes=worker.memory_manager.memory_limit or None,
    )

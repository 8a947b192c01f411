"""What computes here: the GPUs a job was given, and which worker gets which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_continuum.errors import RelayError
from jupyter_continuum.worker.gauges import nvml_handle, words

VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""Where a batch system says which devices are ours, by maker."""


def visible_devices(
    environment: Mapping[str, str], *, devices: Path = Path("/dev")
) -> tuple[str, list[str]]:
    """The variable that names this job's devices, and the devices.

    Without such a variable, NVIDIA's device files count: some sites set none.
    """
    for variable in VARIABLES:
        if variable in environment:
            named = [each.strip() for each in environment[variable].split(",")]
            return variable, [each for each in named if each and each != "NoDevFiles"]
    found = (path.name.removeprefix("nvidia") for path in devices.glob("nvidia[0-9]*"))
    return VARIABLES[0], sorted(found, key=lambda number: (len(number), number))


def share_devices(
    devices: Sequence[str], *, workers: int, gpus_per_worker: int, node: str
) -> list[tuple[str, ...]]:
    """The devices of each worker, none twice; RelayError when there are too few."""
    wanted = workers * gpus_per_worker
    if wanted > len(devices):
        raise RelayError(
            f"{node} gave this job {len(devices)} GPUs, and its {workers} workers want {wanted}. "
            "Check that the job asks for GPUs on every node, or ask for fewer workers per node."
        )
    return [
        tuple(devices[number * gpus_per_worker : (number + 1) * gpus_per_worker])
        for number in range(workers)
    ]


def describe_gpus(devices: Sequence[str]) -> list[dict[str, Any]]:
    """Model and memory of NVIDIA devices where NVML is there; otherwise their names alone."""
    try:
        import pynvml  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return [{"device": device} for device in devices]
    try:
        pynvml.nvmlInit()
        return [_describe(pynvml, device) for device in devices]
    except pynvml.NVMLError:  # no driver: AMD, or device files alone
        return [{"device": device} for device in devices]


def _describe(nvml: Any, device: str) -> dict[str, Any]:  # a module without annotations
    handle = nvml_handle(nvml, device)
    return {
        "device": device,
        "model": words(nvml.nvmlDeviceGetName(handle)),
        "memory_bytes": int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        "driver": str(nvml.nvmlSystemGetDriverVersion()),
    }

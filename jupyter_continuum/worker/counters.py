"""Energy counters of this node: which there are, what each covers, and what it reads now.

NVIDIA's count since the driver was loaded; AMD's driver tells power or energy below /sys; a Cray
counts whole nodes; Linux shows the processors' own (RAPL), on most machines to root alone.
Sources: NVML's reference; https://docs.kernel.org/hwmon/sysfs-interface.html and
power/powercap/powercap.html there; HPE's pm_counters(5).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from jupyter_continuum.worker.amdgpu import SYS, visible_gpus
from jupyter_continuum.worker.gauges import nvml_handle

logger = logging.getLogger(__name__)
NOT_A_NUMBER = "it does not read as a number"


class Unread(Exception):
    """A counter told nothing; the words say why."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter of energy, or of power that has to be summed up over time."""

    source: Literal["nvml", "amdgpu", "cray", "rapl"]
    covers: Literal["device", "package", "memory", "node"]
    name: str
    """Which of them: a device as the batch system calls it, or the kernel's name of a zone."""
    read: Callable[[], float]
    """In joules, or watts where it ``is_power``; raises Unread."""
    most_watts: float
    """More than this none of its kind ever drew: a counter that says so is not believed."""
    wraps_at: float | None = None
    """After so many joules it begins anew."""
    is_power: bool = False
    exclusive: bool = False
    """No other job can be in it, whoever else is on the node."""


def find_counters(
    devices: Sequence[str], environment: Mapping[str, str], *, sys: Path = SYS
) -> list[Counter]:
    """Those of the job's ``devices``, and those of its node."""
    amd = any(environment.get(each) for each in ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"))
    of_devices = _amd(devices, sys) if amd else _nvidia(devices)
    return [*of_devices, *_cray(sys), *_rapl(sys)]


def _nvidia(devices: Sequence[str]) -> Iterator[Counter]:
    if not devices:
        return
    try:
        import pynvml  # type: ignore[import-not-found,unused-ignore]

        pynvml.nvmlInit()
    except ImportError:
        return
    except pynvml.NVMLError as error:
        logger.info("The energy of GPUs is not read: %s.", error)
        return
    for device in devices:
        yield _of_nvidia(pynvml, device)


def _of_nvidia(nvml: Any, device: str) -> Counter:  # a module without annotations
    def ask(name: str) -> float:
        try:
            return float(getattr(nvml, name)(nvml_handle(nvml, device))) / 1000
        except nvml.NVMLError as error:  # a slice of a GPU has none, or the GPU is gone
            raise Unread(f"NVML answers {str(error)[:80]!r}") from error

    counter = partial(Counter, "nvml", "device", device, most_watts=3000, exclusive=True)
    energy = partial(ask, "nvmlDeviceGetTotalEnergyConsumption")
    power = partial(ask, "nvmlDeviceGetPowerUsage")
    # GPUs before Volta tell their power alone.
    return (
        counter(power, is_power=True) if not _tells(energy) and _tells(power) else counter(energy)
    )


def _amd(devices: Sequence[str], sys: Path) -> Iterator[Counter]:
    for device, gpu in visible_gpus(devices, sys).items():
        two_dies = "MI250" in gpu.model
        sibling = str(int(device) ^ 1) if device.isdecimal() else ""
        if two_dies and gpu.power_watts() is None and sibling in devices:
            continue  # the first die of its card counts both
        counts = gpu.energy_joules() is not None
        yield Counter(
            "amdgpu",
            "device",
            device,
            partial(_of_amd, gpu.energy_joules if counts else gpu.power_watts),
            most_watts=3000,
            is_power=not counts,
            exclusive=not two_dies or sibling in devices,
        )


def _of_amd(ask: Callable[[], float | None]) -> float:
    found = ask()
    if found is None:
        raise Unread("the driver does not tell it")
    return found


def _cray(sys: Path) -> Iterator[Counter]:
    path = sys / "cray/pm_counters/energy"
    if path.exists():
        yield Counter("cray", "node", "node", partial(_joules, path), most_watts=20_000)


def _rapl(sys: Path) -> Iterator[Counter]:
    """Packages, and memory where it is counted beside them; cores lie within packages."""
    for zone in sorted((sys / "class/powercap").glob("intel-rapl:*")):
        name = _line(zone / "name")
        package = re.fullmatch(r"package-\d+(-die-\d+)?", name)
        if package is None and name != "dram":
            continue  # "psys" is the whole board, with the packages in it
        try:
            wraps_at = _number(zone / "max_energy_range_uj") / 1e6
        except Unread:
            wraps_at = None
        yield Counter(
            "rapl",
            "package" if package else "memory",
            zone.name,
            partial(_microjoules, zone / "energy_uj"),
            most_watts=2000 if package else 1000,
            wraps_at=wraps_at or None,
        )


def _microjoules(path: Path) -> float:
    return _number(path) / 1e6


def _joules(path: Path) -> float:
    """``41218571 J 1635163221163473 us``: joules, and when they were counted."""
    match = re.match(r"([0-9]{1,18})(\.[0-9]+)? J\b", _line(path))
    if match is None:
        raise Unread(NOT_A_NUMBER)
    return float(match[1])


def _number(path: Path) -> int:
    text = _line(path)
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise Unread(NOT_A_NUMBER)
    return int(text)


def _line(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return os.read(descriptor, 200).decode(errors="replace").strip()
        finally:
            os.close(descriptor)
    except PermissionError as error:
        raise Unread("the kernel shows it to root alone") from error
    except OSError as error:
        raise Unread(f"it cannot be read ({error.strerror})") from error


def _tells(read: Callable[[], float]) -> bool:
    try:
        read()
    except Unread:
        return False
    return True

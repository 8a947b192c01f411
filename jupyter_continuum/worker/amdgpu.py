"""AMD's GPUs as the Linux driver shows them in /sys, without a library of theirs.

ROCm numbers the GPUs in the order of the driver's topology; each names its render node, below
which the driver keeps its counters.
Source: https://docs.kernel.org/gpu/amdgpu/thermal.html, and ROCR-Runtime's topology.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SYS = Path("/sys")


class AmdGpu:
    """One GPU, or one die of a card that has two (MI250X)."""

    def __init__(self, folder: Path) -> None:
        """``folder``: the device's, as in ``/sys/class/drm/renderD128/device``."""
        self._folder = folder
        self._power = next(
            (
                path
                for name in ("power1_average", "power1_input")
                for path in sorted(folder.glob(f"hwmon/hwmon*/{name}"))
            ),
            None,
        )
        self._energy = next(iter(sorted(folder.glob("hwmon/hwmon*/energy1_input"))), None)
        self.model = _text(folder / "product_name")

    def busy_percent(self) -> float | None:
        return _number(self._folder / "gpu_busy_percent")

    def memory_bytes(self) -> int | None:
        return _number(self._folder / "mem_info_vram_used")

    def memory_total_bytes(self) -> int | None:
        return _number(self._folder / "mem_info_vram_total")

    def power_watts(self) -> float | None:
        """None for the second die of a card, too: its counter stays 0, the first has both."""
        microwatts = _number(self._power) if self._power else None
        return microwatts / 1e6 if microwatts else None

    def energy_joules(self) -> float | None:
        """Since the driver was loaded; None where it tells power alone, as most do."""
        microjoules = _number(self._energy) if self._energy else None
        return microjoules / 1e6 if microjoules else None


def visible_gpus(devices: Sequence[str], sys: Path = SYS) -> dict[str, AmdGpu]:
    """The GPUs that ``ROCR_VISIBLE_DEVICES`` names by number or as ``GPU-<unique id>``."""
    topology = sys / "class/kfd/kfd/topology/nodes"
    nodes = sorted(
        (path for path in topology.glob("*") if path.name.isdecimal()),
        key=lambda path: int(path.name),
    )
    # ROCm counts only what this process may use: of the others the driver tells nothing.
    gpus = [found for node in nodes if (found := _properties(node)).get("drm_render_minor", 0)]
    named = {str(number): properties for number, properties in enumerate(gpus)}
    named |= {f"gpu-{each['unique_id']:x}": each for each in gpus if each.get("unique_id")}
    render = sys / "class/drm"
    return {
        device: AmdGpu(render / f"renderD{properties['drm_render_minor']}" / "device")
        for device in devices
        if (properties := named.get(device.lower().replace("gpu-0x", "gpu-")))
    }


def _properties(node: Path) -> dict[str, int]:
    lines = _text(node / "properties").splitlines()
    pairs = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _text(path: Path) -> str:
    """ "" where it is not told: there is no such file, or it is not ours to read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None

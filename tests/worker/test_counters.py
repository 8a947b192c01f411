"""Counters in files of the kernel's form; NVIDIA's library is stood in for, as with gauges."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from jupyter_continuum.worker.counters import Counter, Unread, find_counters


def zone(sys_: Path, zone: str, name: str, microjoules: str, range_: str = "262143328850") -> Path:
    folder = sys_ / "class/powercap" / zone
    folder.mkdir(parents=True)
    for file, text in (
        ("name", name), ("energy_uj", microjoules), ("max_energy_range_uj", range_),
    ):  # fmt: skip
        (folder / file).write_text(f"{text}\n")
    return folder / "energy_uj"


def found(sys_: Path, *devices: str, **environment: str) -> dict[str, Counter]:
    return {each.name: each for each in find_counters(devices, environment, sys=sys_)}


def test_a_machine_without_counters_has_none(tmp_path):
    assert find_counters([], {}, sys=tmp_path) == []


def test_packages_and_their_memory_count_and_what_lies_within_does_not(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0", "5000000")
    zone(tmp_path, "intel-rapl:0:0", "core", "1000000")
    zone(tmp_path, "intel-rapl:0:1", "dram", "2500000", range_="nonsense")
    zone(tmp_path, "intel-rapl:1", "psys", "9000000")
    told = found(tmp_path)
    assert {name: each.covers for name, each in told.items()} == {
        "intel-rapl:0": "package",
        "intel-rapl:0:1": "memory",
    }
    assert [each.read() for each in told.values()] == [5.0, 2.5]
    assert told["intel-rapl:0"].wraps_at == pytest.approx(262143.32885)
    assert told["intel-rapl:0:1"].wraps_at is None
    assert not any(each.exclusive for each in told.values())


@pytest.mark.parametrize("text", ["", "-5", "1e9", "5 5", "\x1b[2J7", "9" * 300, "0x10"])
def test_what_is_no_number_is_not_read(tmp_path, text):
    zone(tmp_path, "intel-rapl:0", "package-0", text)
    with pytest.raises(Unread, match="does not read as a number"):
        found(tmp_path)["intel-rapl:0"].read()


def test_a_counter_that_went_away_says_so(tmp_path):
    path = zone(tmp_path, "intel-rapl:0", "package-0", "5")
    counter = found(tmp_path)["intel-rapl:0"]
    path.unlink()
    with pytest.raises(Unread, match="cannot be read"):
        counter.read()


def test_a_counter_for_root_alone_says_so(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0", "5").chmod(0)
    tmp_path.chmod(0o755)
    told, telling = os.pipe()
    # In a child that is nobody, since tests run as root; folders above are root's own.
    if (pid := os.fork()) == 0:
        try:
            os.chdir(tmp_path)
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            found(Path())["intel-rapl:0"].read()
        except Unread as error:
            os.write(telling, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(telling)
    with os.fdopen(told) as answer:
        assert answer.read() == "the kernel shows it to root alone"


def test_a_cray_counts_its_whole_node(tmp_path):
    folder = tmp_path / "cray/pm_counters"
    folder.mkdir(parents=True)
    (folder / "energy").write_text("41218571 J 1635163221163473 us\n")
    counter = found(tmp_path)["node"]
    assert (counter.source, counter.covers, counter.read()) == ("cray", "node", 41218571.0)
    (folder / "energy").write_text("many J\n")
    with pytest.raises(Unread):
        counter.read()


def amd(sys_: Path, model: str, *microwatts: int) -> None:
    for number, power in enumerate(microwatts):
        node = sys_ / f"class/kfd/kfd/topology/nodes/{number}"
        node.mkdir(parents=True)
        (node / "properties").write_text(f"drm_render_minor {128 + number}\n")
        folder = sys_ / f"class/drm/renderD{128 + number}/device"
        (folder / "hwmon/hwmon4").mkdir(parents=True)
        (folder / "product_name").write_text(f"{model}\n")
        (folder / "hwmon/hwmon4/power1_average").write_text(f"{power}\n")


def test_the_first_die_of_an_amd_card_counts_for_both(tmp_path):
    amd(tmp_path, "AMD Instinct MI250X", 412_000_000, 0)
    both = found(tmp_path, "0", "1", ROCR_VISIBLE_DEVICES="0,1")
    assert list(both) == ["0"]
    assert (both["0"].is_power, both["0"].read(), both["0"].exclusive) == (True, 412.0, True)
    # Another job may have the other die.
    assert not found(tmp_path, "0", ROCR_VISIBLE_DEVICES="0")["0"].exclusive
    with pytest.raises(Unread):
        found(tmp_path, "1", ROCR_VISIBLE_DEVICES="1")["1"].read()


def test_an_amd_gpu_that_tells_energy_is_not_sampled(tmp_path):
    amd(tmp_path, "AMD Instinct MI300A", 500_000_000)
    folder = tmp_path / "class/drm/renderD128/device/hwmon/hwmon4"
    (folder / "energy1_input").write_text("7000000\n")
    counter = found(tmp_path, "0", ROCR_VISIBLE_DEVICES="0")["0"]
    assert (counter.is_power, counter.read()) == (False, 7.0)
    (folder / "energy1_input").write_text("nonsense\n")
    with pytest.raises(Unread):  # and never its power, which is another unit
        counter.read()


class NVMLError(Exception):
    pass


@pytest.fixture
def nvml(monkeypatch):
    """A GPU that tells its energy, an old one that tells its power, and a slice that tells none."""

    def refuse() -> float:
        raise NVMLError("Not Supported")

    module = ModuleType("pynvml")
    module.NVMLError = NVMLError
    module.nvmlInit = lambda: None
    module.nvmlDeviceGetHandleByIndex = lambda number: number
    module.nvmlDeviceGetHandleByUUID = lambda uuid: uuid
    module.nvmlDeviceGetTotalEnergyConsumption = lambda of: 8500 if of == 0 else refuse()
    module.nvmlDeviceGetPowerUsage = lambda of: 70_000 if of in (0, 1) else refuse()
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


def test_nvidia_tells_energy_or_power_and_a_slice_neither(tmp_path, nvml):
    told = found(tmp_path, "0", "1", "MIG-5a")
    assert (told["0"].read(), told["0"].is_power) == (8.5, False)
    assert (told["1"].read(), told["1"].is_power) == (70.0, True)
    with pytest.raises(Unread, match="Not Supported"):
        told["MIG-5a"].read()
    assert all(each.exclusive for each in told.values())


def test_without_the_library_gpus_have_no_counter(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert found(tmp_path, "0") == {}

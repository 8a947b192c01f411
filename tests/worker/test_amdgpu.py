"""AMD's GPUs, from a tree like the one that the driver shows of a node with two MI250X."""

from __future__ import annotations

import pytest

from jupyter_continuum.worker.amdgpu import visible_gpus
from jupyter_continuum.worker.gauges import open_gauges

UNIQUE = 0x1B4C39D2E5F60718


@pytest.fixture
def sys(tmp_path):
    """One processor, one card with two dies, and one GPU of somebody else's job."""
    nodes = tmp_path / "class/kfd/kfd/topology/nodes"
    told = {
        0: "cpu_cores_count 64\nsimd_count 0\ndrm_render_minor 0\n",
        1: "simd_count 440\ndrm_render_minor 128\nunique_id 0\n",
        2: f"simd_count 440\ndrm_render_minor 129\nunique_id {UNIQUE}\n",
    }
    for number, properties in told.items():
        (nodes / str(number)).mkdir(parents=True)
        (nodes / str(number) / "properties").write_text(properties)
    (nodes / "3").mkdir()  # the driver lets nobody else read it
    for minor, microwatts in ((128, 412_000_000), (129, 0)):
        folder = tmp_path / f"class/drm/renderD{minor}/device"
        (folder / "hwmon/hwmon4").mkdir(parents=True)
        (folder / "product_name").write_text("AMD Instinct MI250X\n")
        (folder / "gpu_busy_percent").write_text(f"{minor - 100}\n")
        (folder / "mem_info_vram_used").write_text("1073741824\n")
        (folder / "mem_info_vram_total").write_text("68702699520\n")
        (folder / "hwmon/hwmon4/power1_average").write_text(f"{microwatts}\n")
    return tmp_path


def test_numbers_follow_the_drivers_topology(sys):
    found = visible_gpus(["1", "0"], sys)
    assert [found[each].busy_percent() for each in ("0", "1")] == [28, 29]
    assert found["0"].model == "AMD Instinct MI250X"
    assert found["0"].memory_bytes() == 2**30
    assert found["0"].memory_total_bytes() == 68_702_699_520


def test_a_unique_id_is_a_name_too(sys):
    assert visible_gpus([f"GPU-{UNIQUE:x}"], sys)[f"GPU-{UNIQUE:x}"].busy_percent() == 29


def test_power_of_the_second_die_is_unknown_not_nothing(sys):
    found = visible_gpus(["0", "1"], sys)
    assert (found["0"].power_watts(), found["1"].power_watts()) == (412.0, None)


def test_what_the_driver_does_not_tell_is_unknown(sys):
    for path in sys.glob("class/drm/renderD128/device/*"):
        if path.is_file():
            path.unlink()
    gpu = visible_gpus(["0"], sys)["0"]
    assert (gpu.model, gpu.busy_percent(), gpu.memory_bytes()) == ("", None, None)


def test_a_gpu_that_is_not_there_is_left_out(sys, tmp_path):
    assert visible_gpus(["2", "GPU-0", "x"], sys) == {}
    assert visible_gpus(["0"], tmp_path / "nothing") == {}


def test_gauges_name_an_amd_gpu_that_cannot_be_read():
    [read] = open_gauges(["7"], {"ROCR_VISIBLE_DEVICES": "7"})
    assert (read().device, read().busy_percent) == ("7", None)

"""NVIDIA's library is stood in for: it answers nothing without one of its GPUs."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from distributed import Scheduler, Worker

from jupyter_continuum.worker import gauges


class NVMLError(Exception):
    pass


@pytest.fixture
def nvml(monkeypatch):
    """Two GPUs: one that tells all, and a slice of another that tells its memory alone."""

    def refuse(_: object) -> None:
        raise NVMLError("Not Supported")

    module = ModuleType("pynvml")
    slice_ = "MIG-5a"
    module.NVMLError = NVMLError
    module.nvmlInit = lambda: None
    module.nvmlDeviceGetHandleByIndex = lambda number: [0][number] if number == 0 else refuse(0)
    module.nvmlDeviceGetHandleByUUID = lambda uuid: uuid if uuid == slice_ else refuse(0)
    module.nvmlDeviceGetName = lambda handle: b"NVIDIA H200" if handle == 0 else "NVIDIA H200 1g"
    module.nvmlDeviceGetMemoryInfo = lambda _: SimpleNamespace(used=5, total=50)
    module.nvmlDeviceGetUtilizationRates = lambda handle: (
        SimpleNamespace(gpu=93) if handle == 0 else refuse(0)
    )
    module.nvmlDeviceGetPowerUsage = lambda handle: 612_500 if handle == 0 else refuse(0)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


def test_a_gpu_tells_all(nvml):
    [read] = gauges.open_gauges(["0"], {})
    assert read() == gauges.Gauge("0", "NVIDIA H200", 93.0, 5, 50, 612.5)


def test_what_a_slice_does_not_tell_is_unknown(nvml):
    [read] = gauges.open_gauges(["MIG-5a"], {})
    assert read() == gauges.Gauge("MIG-5a", "NVIDIA H200 1g", None, 5, 50, None)


def test_a_gpu_that_went_away_is_unknown(nvml):
    [read] = gauges.open_gauges(["0"], {})

    def gone(_: object) -> None:
        raise NVMLError("GPU is lost")

    for call in ("MemoryInfo", "UtilizationRates", "PowerUsage"):
        setattr(nvml, f"nvmlDeviceGet{call}", gone)
    assert read() == gauges.Gauge("0", "NVIDIA H200")


def test_a_gpu_that_nobody_knows_is_named(nvml):
    read = gauges.open_gauges(["3", "0"], {})
    assert [each().device for each in read] == ["3", "0"]
    assert read[0]() == gauges.Gauge("3")


def test_without_the_library_gpus_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert [read() for read in gauges.open_gauges(["0"], {})] == [gauges.Gauge("0")]


async def test_without_gpus_it_is_the_workers_share_of_the_processor():
    async with (
        Scheduler(protocol="inproc://", dashboard=False, dashboard_address=":0") as scheduler,
        Worker(scheduler.address, nthreads=2, memory_limit="1 GiB", dashboard=False) as worker,
    ):
        [told] = gauges.metric(worker, [])(worker)
        assert (told["device"], told["memory_total_bytes"]) == ("", 2**30)
        assert 0 <= told["busy_percent"] <= 100
        assert told["memory_bytes"] > 2**20

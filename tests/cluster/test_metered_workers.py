"""What a node's counters count reaches the scheduler, also when a worker is started anew."""

from __future__ import annotations

import asyncio
import os
import signal

NVML = """
import time

class NVMLError(Exception):
    pass

def nvmlInit(): pass
def nvmlDeviceGetCount(): return 0  # to Dask itself
def nvmlDeviceGetHandleByIndex(number): return number
def nvmlDeviceGetName(handle): return "stand-in"
def nvmlSystemGetDriverVersion(): return "1"

def nvmlDeviceGetTotalEnergyConsumption(handle):
    return int(time.monotonic() * 200_000)  # 200 W

def _refuse(handle):
    raise NVMLError("Not Supported")

nvmlDeviceGetUtilizationRates = nvmlDeviceGetMemoryInfo = nvmlDeviceGetPowerUsage = _refuse
"""


async def told(client, test):
    """Of the one worker: its process, and what it tells once that passes ``test``."""
    async with asyncio.timeout(60):
        while True:
            for worker in (await client.scheduler.identity())["workers"].values():
                for each in worker["metrics"].get("continuum_energy", ()):
                    if each["covers"] == "device" and test(each):
                        return each
            await asyncio.sleep(0.2)


async def test_a_worker_that_is_started_anew_tells_of_all_that_was_counted(home, tmp_path):
    (tmp_path / "pynvml.py").write_text(NVML)
    prologue = f"export PYTHONPATH={tmp_path} CUDA_VISIBLE_DEVICES=0"
    await home.submit("north", prologue=prologue)
    async with home.client() as client:
        before = await told(client, lambda each: each["joules"] > 0)
        assert (before["source"], before["name"], before["why"]) == ("nvml", "0", "")
        assert abs(before["joules"] / before["seconds"] - 200) < 20
        [pid] = (await client.run(os.getpid)).values()
        os.kill(pid, signal.SIGKILL)
        again = await told(client, lambda each: each["seconds"] > before["seconds"] + 5)
        [other] = (await client.run(os.getpid)).values()
    assert other != pid
    assert abs(again["joules"] / again["seconds"] - 200) < 20

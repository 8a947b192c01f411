"""What the scheduler tells a broker, and what it does when there is none."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import dask
import pytest
from distributed import Client, Scheduler, Worker

from jupyter_continuum.cluster import report as module
from jupyter_continuum.cluster.report import Report


class ListeningBroker:
    """Keeps the reports it gets, and answers with ``answer``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reports: asyncio.Queue[dict] = asyncio.Queue()
        self.answer: dict = {}

    async def __aenter__(self) -> ListeningBroker:
        self.server = await asyncio.start_unix_server(self._serve, self.path)
        self.writers: list = []
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for writer in self.writers:
            writer.close()
        self.path.unlink()

    async def _serve(self, reader, writer) -> None:
        self.writers.append(writer)
        while line := await reader.readline():
            request = json.loads(line)
            assert request["method"] == "report"
            self.reports.put_nowait(request["params"])
            answer = {"id": request["id"], "result": self.answer}
            writer.write(json.dumps(answer).encode() + b"\n")

    async def report_with(self, test) -> dict:
        async with asyncio.timeout(20):
            while not test(found := await self.reports.get()):
                pass
            return found


@pytest.fixture
def path(monkeypatch):
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.05)
    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        yield Path(folder) / "broker.sock"


@pytest.fixture
async def scheduler():
    with dask.config.set({"distributed.scheduler.active-memory-manager.start": False}):
        async with Scheduler(
            protocol="inproc://", dashboard=False, dashboard_address="127.0.0.1:0"
        ) as scheduler:
            yield scheduler


async def add(scheduler, path) -> Report:
    report = Report(cluster="c", broker=path)
    await report.start(scheduler)
    scheduler.add_plugin(report)
    return report


async def test_what_counters_counted_is_told_once_for_each_agent_and_is_no_news(scheduler, path):
    async with ListeningBroker(path) as broker:
        await add(scheduler, path)
        async with (
            Worker(scheduler.address, name="lab-0-0-0", nthreads=1, dashboard=False) as one,
            Worker(scheduler.address, name="lab-0-0-1", nthreads=1, dashboard=False) as two,
        ):
            for worker in (one, two):
                worker.metrics[module.ENERGY_METRIC] = lambda _: [{"source": "cray", "joules": 5}]
                await worker.heartbeat()
            told = await broker.report_with(lambda each: each["energy"])
    assert told["energy"] == {"lab-0-0": [{"source": "cray", "joules": 5}]}
    assert module._news(told) == module._news(told | {"energy": {}})


async def test_workers_and_tasks_are_told(scheduler, path):
    async with ListeningBroker(path) as broker:
        await add(scheduler, path)
        async with (
            Worker(scheduler.address, name="w-1", nthreads=2, dashboard=False),
            Client(scheduler.address, asynchronous=True) as client,
        ):
            await client.gather(client.map(str, range(5)))
            told = await broker.report_with(lambda each: each["tasks"]["done"] == 5)
    (worker,) = told["workers"]
    assert told["cluster"] == "c"
    assert (worker["name"], worker["nthreads"], worker["done"]) == ("w-1", 2, 5)
    assert worker["status"] == "running"
    assert worker["pid"] > 0
    assert told["tasks"] == {"running": 0, "done": 5, "waiting": 0}


async def test_devices_are_told_in_steps(scheduler, path):
    told_by_worker = {
        "device": "0",
        "model": "NVIDIA H200",
        "busy_percent": 93.4,
        "memory_bytes": 70_000_000_000,
        "memory_total_bytes": 150_754_820_096,
        "power_watts": float("nan"),
    }
    async with ListeningBroker(path) as broker:
        await add(scheduler, path)
        async with Worker(
            scheduler.address,
            name="w-1",
            dashboard=False,
            metrics={"continuum_devices": lambda _: [told_by_worker]},
        ):
            told = await broker.report_with(lambda each: each["workers"])
    assert told["workers"][0]["devices"] == [
        {
            "device": "0",
            "model": "NVIDIA H200",
            "busy_percent": 95,
            "memory_bytes": 70_002_933_760 // 67_108_864 * 67_108_864,
            "memory_total_bytes": 150_754_820_096,
            "power_watts": None,
        }
    ]


async def test_work_of_workers_that_left_still_counts(scheduler, path):
    async with ListeningBroker(path) as broker:
        await add(scheduler, path)
        async with Client(scheduler.address, asynchronous=True) as client:
            async with Worker(scheduler.address, nthreads=1, dashboard=False):
                await client.gather(client.map(str, range(3)))
            await broker.report_with(
                lambda each: each["workers"] == [] and each["tasks"]["done"] == 3
            )


async def test_waiting_tasks_are_counted(scheduler, path):
    async with ListeningBroker(path) as broker:
        await add(scheduler, path)
        async with Client(scheduler.address, asynchronous=True) as client:
            futures = client.map(str, range(7))
            await broker.report_with(lambda each: each["tasks"]["waiting"] == 7)
            del futures


async def test_broker_that_restarts_is_told_again(scheduler, path):
    await add(scheduler, path)
    for _ in range(2):
        async with ListeningBroker(path) as broker:
            await broker.report_with(lambda each: each["cluster"] == "c")


async def test_answer_may_retire_workers(scheduler, path):
    async with ListeningBroker(path) as broker:
        broker.answer = {"retire": ["w-1", "nobody"]}
        await add(scheduler, path)
        async with (
            Worker(scheduler.address, name="w-1", nthreads=1, dashboard=False) as worker,
            Worker(scheduler.address, name="w-2", nthreads=1, dashboard=False),
        ):
            async with asyncio.timeout(20):
                await worker.finished()
            assert [each.name for each in scheduler.workers.values()] == ["w-2"]

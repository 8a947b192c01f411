"""A whole cluster without a broker: hub and scheduler as processes, agents at emulated sites."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import tempfile
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dask
import distributed  # noqa: F401  # its defaults are among what is put back
import pytest

from jupyter_continuum.cluster.attach import Attachment, open_client
from jupyter_continuum.cluster.authority import make_authority
from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.cluster.parity import mismatches
from jupyter_continuum.cluster.security import make_identity
from jupyter_continuum.cluster.wide_link import wide_link, wide_link_of_client
from jupyter_continuum.relay.handshake import link_key
from jupyter_continuum.sites.emulation import EmulatedSite
from jupyter_continuum.sites.here.conditions import Conditions
from jupyter_continuum.sites.here.emulated import EmulatedLauncher, EmulatedTransport
from jupyter_continuum.sites.protocols import JobRequest

LIFE = timedelta(hours=1)


class Home:
    """What a broker does for one cluster, and no more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = secrets.token_hex(3)
        self.authority = make_authority("test")
        self.sites: dict[str, tuple[EmulatedLauncher, EmulatedTransport]] = {}
        self.joins: list[dict] = []
        self.agents: list[str] = []
        self.processes: list[asyncio.subprocess.Process] = []
        self.refuse = ""
        self._tasks: set[asyncio.Task] = set()

    def sign(self, request: str, name: str) -> str:
        now = datetime.now(UTC)
        return self.authority.sign(request, name=name, life=LIFE, now=now).decode()

    async def start(self) -> None:
        self.hub = await self._spawn("jupyter_continuum.relay.hub")
        assert json.loads(await self.hub.stdout.readline()) == {"ready": True}
        self.reader, self.writer = await asyncio.open_unix_connection(
            self.folder / "hub.ctl", limit=2**22
        )
        self._task(self._listen())
        about = {"name": "test", "cluster_id": self.id}
        (self.folder / "cluster.json").write_text(json.dumps(about))
        self.scheduler = await self._spawn("jupyter_continuum.cluster")
        asked = json.loads(await self.scheduler.stdout.readline())
        signed = {
            "certificate": self.sign(asked["csr"], "test.scheduler"),
            "ca": self.authority.certificate.decode(),
        }
        self.scheduler.stdin.write(json.dumps(signed).encode() + b"\n")
        self.ready = json.loads(await self.scheduler.stdout.readline())

    async def _spawn(self, module: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            module,
            str(self.folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self.processes.append(process)
        return process

    def _task(self, work) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def order(self, **what) -> None:
        self.writer.write(json.dumps(what).encode() + b"\n")

    async def _listen(self) -> None:
        while line := await self.reader.readline():
            event = json.loads(line)
            if event["on"] == "join":
                self._answer(event["agent"], event["request"])

    def _answer(self, agent: str, request: dict) -> None:
        self.joins.append(request)
        self.agents.append(agent)
        assert mismatches(environment(), request["environment"]) == []
        if self.refuse:
            self.order(do="refuse", agent=agent, reason=self.refuse)
            return
        workers = [
            {"name": each["name"], "certificate": self.sign(each["csr"], each["name"])}
            for each in request["workers"]
        ]
        grant = {
            "scheduler": self.ready["address"],
            "ca": self.authority.certificate.decode(),
            "workers": workers,
            "config": wide_link(),
        }
        self.order(do="grant", agent=agent, grant=grant)

    async def submit(
        self, site: str, *, workers: int = 1, number: int = 1, direct: str = "unix", **asked
    ) -> str:
        """Submit a job at an emulated site and dial its agents; the job's name."""
        if site not in self.sites:
            settings = EmulatedSite(queue_seconds=0, delay_ms=2, rate_mbit=500, nodes=2)
            conditions = Conditions(settings, site)
            self.sites[site] = (
                EmulatedLauncher(conditions, self.folder / site),
                EmulatedTransport(conditions),
            )
        launcher, _ = self.sites[site]
        name = f"jc-test-{site}-{secrets.token_hex(4)}"
        lease, gpus = asked.pop("lease", 60), asked.pop("gpus", 0)
        memory_limit_bytes = asked.pop("memory_limit_bytes", 0)
        tickets = [
            {
                "protocol": 1,
                "cluster": "test",
                "cluster_id": self.id,
                "site": site,
                "job": name,
                "rank": rank,
                "agent": secrets.token_hex(4),
                "token": secrets.token_hex(32),
                "group": site,
                "job_number": number,
                "workers": workers,
                "threads": 1,
                "gpus_per_worker": gpus,
                "memory_limit_bytes": memory_limit_bytes,
                "lease_seconds": lease,
                "walltime_seconds": asked.get("walltime_seconds", 600),
                "direct": direct,
            }
            for rank in range(asked.get("nodes", 1))
        ]
        join = tuple(json.dumps(ticket).encode() for ticket in tickets)
        await launcher.submit(JobRequest(name=name, workers_per_node=workers, join=join, **asked))
        for ticket in tickets:
            await self._dial(ticket)
        return name

    async def _dial(self, ticket: dict) -> None:
        launcher, transport = self.sites[ticket["site"]]
        async with asyncio.timeout(60):
            # A site is polled: that is all it offers.
            while not (found := _like(await launcher.agents(), ticket)):
                await asyncio.sleep(0.05)
        path = self.folder / f"{ticket['agent']}.fwd"
        forward = await transport.forward(found[0].endpoints[-1], path)
        key = link_key(ticket["token"]).hex()
        agent = f"{ticket['site']}.{ticket['agent']}"
        self.order(do="dial", agent=agent, path=str(forward.path), key=key)

    async def job(self, site: str, name: str):
        return next(job for job in (await self.sites[site][0].poll()).jobs if job.name == name)

    async def reached(self, site: str, name: str, *states, seconds: float = 40):
        async with asyncio.timeout(seconds):
            while (job := await self.job(site, name)).state not in states:
                await asyncio.sleep(0.1)
            return job

    async def log(self, site: str, name: str) -> str:
        return await self.sites[site][0].log(name)

    @asynccontextmanager
    async def client(self):
        identity = make_identity("client")
        attachment = Attachment(
            address=self.ready["address"],
            exchange=str(self.folder / "hub.sock"),
            certificate=self.sign(identity.request, "client"),
            ca=self.authority.certificate.decode(),
            config=wide_link_of_client(),
        )
        async with open_client(attachment, identity, asynchronous=True) as client:
            yield client

    async def close(self) -> None:
        for launcher, _ in self.sites.values():
            jobs = (await launcher.poll()).jobs
            await launcher.cancel([job.name for job in jobs])
            await launcher.forget([job.name for job in jobs])
        for process in self.processes[::-1]:
            if process.returncode is None:
                process.terminate()
        for process in self.processes:
            async with asyncio.timeout(20):
                await process.wait()
        for _, transport in self.sites.values():
            await transport.close()
        self.writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _like(agents, ticket: dict) -> list:
    wanted = (ticket["job"], ticket["rank"])
    return [agent for agent in agents if (agent.job, agent.rank) == wanted]


@asynccontextmanager
async def started_home():
    before = json.loads(json.dumps(dask.config.config, default=str))
    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        home = Home(Path(folder))
        try:
            await home.start()
            yield home
        finally:
            await home.close()
            dask.config.config.clear()
            dask.config.config.update(before)


@pytest.fixture
async def home():
    async with started_home() as home:
        yield home

"""One probe at one site: a short job, what it and our side measure, and nothing of it left."""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jupyter_continuum.broker.clusters.ending import end_named
from jupyter_continuum.broker.clusters.job import JobEntry
from jupyter_continuum.broker.probes.trial import DERIVED, Door
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.errors import CarrierDenied, ContinuumError, SiteError, SubmitRefused
from jupyter_continuum.paths import socket_dir
from jupyter_continuum.planning.reach import WORDS
from jupyter_continuum.planning.reconcile import Phase
from jupyter_continuum.planning.resolve import ResolvedGroup
from jupyter_continuum.sites.interpreter import job_python
from jupyter_continuum.sites.probe import NO_PYTHON
from jupyter_continuum.sites.probe.facts import OWN, Dial, Facts, is_measured, read_facts
from jupyter_continuum.sites.protocols import Agent, Carrier, JobRequest, LendsPort

LOOK_SECONDS = 0.2
"""Between glances at what the session has seen; the site is not asked for it."""
LOG_SECONDS = 1.0
PROGRAM_SECONDS = 100
"""The program ends itself after so long, whoever forgets it."""
MEASURE_SECONDS = 75
"""From the job's start until all must be known."""
GONE_SECONDS = 30
HERE = frozenset({"local", "emulated"})
"""Kinds of sites on this machine: the probe's door is a Unix socket there."""


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """What is to be probed."""

    group: ResolvedGroup
    wait_seconds: float
    """In the queue, at most."""
    outbound: tuple[str, int]
    """Dialled from the node."""


class Probe:
    """``run`` once, and ``end`` however that ended."""

    def __init__(self, session: Session, order: Order, tell: Callable[[str], None]) -> None:
        """``tell`` is called with how far it is, in words for a person."""
        self._session = session
        self._order = order
        self._tell = tell
        self._nonce = secrets.token_hex(16)
        self._token = secrets.token_hex(32)
        self._job = JobEntry(name=f"jc-probe-{session.site}-{secrets.token_hex(4)}", number=0)
        self._seen_at: float | None = None
        self._refused = False
        self._ending = False
        self._own = Facts()
        """What this side has measured so far."""

    @property
    def job(self) -> str:
        return self._job.name

    async def run(self) -> Facts:
        """What was measured, which may be a part. ContinuumError where nothing was."""
        await self._submit()
        await self._until_it_runs()
        return await self._measure()

    async def end(self) -> None:
        """See to it that nothing is left. SiteError when that is not certain."""
        self._ending = True
        self._tell("Removing the probe's job.")
        doubtful = self._job.submitted_at is None and not self._refused
        await end_named(self._session, [self.job], doubtful=doubtful)

    async def _submit(self) -> None:
        self._tell("Submitting a job of at most 2 minutes.")
        request = self._request()
        try:
            found = await self._session.attempt(lambda: self._session.launcher.submit(request))
        except SubmitRefused:
            self._refused = True
            raise
        self._job.submitted_at = time.time()
        self._job.observe(found, time.time())
        self._session.expect(self.job, self._awaits_agent)
        self._session.hurry()

    def _request(self) -> JobRequest:
        group, session = self._order.group, self._session
        login = session.profile.ssh
        host, port = self._order.outbound
        told = {
            "nonce": self._nonce,
            "token": self._token,
            "listen": "unix" if session.profile.kind in HERE else "tcp",
            "outbound": {"host": host, "port": port},
            "login": [{"host": login.host, "port": login.port}] if login else [],
            "python": job_python(session.profile.kind, group.python),
            "seconds": PROGRAM_SECONDS,
        }
        return JobRequest(
            name=self.job,
            partition=group.partition,
            account=group.account,
            qos=group.qos,
            cpus_per_worker=group.cpus_per_worker,
            memory_gb_per_worker=group.memory_gb_per_worker,
            gpus_per_worker=group.gpus_per_worker,
            gpu_type=group.gpu_type,
            walltime_seconds=group.walltime_seconds,
            python=group.python,
            join=[json.dumps(told).encode()],
            prologue=group.prologue,
            program="probe",
        )

    # Waiting -------------------------------------------------------------------------------

    async def _until_it_runs(self) -> None:
        end = time.monotonic() + self._order.wait_seconds
        # An agent may be seen before the queue is looked at again.
        while self._waits() and self._agent() is None:
            waiting = self._job.waiting_for()
            pending = f"PENDING{': ' if waiting else ''}{waiting}"
            self._tell(pending if self._session.ready else self._session.reason)
            if time.monotonic() > end:
                minutes = self._order.wait_seconds / 60
                raise ContinuumError(
                    f"{self._order.group.offer}: the probe did not start within {minutes:g} min "
                    f"({waiting or 'it is in the queue'}) and was cancelled. Wait longer "
                    "(`--wait MINUTES`) or name another offer (`--offer SITE/OFFER`)."
                )
            await asyncio.sleep(LOOK_SECONDS)
            self._observe()

    def _waits(self) -> bool:
        return self._job.phase is not Phase.RUNNING and not self._job.over

    def _observe(self) -> None:
        """Take over what the session saw of the job last."""
        status = self._session.status
        seen = {job.name: job for job in status.jobs} if status else {}
        if found := seen.get(self.job):
            self._seen_at = time.monotonic()
            self._job.observe(found, time.time())
        elif self._session.ready and self._is_missed():
            raise SiteError(f"{self._session.site} no longer knows the probe's job. Try again.")

    def _is_missed(self) -> bool:
        """It was listed, and has not been for long."""
        return self._seen_at is not None and time.monotonic() - self._seen_at > GONE_SECONDS

    def _awaits_agent(self) -> bool:
        return not (self._ending or self._job.over or self._agent())

    def _agent(self) -> Agent | None:
        return self._session.agents.get((self.job, 0))

    # Measuring -----------------------------------------------------------------------------

    async def _measure(self) -> Facts:
        self._tell("The probe runs; it looks round on the node.")
        try:
            async with asyncio.timeout(MEASURE_SECONDS):
                agent = await self._until_announced()
                if agent is not None:
                    await self._try_carriers(agent)
                log = await self._until_measured()
        except TimeoutError:
            log = await self._log()
        self._tell("Reading what the probe found.")
        found, odd = read_facts(log, self._nonce)
        if odd:
            print(f"{self._session.site}: the probe's {', '.join(odd)} are odd", flush=True)
        if found.node is None:
            raise ContinuumError(self._nothing_found(log))
        return found.model_copy(update={name: getattr(self._own, name) for name in OWN})

    async def _until_announced(self) -> Agent | None:
        """The probe's door; None when the job is over before it opens one."""
        while not self._job.over:
            if (agent := self._agent()) is not None:
                return agent
            await asyncio.sleep(LOOK_SECONDS)
            self._observe()
        return None

    async def _until_measured(self) -> str:
        while True:
            over = self._job.over
            log = await self._log()
            if over or is_measured(log, self._nonce):
                return log
            await asyncio.sleep(LOG_SECONDS)
            self._observe()

    async def _log(self) -> str:
        return await self._session.attempt(lambda: self._session.launcher.log(self.job))

    async def _try_carriers(self, agent: Agent) -> None:
        """What only this side can measure; kept one by one, should the time run out.

        One carrier after the other, so that none takes another's bandwidth.
        """
        usable: list[Carrier] = []
        with tempfile.TemporaryDirectory(prefix="p", dir=socket_dir()) as folder:
            door = Door(agent, self._token, Path(folder))
            for carrier in self._session.carriers:
                if carrier.name in DERIVED:
                    continue
                self._tell(f"Sending bytes by {WORDS[carrier.name]}.")
                trial = await door.trial(carrier)
                usable += [carrier] if trial.works else []
                trials = (*(self._own.trials or ()), trial)
                self._own = self._own.model_copy(update={"trials": trials})
            if usable:
                dial = await self._gateway_ports(door, usable[0])
                self._own = self._own.model_copy(update={"gateway_ports": dial})

    async def _gateway_ports(self, door: Door, carrier: Carrier) -> Dial | None:
        """Whether nodes can dial what our side asks the login node to listen on."""
        transport, login = self._session.transport, self._session.profile.ssh
        if not isinstance(transport, LendsPort) or login is None:
            return None
        try:
            async with transport.lend_port(self._nonce.encode()) as port:
                return await door.dial_back(carrier, port)
        except CarrierDenied:
            return Dial(host=login.host, port=login.port, outcome="turned away", milliseconds=0.0)
        except (ContinuumError, OSError, TimeoutError) as error:
            print(f"{self._session.site}: GatewayPorts not measured: {error!r}", flush=True)
            return None

    def _nothing_found(self, log: str) -> str:
        site = self._session.site
        if NO_PYTHON in log:
            return (
                f"{site}: no python3 (3.6 or later) was found on the node, so nothing could be "
                "measured there. Name one in the profile (`--python FILE`), or load one in its "
                "prologue."
            )
        words = [line for line in map(one_line, log.splitlines()) if line]
        why = ": ".join(part for part in (self._job.reason, words[-1] if words else "") if part)
        return f"{site}: the probe ended before it found anything ({why or 'no reason given'})."

"""What every Launcher keeps."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

import pytest

from jupyter_continuum.errors import SubmitRefused
from jupyter_continuum.sites.probe.facts import is_measured, read_facts
from jupyter_continuum.sites.protocols import (
    Agent,
    Endpoint,
    Job,
    JobRequest,
    JobState,
    Launcher,
)

WAIT_SECONDS = 60
"""A queue of a test site may take this long."""
RANK = "rank=${SLURM_PROCID:-${JC_RANK:-0}}; for job; do :; done; "
ANNOUNCE = (
    'printf \'{"protocol":1,"rank":%s,"node":"n%s","endpoints":[{"host":"n","port":40%s}]}\' '
    '$rank $rank 00 > "$job/.new-$rank"; mv "$job/.new-$rank" "$job/agent-$rank.json"; '
)
STAY = "exec sleep 300"


class LauncherTests:
    """What every Launcher keeps. A subclass gives ``launcher`` and ``stub``."""

    REFUSED: ClassVar[tuple[dict[str, Any], ...]] = (
        {"name": "jc-a\nb"},
        {"name": "jc-$(id)"},
        {"name": "../../etc"},
    )
    """Fields that must never reach a script; a subclass adds its own."""

    fields: ClassVar[dict[str, Any]] = {}
    """More of a JobRequest: what this site wants to be named."""

    @pytest.fixture
    async def launcher(self) -> AsyncIterator[Launcher]:
        raise NotImplementedError

    @pytest.fixture
    def stub(self) -> Callable[[str], str]:
        """Writes shell lines as an executable at the site that stands in for ``python``."""
        raise NotImplementedError

    @pytest.fixture
    async def job(
        self, launcher: Launcher, stub: Callable[[str], str]
    ) -> AsyncIterator[Callable[..., JobRequest]]:
        """Makes requests; their jobs are gone after the test."""
        names: list[str] = []

        def make(lines: str, **changes: Any) -> JobRequest:
            names.append(f"jc-contract-g-{secrets.token_hex(4)}")
            values: dict[str, Any] = {
                "name": names[-1],
                "python": stub(RANK + lines),
                "join": (b'{"s":0}',),
                "walltime_seconds": 300,
            }
            return JobRequest(**(values | self.fields | changes))

        yield make
        await launcher.cancel(names)
        for name in names:
            await settled(launcher, name)
        await launcher.forget(names)

    async def test_a_job_that_runs_has_an_agent(
        self, launcher: Launcher, job: Callable[..., JobRequest]
    ) -> None:
        request = job(ANNOUNCE + STAY, join=[b'{"token":"not for others"}'])
        assert "not for others" not in launcher.script(request)
        submitted = await launcher.submit(request)
        assert submitted.name == request.name
        (agent,) = await announced(launcher, request.name, 1)
        assert agent.rank == 0
        (found,) = [one for one in (await launcher.poll()).jobs if one.name == request.name]
        assert (found.state, found.id) == (JobState.RUNNING, submitted.id)
        assert [each for each in (await launcher.poll()).agents if each.job == request.name]

    async def test_a_name_is_submitted_once(
        self, launcher: Launcher, job: Callable[..., JobRequest]
    ) -> None:
        request = job(ANNOUNCE + STAY)
        first = await launcher.submit(request)
        second = await launcher.submit(request)
        assert first.id == second.id
        jobs = [one for one in (await launcher.poll()).jobs if one.name == request.name]
        assert len(jobs) == 1

    async def test_a_cancelled_job_ends_and_says_so(
        self, launcher: Launcher, job: Callable[..., JobRequest]
    ) -> None:
        request = job(ANNOUNCE + STAY)
        await launcher.submit(request)
        await announced(launcher, request.name, 1)
        await launcher.cancel([request.name])
        ended = await settled(launcher, request.name)
        assert ended is not None
        assert ended.state is JobState.CANCELLED

    async def test_a_job_that_fails_says_why(
        self, launcher: Launcher, job: Callable[..., JobRequest]
    ) -> None:
        request = job("echo not found >&2; exit 7")
        await launcher.submit(request)
        ended = await settled(launcher, request.name)
        assert ended is not None
        assert ended.state is JobState.FAILED
        assert "7" in ended.reason
        assert "not found" in await launcher.log(request.name)

    async def test_a_job_that_ends_well_has_ended(
        self, launcher: Launcher, job: Callable[..., JobRequest]
    ) -> None:
        request = job("exit 0")
        await launcher.submit(request)
        ended = await settled(launcher, request.name)
        assert ended is not None
        assert ended.state is JobState.ENDED

    async def test_forgetting_leaves_nothing(
        self, launcher: Launcher, job: Callable[..., JobRequest]
    ) -> None:
        request = job(ANNOUNCE + "exit 0")
        await launcher.submit(request)
        await settled(launcher, request.name)
        await launcher.forget([request.name])
        assert request.name not in {agent.job for agent in await launcher.agents()}
        assert await launcher.log(request.name) == ""

    async def test_a_probe_travels_with_its_job(
        self, launcher: Launcher, job: Callable[..., JobRequest]
    ) -> None:
        nonce = secrets.token_hex(16)
        told: dict[str, Any] = {
            "nonce": nonce,
            "token": secrets.token_hex(32),
            "listen": "tcp",
            "outbound": {"host": "127.0.0.1", "port": 9},
            "login": [],
            "python": "python3",
            "seconds": 60,
        }
        secret = json.dumps(told).encode()
        request = job("", join=[secret], python="/nowhere/python", program="probe")
        assert told["token"] not in launcher.script(request)
        await launcher.submit(request)
        (agent,) = await announced(launcher, request.name, 1)
        assert all(endpoint.port for endpoint in agent.endpoints)
        async with asyncio.timeout(WAIT_SECONDS):
            while not is_measured(log := await launcher.log(request.name), nonce):
                await asyncio.sleep(0.1)
        facts, odd = read_facts(log, nonce)
        assert (facts.node is None, facts.architecture is None, odd) == (False, False, ())
        assert told["token"] not in log

    async def test_unknown_names_are_no_error(self, launcher: Launcher) -> None:
        name = f"jc-nobody-g-{secrets.token_hex(4)}"
        await launcher.cancel([name])
        await launcher.forget([name])
        assert await launcher.log(name) == ""

    async def test_signs_that_a_shell_would_read_are_refused(
        self, launcher: Launcher, job: Callable[..., JobRequest]
    ) -> None:
        for changes in self.REFUSED:
            fields: dict[str, Any] = {"name": f"jc-x-g-{secrets.token_hex(4)}", "join": (b"{}",)}
            request = JobRequest(**(fields | changes))
            with pytest.raises(SubmitRefused):
                launcher.script(request)
            with pytest.raises(SubmitRefused):
                await launcher.submit(request)

    async def test_offers_are_told(self, launcher: Launcher) -> None:
        status = await launcher.poll()
        assert status.offers
        assert all(offer.nodes_free is None or offer.nodes_free >= 0 for offer in status.offers)
        assert isinstance(await launcher.associations(), tuple)


class FolderLauncherTests(LauncherTests):
    """What a Launcher keeps too whose jobs have a folder at the site: agents announce there."""

    async def test_a_job_starts_announces_itself_and_can_be_read(
        self, launcher: Launcher, job: Callable[..., JobRequest]
    ) -> None:
        secret = b'{"token":"not for others"}'
        request = job('cat "$job/join-$rank.json"; ls -l "$job"; ' + ANNOUNCE + STAY, join=[secret])
        assert "not for others" not in launcher.script(request)
        submitted = await launcher.submit(request)
        assert submitted.name == request.name
        agent = (await announced(launcher, request.name, 1))[0]
        assert (agent.rank, agent.node) == (0, "n0")
        assert agent.endpoints == (Endpoint(host="n", port=4000),)
        (found,) = [one for one in (await launcher.poll()).jobs if one.name == request.name]
        assert (found.state, found.id) == (JobState.RUNNING, submitted.id)
        log = await launcher.log(request.name)
        assert secret.decode() in log
        assert "-rw------- " in next(line for line in log.splitlines() if "join-0" in line)

    async def test_odd_announcements_are_left_out(
        self, launcher: Launcher, job: Callable[..., JobRequest]
    ) -> None:
        odd = (
            'echo "no json" > "$job/agent-1.json"; '
            'echo \'{"protocol":1,"rank":2,"node":"$(id)","endpoints":[]}\' > "$job/agent-2.json"; '
            'echo \'{"protocol":1,"rank":3,"node":"n","endpoints":[{"path":"/etc/g0.sock"}]}\''
            ' > "$job/agent-3.json"; '
        )
        request = job(odd + ANNOUNCE + STAY)
        await launcher.submit(request)
        agents = await announced(launcher, request.name, 1)
        assert [agent.rank for agent in agents] == [0]
        polled = [agent for agent in (await launcher.poll()).agents if agent.job == request.name]
        assert polled == agents


async def announced(launcher: Launcher, name: str, number: int) -> list[Agent]:
    """The agents of a job, once there are ``number``; fails with its log when it has ended."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            found = [agent for agent in await launcher.agents() if agent.job == name]
            if len(found) >= number:
                return found
            (job,) = [job for job in (await launcher.poll()).jobs if job.name == name]
            if job.state not in (JobState.QUEUED, JobState.RUNNING):
                pytest.fail(f"{job} announced nothing:\n{await launcher.log(name)}")
            await asyncio.sleep(0.05)


async def settled(launcher: Launcher, name: str) -> Job | None:
    """The job once it neither waits nor runs; None when the site does not know it."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            found = [job for job in (await launcher.poll()).jobs if job.name == name]
            if not found or found[0].state not in (JobState.QUEUED, JobState.RUNNING):
                return found[0] if found else None
            await asyncio.sleep(0.05)

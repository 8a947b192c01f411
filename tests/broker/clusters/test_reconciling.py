"""Session and Group against a site in memory that fails in every way a real one can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from jupyter_continuum.broker.clusters.ending import end_jobs
from jupyter_continuum.broker.clusters.group import Group
from jupyter_continuum.broker.clusters.job import AgentEntry, JobEntry
from jupyter_continuum.broker.messages.sites import SiteState
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.errors import (
    BrokerError,
    SignInRequired,
    SiteUnreachable,
    SubmitRefused,
)
from jupyter_continuum.planning.ceilings import FINE, Step
from jupyter_continuum.planning.reconcile import Phase
from jupyter_continuum.sites.profile import Profile
from jupyter_continuum.sites.protocols import Agent, Job, JobRequest, JobState, SiteStatus
from tests.broker.clusters.test_joining import GROUP


class Site:
    """Transport and Launcher in one; ``fault`` is raised by whatever is asked next."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.fault: Exception | None = None
        self.refusal: Exception | None = None
        """Raised by submits alone."""
        self.dialled = 0
        self.submits: list[str] = []
        self.answer = asyncio.Event()
        """Submits wait for it: a site that is slow."""
        self.answer.set()

    async def connect(self) -> None:
        self.dialled += 1
        self._fail()

    async def close(self) -> None:
        pass

    async def associations(self) -> tuple[()]:
        return ()

    async def poll(self) -> SiteStatus:
        self._fail()
        return SiteStatus(observed=datetime.now(UTC), jobs=tuple(self.jobs.values()))

    async def agents(self) -> tuple[Agent, ...]:
        return ()

    async def submit(self, request: JobRequest) -> Job:
        self.submits.append(request.name)
        if self.refusal is not None:
            raise self.refusal
        job = Job(request.name, "1", JobState.RUNNING)
        # A cancelled caller does not stop the site.
        asyncio.get_running_loop().create_task(self._take(job))
        await self.answer.wait()
        return job

    async def _take(self, job: Job) -> None:
        await self.answer.wait()
        self.jobs[job.name] = job

    async def cancel(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self.jobs:
                self.jobs[name] = replace(self.jobs[name], state=JobState.CANCELLED)

    async def forget(self, names: Sequence[str]) -> None:
        pass

    async def log(self, name: str) -> str:
        return "\x1b[31mred\x07 words\n"

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault


class Owner:
    """The cluster of one group."""

    name, id, lease_seconds = "main", "0a0b0c", 600

    def __init__(self, session: Session) -> None:
        self._session = session
        self.disk_is_full = False

    def session(self, site: str) -> Session:
        return self._session

    def ceiling(self, site: str) -> Step:
        return FINE

    def save(self) -> None:
        if self.disk_is_full:
            raise BrokerError("The disk is full.")

    def ready_workers(self, job: JobEntry) -> list[str]:
        return []

    async def unlink(self, site: str, job: JobEntry) -> None:
        pass

    def changed(self, *_: Any) -> None:
        pass

    save_later = retire = end_agents = link = remember = changed


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def session(site: Site) -> AsyncIterator[Session]:
    profile = Profile(site="north", kind="slurm")
    wake: list[Group] = []
    opened = Session(
        profile,
        site,  # type: ignore[arg-type]  # forwards are not asked for
        site,  # type: ignore[arg-type]
        lambda _: [group.wake() for group in wake] and None,
    )
    opened.groups = wake  # type: ignore[attr-defined]
    yield opened
    await opened.close()


@pytest.fixture
async def group(session: Session) -> AsyncIterator[Group]:
    made = Group(Owner(session), GROUP, 1)  # type: ignore[arg-type]
    session.groups.append(made)  # type: ignore[attr-defined]
    await session.sign_in()
    session.start()
    yield made
    await made.close()


async def until(met: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not met():
            await asyncio.sleep(0.01)


async def test_a_session_outlives_a_fault_of_its_own(
    site: Site, session: Session, capfd: pytest.CaptureFixture[str]
) -> None:
    site.fault = ZeroDivisionError("a fault")
    session.start()
    await until(lambda: session.state is SiteState.UNREACHABLE)
    assert "a fault" in session.reason
    site.fault = None
    session.hurry()
    await until(lambda: session.ready)
    assert "ZeroDivisionError" in capfd.readouterr().err


async def test_a_site_that_wants_the_person_is_not_dialled_again(
    site: Site, session: Session
) -> None:
    site.fault = SignInRequired("A code, please.")
    session.start()
    await until(lambda: session.state is SiteState.SIGN_IN)
    dialled = site.dialled
    for _ in range(3):
        session.hurry()
        with pytest.raises(SignInRequired, match="A code"):
            await session.attempt(lambda: site.cancel([]))
        with pytest.raises(SignInRequired):
            await session.look()
    assert site.dialled == dialled
    site.fault = None
    await session.sign_in()
    assert session.ready


async def test_agents_of_jobs_that_are_gone_are_forgotten(site: Site, session: Session) -> None:
    session.agents["jc-old-north-00000000", 0] = Agent("jc-old-north-00000000", 0, "n1", ())
    await session.sign_in()
    assert session.agents == {}


async def test_a_group_outlives_a_fault_of_its_own(
    group: Group, site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    group.plan = replace(GROUP, nodes="two")  # type: ignore[arg-type]
    monkeypatch.setattr("random.uniform", lambda *_: 0.01)
    group.start()
    await until(lambda: "Trying again" in group.reason)
    group.plan = GROUP
    await until(lambda: site.jobs)
    assert "TypeError" in capfd.readouterr().err


async def test_nothing_is_submitted_that_could_not_be_written_down(
    group: Group, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0.01)
    group.owner.disk_is_full = True  # type: ignore[attr-defined]
    group.start()
    await until(lambda: "The disk is full" in group.reason)
    assert (site.submits, group.jobs) == ([], [])
    group.owner.disk_is_full = False  # type: ignore[attr-defined]
    await until(lambda: site.jobs)


async def test_a_submit_under_way_is_waited_for_when_the_cluster_stops(
    group: Group, site: Site
) -> None:
    site.answer.clear()
    group.start()
    await until(lambda: site.submits)
    closing = asyncio.create_task(group.close(finish_seconds=10))
    await asyncio.sleep(0)
    site.answer.set()
    await closing
    await end_jobs(group)
    assert [job.state for job in site.jobs.values()] == [JobState.CANCELLED]


async def test_a_job_that_comes_late_is_ended_all_the_same(
    group: Group, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answer.clear()
    group.start()
    await until(lambda: site.submits)
    await group.close(finish_seconds=0.05)
    assert group.jobs[0].phase is Phase.SUBMITTING
    asyncio.get_running_loop().call_later(1, site.answer.set)
    await end_jobs(group)
    assert [job.state for job in site.jobs.values()] == [JobState.CANCELLED]


async def test_a_submit_without_an_answer_is_asked_again_by_the_same_name(
    group: Group, site: Site
) -> None:
    site.refusal = SiteUnreachable("No answer.")
    group.start()
    await until(lambda: group.jobs and group.jobs[0].reason == "No answer.")
    site.refusal = None
    await until(lambda: site.jobs)
    assert len(site.submits) == 2
    assert len(set(site.submits)) == 1
    assert list(site.jobs) == [group.jobs[0].name]


async def test_a_fault_in_a_submit_is_a_miss_and_said(
    group: Group, site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    site.refusal = ZeroDivisionError("a fault")
    group.start()
    await until(lambda: group.jobs and "a fault" in group.jobs[0].reason)
    site.refusal = None
    await until(lambda: site.jobs)
    assert "ZeroDivisionError" in capfd.readouterr().err


async def test_a_refused_job_is_not_submitted_again_before_the_person_scales(
    group: Group, site: Site
) -> None:
    site.refusal = SubmitRefused("No account.")
    group.start()
    await until(lambda: group.failed)
    assert group.reason == "No account."
    site.refusal = None
    group.wake()
    await until(lambda: not group._wake.is_set())
    assert len(site.submits) == 1
    group.scale(1)
    await until(lambda: site.jobs)


async def test_a_site_that_fails_a_submit_is_looked_at_at_once(group: Group, site: Site) -> None:
    site.fault = SiteUnreachable("Gone.")
    group.start()
    session = group.owner.session("north")
    assert session is not None
    await until(lambda: session.state is SiteState.UNREACHABLE)
    site.fault = None
    await until(lambda: site.jobs)  # though an idle site is looked at once a minute


async def test_a_refused_environment_is_not_submitted_again(group: Group, site: Site) -> None:
    group.start()
    await until(lambda: group.jobs and group.jobs[0].phase is Phase.RUNNING)
    group.refuse("Python is 3.9 there.")
    (name,) = site.jobs
    site.jobs[name] = replace(site.jobs[name], state=JobState.FAILED, reason="exit 1")
    await group.owner.session("north").look()  # type: ignore[union-attr]
    await until(lambda: group.failed)
    assert group.reason == "Python is 3.9 there."
    assert len(site.submits) == 1


async def test_last_words_of_a_job_cannot_steer_a_terminal(group: Group, site: Site) -> None:
    group.start()
    await until(lambda: site.jobs)
    (name,) = site.jobs
    site.jobs[name] = replace(site.jobs[name], state=JobState.FAILED, reason="exit 1, \x1b[2Jwhy")
    await group.owner.session("north").look()  # type: ignore[union-attr]
    await until(lambda: "words" in group.jobs[0].reason)
    assert group.jobs[0].reason == "exit 1, [2Jwhy: [31mred words"


@pytest.mark.parametrize(
    "reason", ["SIGKILL", "killed", "TIMEOUT", "NODE_FAIL, exit 1", "exit 137", "signal 9"]
)
async def test_a_killed_jobs_last_words_are_no_reason(
    group: Group, site: Site, reason: str
) -> None:
    group.start()
    await until(lambda: site.jobs)
    (name,) = site.jobs
    site.jobs[name] = replace(site.jobs[name], state=JobState.FAILED, reason=reason)
    await group.owner.session("north").look()  # type: ignore[union-attr]
    await until(lambda: group.jobs[0].over)
    await asyncio.gather(*group._side)
    assert group.jobs[0].reason == reason


async def test_a_job_whose_end_was_not_heard_is_ended_after_a_restart(
    group: Group, site: Site
) -> None:
    job = JobEntry.plan("main", GROUP, 0)
    job.phase, job.submitted_at, job.cancelled_here = Phase.RUNNING, 1.0, True
    site.jobs[job.name] = Job(job.name, "1", JobState.RUNNING)
    group.jobs.append(JobEntry.from_disk(job.to_disk()))
    group.wanted = 0
    group.start()
    await until(lambda: site.jobs[job.name].state is JobState.CANCELLED)


def test_a_planned_job_found_on_disk_may_be_known_to_the_site() -> None:
    job = JobEntry.plan("main", GROUP, 0)
    assert JobEntry.from_disk(job.to_disk()).phase is Phase.SUBMITTING
    assert JobEntry.from_disk(job.to_disk()).agents == [
        AgentEntry(agent.rank, agent.id, agent.token) for agent in job.agents
    ]

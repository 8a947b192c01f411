"""The emulated site: its queue is a pure function, its link is slow as told."""

from __future__ import annotations

import asyncio
import secrets
import socket
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyter_continuum.errors import SiteError, SiteUnreachable, SubmitRefused
from jupyter_continuum.sites.emulation import EmulatedSite, Fault
from jupyter_continuum.sites.here.conditions import Conditions
from jupyter_continuum.sites.here.emulated import EmulatedLauncher, EmulatedTransport
from jupyter_continuum.sites.here.job_folder import JobFolder
from jupyter_continuum.sites.here.shaping import Line
from jupyter_continuum.sites.protocols import Endpoint, JobRequest, JobState
from jupyter_continuum.sites.testing import (
    ANNOUNCE,
    STAY,
    FolderLauncherTests,
    announced,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def short_folder():
    """A folder whose path leaves room for a Unix socket's name."""
    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        yield Path(folder)


def launcher(folder: Path = Path("/nowhere"), **settings: float) -> EmulatedLauncher:
    settings = {"queue_seconds": 0, "nodes": 2, "cpus_per_node": 4} | settings
    return EmulatedLauncher(Conditions(EmulatedSite(**settings), "far"), folder)


def folder_of(name: str, *, at: float = 0, state: JobState = JobState.QUEUED, **about) -> JobFolder:
    about = {"nodes": 1, "cpus": 1, "walltime": timedelta(minutes=10)} | about
    return JobFolder(
        path=Path("/jobs"), name=name, submitted=NOW + timedelta(seconds=at), state=state, **about
    )


def running(name: str, *nodes: str, **about) -> JobFolder:
    return folder_of(
        name,
        state=JobState.RUNNING,
        started=NOW,
        node_names=nodes,
        **{"nodes": len(nodes)} | about,
    )


# The queue -------------------------------------------------------------------------------


def test_job_waits_for_the_queue_and_knows_until_when():
    site = launcher(queue_seconds=30)
    job = folder_of("jc-a")
    turn = site.turns([job], NOW)["jc-a"]
    assert (turn.nodes, turn.reason, turn.expected) == ((), "Priority", NOW + timedelta(seconds=30))
    assert site.turns([job], NOW + timedelta(seconds=30))["jc-a"].nodes == ("far-n1",)


def test_job_waits_for_resources_until_a_running_one_must_end():
    jobs = [running("jc-r", "far-n1", "far-n2", cpus=4), folder_of("jc-a", cpus=2)]
    turn = launcher().turns(jobs, NOW + timedelta(minutes=1))["jc-a"]
    assert (turn.nodes, turn.reason) == ((), "Resources")
    assert turn.expected == NOW + timedelta(minutes=10)


def test_nobody_overtakes():
    jobs = [
        running("jc-r", "far-n1", cpus=3),
        folder_of("jc-big", nodes=2, cpus=4),
        folder_of("jc-small", at=1, cpus=1),
    ]
    turns = launcher().turns(jobs, NOW + timedelta(seconds=2))
    assert turns["jc-big"].reason == "Resources"
    assert (turns["jc-small"].nodes, turns["jc-small"].reason) == ((), "Priority")


def test_jobs_share_nodes_but_not_cpus():
    jobs = [folder_of(f"jc-{number}", at=number, cpus=2) for number in range(5)]
    turns = launcher().turns(jobs, NOW + timedelta(seconds=9))
    assert [turns[f"jc-{n}"].nodes for n in range(5)] == [
        ("far-n1",),
        ("far-n1",),
        ("far-n2",),
        ("far-n2",),
        (),
    ]


def test_job_over_its_walltime_holds_its_node_until_it_is_gone():
    jobs = [running("jc-r", "far-n1", cpus=4), folder_of("jc-a", cpus=4)]
    late = NOW + timedelta(minutes=11)
    assert launcher(nodes=1).turns(jobs, late)["jc-a"].nodes == ()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"nodes": 3}, "has 2 nodes"),
        ({"cpus_per_worker": 5}, "has 4"),
        ({"gpus_per_worker": 1}, "no GPUs"),
        ({"memory_gb_per_worker": 1e6}, "GB were asked"),
        ({"walltime_seconds": 7200}, "over the limit of 60"),
        ({"partition": "gpu"}, "far/cpu"),
    ],
)
def test_what_the_site_never_has_is_refused_in_one_sentence(asked, words):
    with pytest.raises(SubmitRefused, match=words) as refusal:
        launcher().check(JobRequest(name="jc-a-b-1", **asked))
    assert "\n" not in str(refusal.value)


# What goes wrong --------------------------------------------------------------------------


async def test_a_timed_fault_counts_from_the_first_job_that_started():
    storm = Fault(after_seconds=60, for_seconds=30, away=True)
    conditions = Conditions(EmulatedSite(faults=(storm,)), "far")
    late = NOW + timedelta(seconds=89)
    await conditions.look([folder_of("jc-waits")], late)
    jobs = [running("jc-r", "far-n1"), folder_of("jc-waits")]
    with pytest.raises(SiteUnreachable, match="far, an imitation, is cut off on purpose"):
        await conditions.look(jobs, late)
    await conditions.look(jobs, NOW + timedelta(seconds=90))


async def test_a_fault_lasts_as_long_as_the_file_that_its_instructor_wrote(tmp_path):
    word = tmp_path / "storm"
    storm = Fault(when_file=str(word), delay_ms=400)
    conditions = Conditions(EmulatedSite(delay_ms=10, faults=(storm,)), "far")
    with pytest.raises(SiteError, match="no fault that waits to be told"):
        conditions.begin(None, NOW)
    delays = []
    for change in (lambda: None, word.touch, word.unlink):
        change()
        await conditions.look((), datetime.now(UTC) + timedelta(seconds=1))
        delays.append(conditions.now.delay_ms)
    assert delays == [10, 400, 10]


async def test_on_nodes_that_are_down_jobs_end_and_none_starts():
    site = launcher(queue_seconds=0)
    jobs = [running("jc-r", "far-n1"), folder_of("jc-a")]
    site.conditions.begin(Fault(down=True), NOW)
    await site.conditions.look(jobs, NOW)
    assert site.ends(jobs[0], NOW) == "NODE_FAIL"
    turn = site.turns(jobs, NOW)["jc-a"]
    assert (turn.nodes, turn.reason) == ((), "Nodes down")
    (offer,) = site.offers(jobs)
    assert (offer.state, offer.nodes_free) == ("DOWN", 0)
    site.conditions.end(NOW)
    await site.conditions.look(jobs, NOW)
    assert site.ends(jobs[0], NOW) == ""
    assert site.turns(jobs, NOW)["jc-a"].nodes


async def test_a_shorter_walltime_ends_jobs_that_have_run_longer():
    site, job = launcher(), running("jc-r", "far-n1")
    site.conditions.begin(Fault(max_walltime_minutes=2), NOW)
    await site.conditions.look([job], NOW)
    assert site.ends(job, NOW + timedelta(seconds=119)) == ""
    assert site.ends(job, NOW + timedelta(seconds=120)) == "TIMEOUT"


# The link --------------------------------------------------------------------------------


class Echo:
    """A gateway's stand-in that sends everything back and hangs up after the other side."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ended = asyncio.Event()

    async def __aenter__(self) -> Echo:
        self.server = await asyncio.start_unix_server(self._echo, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()
        self.ended.set()


@pytest.fixture
async def link(short_folder):
    """Open a shaped way to an echo: ``await link(delay_ms=..., rate_mbit=...)``."""
    transports: list[EmulatedTransport] = []
    async with Echo(short_folder / "g0.sock") as echo:

        async def open_link(**settings: float):
            transport = EmulatedTransport(Conditions(EmulatedSite(**settings)))
            transports.append(transport)
            forward = await transport.forward(
                Endpoint(path=str(echo.path)), short_folder / f"f{len(transports)}.sock"
            )
            reader, writer = await asyncio.open_unix_connection(forward.path)
            open_link.writers.append(writer)
            return reader, writer, forward, echo

        open_link.writers = []
        yield open_link
        for writer in open_link.writers:
            writer.close()
        for transport in transports:
            await transport.close()


async def test_round_trip_takes_twice_the_delay(link):
    reader, writer, *_ = await link(delay_ms=100, rate_mbit=1000)
    writer.write(b"x")
    await reader.readexactly(1)  # the dial is done
    trips = []
    for _ in range(5):
        start = time.perf_counter()
        writer.write(b"x")
        await reader.readexactly(1)
        trips.append(time.perf_counter() - start)
    assert 0.200 <= min(trips) < 0.300


async def test_rate_holds_in_each_direction_and_order_is_kept(link):
    reader, writer, *_ = await link(delay_ms=5, rate_mbit=80)
    sent = bytes(range(256)) * 16 * 256  # 1 MiB: 0.105 s at 10 MB/s
    start = time.perf_counter()
    writer.write(sent)
    received = await reader.readexactly(len(sent))
    seconds = time.perf_counter() - start
    assert received == sent
    assert seconds >= len(sent) / 10e6  # both directions run side by side


async def test_streams_share_the_rate():
    line = Line(delay_seconds=0.25, bytes_per_second=1000)
    assert line.depart(500, 0.0) == (0.5, 0.75)
    assert line.depart(500, 0.0) == (1.0, 1.25)
    assert line.depart(500, 5.0) == (5.5, 5.75)


async def test_half_close_passes_and_the_answer_still_comes(link):
    reader, writer, *_ = await link(delay_ms=1, rate_mbit=1000)
    writer.write(b"last words")
    writer.write_eof()
    assert await reader.read() == b"last words"


async def test_hang_up_reaches_the_other_side(link):
    _, writer, _, echo = await link(delay_ms=1, rate_mbit=1000)
    writer.transport.abort()
    async with asyncio.timeout(5):
        await echo.ended.wait()


async def test_closed_forward_leaves_no_socket_and_no_stream(link):
    reader, writer, forward, _ = await link(delay_ms=1, rate_mbit=1000)
    writer.write(b"x")
    await reader.readexactly(1)
    await forward.close()
    assert await reader.read() == b""
    assert not forward.path.exists()


async def test_no_tcp_port_listens(link):
    import psutil

    await link(delay_ms=1, rate_mbit=1000)
    own = psutil.Process().net_connections("tcp")
    assert not [each for each in own if each.status == psutil.CONN_LISTEN]
    assert socket.AF_UNIX  # the link itself is one


class TestEmulatedLauncher(FolderLauncherTests):
    REFUSED = (*FolderLauncherTests.REFUSED, {"nodes": 9}, {"walltime_seconds": 10**6})

    @pytest.fixture
    async def launcher(self, short_folder):
        return launcher(short_folder, queue_seconds=0.2)

    @pytest.fixture
    def stub(self, short_folder):
        def write(lines: str) -> str:
            path = short_folder / f"python-{secrets.token_hex(4)}"
            path.write_text(f"#!/bin/sh\n{lines}\n")
            path.chmod(0o700)
            return str(path)

        return write

    async def test_every_node_of_a_job_has_an_agent(self, launcher, job):
        request = job(ANNOUNCE + STAY, nodes=2, join=(b"{}", b"{}"))
        await launcher.submit(request)
        agents = await announced(launcher, request.name, 2)
        assert [agent.rank for agent in agents] == [0, 1]

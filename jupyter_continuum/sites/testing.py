"""The contract of Transport, Carrier and Launcher, as tests to inherit.

::

    class TestMySite(LauncherTests):
        @pytest.fixture
        async def launcher(self): ...
        @pytest.fixture
        def stub(self): ...

Needs pytest and pytest-asyncio in auto mode. The tests drive the real thing: commands
run, jobs are queued, bytes flow.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from jupyter_continuum.errors import SiteError, SiteUnreachable, SubmitRefused
from jupyter_continuum.paths import private_dir
from jupyter_continuum.sites.probe.facts import is_measured, read_facts
from jupyter_continuum.sites.protocols import (
    Agent,
    Carrier,
    CarrierName,
    Endpoint,
    Job,
    JobRequest,
    JobState,
    Launcher,
    Shell,
    Transport,
)

ECHO = """
import os, socketserver, sys, threading
os.umask(0o077)
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
folder = sys.argv[1]
socketserver.TCPServer.request_queue_size = 64
tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
unix = socketserver.ThreadingUnixStreamServer(folder + "/echo.sock", Echo)
threading.Thread(target=unix.serve_forever, daemon=True).start()
print(tcp.server_address[1], flush=True)
tcp.serve_forever()
"""
WAIT_SECONDS = 60
"""A queue of a test site may take this long."""


class TransportTests:
    """What every Transport keeps. A subclass gives ``transport``, connected."""

    @pytest.fixture
    async def transport(self) -> AsyncIterator[Transport]:
        raise NotImplementedError

    async def test_connecting_again_changes_nothing(self, transport: Transport) -> None:
        await transport.connect()
        await transport.connect()

    async def test_carriers_are_told_apart_by_name(self, transport: Transport) -> None:
        names = [carrier.name for carrier in transport.carriers]
        assert names
        assert len(names) == len({*names})


class ShellTests(TransportTests):
    """What every Shell keeps."""

    @pytest.fixture
    async def transport(self) -> AsyncIterator[Shell]:
        raise NotImplementedError

    async def test_status_output_and_error_come_back(self, transport: Shell) -> None:
        result = await transport.run("echo out; echo err >&2; exit 3")
        assert (result.status, result.stdout, result.stderr) == (3, "out\n", "err\n")

    async def test_a_command_is_shell_text_as_it_stands(self, transport: Shell) -> None:
        result = await transport.run(
            "for word in \"it's\" 'a  b' $(echo '$HOME;'); do echo $word; done"
        )
        assert result.stdout.split("\n")[:3] == ["it's", "a b", "$HOME;"]

    async def test_input_arrives_whole(self, transport: Shell) -> None:
        result = await transport.run("cksum", input=(data := os.urandom(300_000)))
        assert int(result.stdout.split()[1]) == len(data)
        back = await transport.run("od -An -v -tx1", input=data[:1000])
        assert bytes.fromhex("".join(back.stdout.split())) == data[:1000]

    async def test_a_command_may_leave_its_input(self, transport: Shell) -> None:
        assert (await transport.run("exit 4", input=bytes(2_000_000))).status == 4

    async def test_no_answer_in_time_is_site_unreachable(self, transport: Shell) -> None:
        with pytest.raises(SiteUnreachable):
            await transport.run("sleep 20", timeout_seconds=0.3)
        assert (await transport.run("echo on")).stdout == "on\n"

    @pytest.mark.parametrize("seconds", [None, 3], ids=["cancelled", "too late"])
    @pytest.mark.parametrize(
        "last",
        ["sleep 301; true", "trap '' TERM; sleep 301; true", "exit 0"],
        ids=["plain", "deaf", "ended before what it started"],
    )
    async def test_a_command_that_is_ended_early_ends_with_all_that_it_started(
        self, transport: Shell, seconds: float | None, last: str
    ) -> None:
        told = f"/tmp/jct-{secrets.token_hex(8)}"
        command = f"sleep 301 & sleep 301 >/dev/null 2>&1 & echo $$ $! > {told}; {last}"
        if seconds is not None:
            with pytest.raises(SiteUnreachable):
                await transport.run(command, timeout_seconds=seconds)
        else:
            running = asyncio.create_task(transport.run(command))
            while not (await transport.run(f"cat {told}; true")).stdout:
                pass
            running.cancel()
            await asyncio.wait([running])
            assert running.cancelled()
        pids = (await transport.run(f"cat {told}; rm {told}")).stdout.split()
        assert len(pids) == 2
        alive = f"ps -o stat= -p {','.join(pids)} | grep -v Z"
        async with asyncio.timeout(5):
            while (await transport.run(alive)).stdout:
                pass

    async def test_many_commands_at_once_all_come_back(self, transport: Shell) -> None:
        results = await asyncio.gather(*(transport.run(f"echo {n}") for n in range(16)))
        assert [int(result.stdout) for result in results] == list(range(16))

    async def test_a_command_runs_after_connecting_again(self, transport: Shell) -> None:
        await transport.connect()
        assert (await transport.run("true")).status == 0


class CarrierTests:
    """What every Carrier keeps. A subclass gives ``carrier``, ``agent`` and ``nobody``."""

    @pytest.fixture
    async def carrier(self) -> AsyncIterator[Carrier]:
        """At a site that answers."""
        raise NotImplementedError

    @pytest.fixture
    async def agent(self) -> AsyncIterator[Agent]:
        """Its gateway sends back what it gets."""
        raise NotImplementedError

    @pytest.fixture
    def nobody(self) -> Agent:
        """An agent that has gone: nobody listens where it said."""
        raise NotImplementedError

    @pytest.fixture
    def socket(self) -> Iterator[Path]:
        """Where a way may be opened: a path below 107 bytes, which pytest's own are not."""
        with tempfile.TemporaryDirectory(prefix="jct-") as folder:
            yield Path(folder) / "private" / "f.sock"

    async def test_bytes_go_both_ways_on_many_streams_at_once(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        forward = await carrier.open(agent, socket)
        assert forward.path == socket
        sent = os.urandom(3_000_000)
        parts = [sent, sent[:10], sent[5:500_000], *(sent[n : n + 1000] for n in range(20))]
        assert await asyncio.gather(*(echoed(socket, part) for part in parts)) == parts
        await forward.close()

    async def test_its_socket_is_its_owners_alone_and_goes_with_it(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        forward = await carrier.open(agent, socket)
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        await forward.close()
        assert not socket.exists()

    async def test_a_stale_socket_is_no_hindrance(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        (private_dir(socket.parent) / socket.name).touch()
        forward = await carrier.open(agent, socket)
        assert await echoed(socket, b"hello") == b"hello"
        await forward.close()

    async def test_it_can_be_opened_anew_at_the_same_path(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        for word in (b"once", b"again"):
            forward = await carrier.open(agent, socket)
            assert await echoed(socket, word) == word
            await forward.close()

    async def test_a_stream_that_is_not_read_holds_up_no_other(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        forward = await carrier.open(agent, socket)
        reader, writer = await asyncio.open_unix_connection(socket, limit=2**16)
        sent = 0
        try:
            while sent < 400 * 2**20:  # nobody holds so much for a reader that does not read
                writer.write(bytes(2**20))
                sent += 2**20
                async with asyncio.timeout(1):
                    await writer.drain()
        except TimeoutError:
            pass
        assert sent < 400 * 2**20, "the sender was never told to stop"
        assert await echoed(socket, b"others go on") == b"others go on"
        received = 0
        async with asyncio.timeout(60):
            while received < sent:
                received += len(await reader.read(2**20))
        writer.transport.abort()
        await forward.close()

    async def test_an_agent_that_has_gone_is_an_error(
        self, carrier: Carrier, nobody: Agent, socket: Path
    ) -> None:
        with pytest.raises(SiteError):
            await carrier.open(nobody, socket)


class DialledCarrierTests(CarrierTests):
    """What a Carrier keeps that dials endpoints, at a site with a Shell.

    A subclass gives ``transport`` and, where it has several carriers, ``NAME``.
    """

    NAME: ClassVar[CarrierName | None] = None

    @pytest.fixture
    async def transport(self) -> AsyncIterator[Shell]:
        raise NotImplementedError

    @pytest.fixture
    def carrier(self, transport: Shell) -> Carrier:
        wanted = self.NAME or transport.carriers[0].name
        return next(each for each in transport.carriers if each.name is wanted)

    @pytest.fixture
    async def servers(self, transport: Shell) -> AsyncIterator[dict[str, Endpoint]]:
        """Two servers at the site that send back what they get."""
        result = await transport.run(
            "d=$(mktemp -d); cat > $d/echo.py; "
            "python3 $d/echo.py $d > $d/port 2>/dev/null < /dev/null & p=$!; d=$(echo $d); "
            'while [ ! -s "$d/port" ]; do sleep 0.05; done; echo $p $d $(cat $d/port)',
            input=ECHO.encode(),
        )
        pid, folder, port = result.stdout.split()
        yield {
            "tcp": Endpoint(host="127.0.0.1", port=int(port)),
            "unix": Endpoint(path=f"{folder}/echo.sock"),
        }
        await transport.run(f"kill {pid}; rm -rf {folder}")

    @pytest.fixture(params=["tcp", "unix"])
    def agent(self, servers: dict[str, Endpoint], request: pytest.FixtureRequest) -> Agent:
        return Agent("jc-contract", 0, "n0", (servers[request.param],))

    @pytest.fixture(
        params=[Endpoint(host="127.0.0.1", port=1), Endpoint(path="/nowhere/g0.sock")],
        ids=["tcp", "unix"],
    )
    def nobody(self, request: pytest.FixtureRequest) -> Agent:
        return Agent("jc-contract", 0, "n0", (request.param,))

    async def test_the_first_endpoint_that_answers_is_taken(
        self, carrier: Carrier, agent: Agent, nobody: Agent, socket: Path
    ) -> None:
        both = replace(agent, endpoints=(*nobody.endpoints, *agent.endpoints))
        forward = await carrier.open(both, socket)
        assert await echoed(socket, b"hello") == b"hello"
        await forward.close()

    async def test_one_side_may_end_while_the_other_still_speaks(
        self, carrier: Carrier, agent: Agent, socket: Path
    ) -> None:
        forward = await carrier.open(agent, socket)
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(data := os.urandom(1_000_000))
        writer.write_eof()
        async with asyncio.timeout(30):
            assert await reader.read(-1) == data
        writer.close()
        await forward.close()


async def echoed(path: Path, data: bytes) -> bytes:
    """Send, and read as much back."""
    reader, writer = await asyncio.open_unix_connection(path)

    async def send() -> None:
        writer.write(data)
        await writer.drain()

    try:
        async with asyncio.timeout(60):
            _, back = await asyncio.gather(send(), reader.readexactly(len(data)))
            return back
    finally:
        writer.close()


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

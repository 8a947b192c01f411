"""Jobs of this machine: process trees, known by their folder alone."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from jupyter_continuum.errors import SubmitRefused
from jupyter_continuum.sites.here import process_tree
from jupyter_continuum.sites.here.local import LocalLauncher, LocalTransport
from jupyter_continuum.sites.protocols import Endpoint, Job, JobRequest, JobState
from jupyter_continuum.sites.testing import FolderLauncherTests

STUB = """#!/bin/sh
# Stands in for a Python whose worker agent does what AGENT says.
{agent}
"""


def stubs(folder: Path):
    """Writes executables into ``folder``."""

    def write(lines: str) -> str:
        path = folder / f"python-{secrets.token_hex(4)}"
        path.write_text(STUB.format(agent=lines))
        path.chmod(0o700)
        return str(path)

    return write


@pytest.fixture
def site():
    with tempfile.TemporaryDirectory(prefix="jc-") as folder:
        yield LocalLauncher("here", Path(folder), cpus=4, memory_gb=8)


def request(site: LocalLauncher, agent: str, name: str = "jc-c-g-00000001", **asked) -> JobRequest:
    python = stubs(site.folder)(agent)
    return JobRequest(name=name, python=python, **{"join": (b'{"secret":1}',)} | asked)


async def reached(site: LocalLauncher, name: str, *states: JobState) -> Job:
    async with asyncio.timeout(20):
        while True:
            job = next(job for job in (await site.poll()).jobs if job.name == name)
            if job.state in states:
                return job
            await asyncio.sleep(0.02)


def tree(site: LocalLauncher, name: str) -> list[psutil.Process]:
    return process_tree._members(site._job_folder(name))


async def test_job_runs_and_ends(site):
    asked = request(site, "echo rank $JC_RANK node $JC_NODE")
    await site.submit(asked)
    assert (await reached(site, asked.name, JobState.ENDED)).reason == ""
    assert await site.log(asked.name) == "rank 0 node here\n"


async def test_status_of_the_agent_is_the_reason(site):
    asked = request(site, "exit 7")
    await site.submit(asked)
    assert (await reached(site, asked.name, JobState.FAILED)).reason == "exit 7"


async def test_join_secret_is_private_and_nowhere_else(site):
    asked = request(site, "sleep 60", join=(b"S3CRET",))
    await site.submit(asked)
    folder = site._job_folder(asked.name)
    secret = folder / "join-0.json"
    assert secret.read_bytes() == b"S3CRET"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "S3CRET" not in site.script(asked)
    for process in tree(site, asked.name):
        assert "S3CRET" not in str(process.cmdline()) + str(process.environ())
    await site.cancel([asked.name])


async def test_submitting_twice_starts_once(site):
    asked = request(site, "echo started; sleep 60")
    await asyncio.gather(*(site.submit(asked) for _ in range(4)))
    await site.submit(asked)
    assert len([job for job in (await site.poll()).jobs if job.name == asked.name]) == 1
    await site.cancel([asked.name])
    assert (await site.log(asked.name)).count("started") <= 1


async def test_another_launcher_finds_the_job_by_its_folder(site):
    asked = request(site, "sleep 60")
    await site.submit(asked)
    restarted = LocalLauncher("here", site.folder, cpus=4, memory_gb=8)
    job = await reached(restarted, asked.name, JobState.RUNNING)
    assert job.ends_at is not None
    await restarted.cancel([asked.name])
    assert (await reached(site, asked.name, JobState.CANCELLED)).reason == "CANCELLED"
    assert tree(site, asked.name) == []


def forget_process(site: LocalLauncher, **changes) -> Path:
    """The record as it was when whoever started the job was killed in the middle."""
    record = next(site.folder.glob("jobs/*/process.json"))
    content = json.loads(record.read_text()) | changes
    content = {key: content[key] for key in ("started", "nodes")}
    record.write_text(json.dumps(content))
    return record


async def test_a_start_that_was_cut_short_after_the_process_finds_it(site):
    await site.submit(request(site, "sleep 60"))
    job = await reached(site, "jc-c-g-00000001", JobState.RUNNING)
    before = next(site.folder.glob("jobs/*/process.json")).read_text()
    record = forget_process(site)
    assert (await reached(site, job.name, JobState.RUNNING)).name == job.name
    assert json.loads(record.read_text()) == json.loads(before)
    await site.cancel([job.name])


async def test_a_start_that_was_cut_short_before_the_process_is_made_again(site):
    await site.submit(request(site, "sleep 60"))
    job = await reached(site, "jc-c-g-00000001", JobState.RUNNING)
    folder = next(site.folder.glob("jobs/*"))
    await process_tree.end_tree(folder, kill_after_seconds=0)
    for trace in ("job.log", "exit"):
        (folder / trace).unlink(missing_ok=True)
    long_ago = (datetime.now(UTC) - timedelta(seconds=10)).isoformat()
    record = forget_process(site, started=long_ago)
    await reached(site, job.name, JobState.RUNNING)
    async with asyncio.timeout(20):
        while "pid" not in json.loads(record.read_text()):
            await site.poll()
    assert (await reached(site, job.name, JobState.RUNNING)).name == job.name
    await site.cancel([job.name])


async def test_cancel_ends_grandchildren_and_those_who_ignore_sigterm(site, monkeypatch):
    monkeypatch.setattr("jupyter_continuum.sites.here.processes.KILL_AFTER_SECONDS", 0.3)
    asked = request(site, "trap '' TERM; (setsid sleep 600) & sleep 600")
    await site.submit(asked)
    async with asyncio.timeout(10):
        while len(tree(site, asked.name)) < 4:
            await site.poll()
    await site.cancel([asked.name])
    assert tree(site, asked.name) == []


async def test_cancel_spares_a_stranger_with_the_same_number(site):
    """A pid is used again one day; only the mark in the environment decides."""
    asked = request(site, "exit 0")
    await site.submit(asked)
    await reached(site, asked.name, JobState.ENDED)
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    record = site._job_folder(asked.name) / "process.json"
    told = json.loads(record.read_text()) | {"pid": stranger.pid, "created": 1.0}
    record.write_text(json.dumps(told))
    await site.cancel([asked.name])
    await site.forget([asked.name])
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


async def test_walltime_ends_the_job(site, monkeypatch):
    monkeypatch.setattr("jupyter_continuum.sites.here.processes.KILL_AFTER_SECONDS", 0.3)
    asked = request(site, "trap '' TERM; sleep 600", walltime_seconds=1)
    await site.submit(asked)
    assert (await reached(site, asked.name, JobState.FAILED)).reason == "TIMEOUT"
    assert tree(site, asked.name) == []


async def test_killed_job_is_told_from_one_that_ended(site):
    asked = request(site, "sleep 600")
    await site.submit(asked)
    await reached(site, asked.name, JobState.RUNNING)
    for process in tree(site, asked.name):
        process.kill()
    assert (await reached(site, asked.name, JobState.FAILED)).reason == "killed"


async def test_forget_removes_every_trace(site):
    asked = request(site, "exit 0")
    await site.submit(asked)
    await reached(site, asked.name, JobState.ENDED)
    await site.forget([asked.name])
    assert (await site.poll()).jobs == ()
    assert list((site.folder / "jobs").iterdir()) == []


async def test_job_inherits_no_secret_of_other_programs(site, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    asked = request(site, "env")
    await site.submit(asked)
    await reached(site, asked.name, JobState.ENDED)
    assert "hunter2" not in await site.log(asked.name)


async def test_agents_are_read_as_from_strangers(site):
    asked = request(site, "sleep 600")
    await site.submit(asked)
    folder = site._job_folder(asked.name)
    good = {"protocol": 1, "rank": 0, "node": "here", "endpoints": [{"path": f"{folder}/g0.sock"}]}
    (folder / "agent-0.json").write_text(json.dumps(good))
    outside = good | {"rank": 1, "endpoints": [{"path": "/run/docker.sock"}]}
    (folder / "agent-1.json").write_text(json.dumps(outside))
    (folder / "agent-2.json").write_text("not json")
    (agent,) = await site.agents()
    assert agent.endpoints == (Endpoint(path=f"{folder}/g0.sock"),)
    await site.cancel([asked.name])
    assert await site.agents() == ()


@pytest.mark.parametrize("name", ["jc-$(id)", "jc-a/../b", "other", "jc-a\nb", "jc-é"])
async def test_strange_names_are_refused(site, name):
    with pytest.raises(SubmitRefused, match="cannot be a job's name"):
        await site.submit(JobRequest(name=name))


async def test_folder_too_deep_for_a_socket_is_refused(site):
    deep = LocalLauncher("here", site.folder / ("d" * 90))
    with pytest.raises(SubmitRefused, match="too long for a Unix socket"):
        await deep.submit(request(site, "exit 0"))


async def test_full_disk_is_one_sentence_and_leaves_nothing(site, monkeypatch):
    def no_space(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("jupyter_continuum.sites.here.processes.write_private", no_space)
    with pytest.raises(SubmitRefused, match="No space left on device"):
        await site.submit(request(site, "exit 0"))
    assert (await site.poll()).jobs == ()


async def test_more_than_the_machine_has_is_refused(site):
    with pytest.raises(SubmitRefused, match="5 CPUs were asked for"):
        await site.submit(request(site, "exit 0", cpus_per_worker=5))
    with pytest.raises(SubmitRefused, match="one machine"):
        await site.submit(request(site, "exit 0", nodes=2))
    assert not (site.folder / "jobs").exists()


def test_script_is_readable_shell(site):
    text = site.script(JobRequest(name="jc-c-g-00000001", prologue="module load x"))
    assert text.startswith("#!/bin/sh\n")
    assert f"{sys.executable} -P -m jupyter_continuum.worker" in text
    assert "module load x" in text
    assert os.fspath(site.folder) in text


class TestLocalLauncher(FolderLauncherTests):
    @pytest.fixture
    async def launcher(self, site):
        return site

    @pytest.fixture
    def stub(self, site):
        return stubs(site.folder)


async def test_way_to_a_gateway_is_its_own_socket(site):
    """No byte passes through this process: the hub talks to the gateway itself."""
    gateway = site.folder / "g0.sock"
    server = await asyncio.start_unix_server(lambda _, writer: writer.close(), gateway)
    forward = await LocalTransport().forward(Endpoint(path=str(gateway)), site.folder / "f.sock")
    assert forward.path.samefile(gateway)
    await forward.close()
    assert gateway.exists()
    server.close()

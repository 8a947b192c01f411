"""Jobs at two real Slurm sites, over real SSH: one beside us, one behind walls."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC

import pytest

from jupyter_continuum.errors import SiteUnreachable, SubmitRefused
from jupyter_continuum.sites.here.shell import ShellTransport
from jupyter_continuum.sites.protocols import Association, Endpoint, JobRequest, JobState
from jupyter_continuum.sites.slurm.books import parse_books
from jupyter_continuum.sites.slurm.commands import HOME, SACCT_FORMAT
from jupyter_continuum.sites.slurm.launcher import SlurmLauncher
from jupyter_continuum.sites.slurm.text import parse_sacct
from jupyter_continuum.sites.ssh.transport import SshTransport
from jupyter_continuum.sites.testing import (
    ANNOUNCE,
    RANK,
    STAY,
    FolderLauncherTests,
    announced,
    settled,
)
from tests.rig.fixtures import ssh_login
from tests.rig.site import SlurmSite

pytestmark = pytest.mark.slurm
at_site_a = pytest.mark.parametrize("slurm_site", ["sitea"], indirect=True)
at_site_b = pytest.mark.parametrize("slurm_site", ["siteb"], indirect=True)
SHELL_SIGNS = ("a\nb", "a;id", "$(id)", "a b", "`id`")


class Nobody:
    async def ask(self, question):
        raise AssertionError(f"nobody is to be asked: {question}")


def write_stub(site: SlurmSite, lines: str) -> str:
    """Shell lines that stand in for the worker environment's Python."""
    path = site.work / f"python-{secrets.token_hex(4)}"
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
async def transport(slurm_site):
    transport = SshTransport(ssh_login(slurm_site), slurm_site.spec.name, Nobody(), print)
    await transport.connect()
    yield transport
    await transport.close()


@pytest.fixture
def launcher(slurm_site, transport):
    return SlurmLauncher(transport, str(slurm_site.work), site=slurm_site.spec.name)


@pytest.fixture
async def ask_for(slurm_site, launcher):
    """Makes requests; afterwards nothing of them is left at the site."""
    names = []

    def make(lines: str = ANNOUNCE + STAY, **changes) -> JobRequest:
        names.append(f"jc-t-g-{secrets.token_hex(4)}")
        request = JobRequest(
            name=names[-1],
            python=write_stub(slurm_site, RANK + lines),
            join=(b'{"s":0}',),
            walltime_seconds=300,
        )
        return replace(request, **changes)

    yield make
    await launcher.cancel(names)
    for name in names:
        await settled(launcher, name)
    await launcher.forget(names)


def rows(site: SlurmSite, name: str) -> list[str]:
    """What the controller itself has under that name, ended jobs too."""
    text = site.client("scontrol", "-o", "show", "job").stdout
    return [line for line in text.splitlines() if f"JobName={name} " in line]


def everything_running() -> str:
    """Arguments and environments of all processes of this machine."""
    return subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True).stdout


class TestSlurm(FolderLauncherTests):
    REFUSED = (
        *FolderLauncherTests.REFUSED,
        *({field: sign} for field in ("partition", "account", "qos") for sign in SHELL_SIGNS),
        *({field: sign} for field in ("gpu_type", "python") for sign in SHELL_SIGNS),
    )

    @pytest.fixture
    def launcher(self, launcher):
        return launcher

    @pytest.fixture
    def stub(self, slurm_site):
        return lambda lines: write_stub(slurm_site, lines)


@at_site_a
async def test_two_nodes_of_four_gpus_give_eight_devices(launcher, ask_for):
    tell = (
        'printf \'{"protocol":1,"rank":%s,"node":"%s","endpoints":[{"host":"h","port":4%s}]}\' '
        '$rank "$(hostname).$(echo $CUDA_VISIBLE_DEVICES | tr , -)" 00 > "$job/.new-$rank"; '
        'mv "$job/.new-$rank" "$job/agent-$rank.json"; '
    )
    request = ask_for(
        tell + STAY, partition="gpu", nodes=2, workers_per_node=4, gpus_per_worker=1,
        gpu_type="a100", join=(b"{}", b"{}"),
    )  # fmt: skip
    await launcher.submit(request)
    agents = await announced(launcher, request.name, 2)
    assert {agent.node for agent in agents} == {"a-g1.0-1-2-3", "a-g2.0-1-2-3"}
    assert [agent.rank for agent in agents] == [0, 1]
    (offer,) = [one for one in (await launcher.poll()).offers if one.partition == "gpu"]
    assert (offer.gpus_total, offer.gpus_free, offer.gpu_type) == (8, 0, "a100")


async def test_a_work_directory_below_home_needs_no_absolute_path(slurm_site, transport, ask_for):
    launcher = SlurmLauncher(transport, "continuum", site=slurm_site.spec.name)
    announce_socket = (
        'printf \'{"protocol":1,"rank":0,"node":"n","endpoints":[{"path":"%s/g0.sock"}]}\' "$job" '
        '> "$job/agent-0.json"; '
    )
    request = ask_for(announce_socket + STAY)
    await launcher.submit(request)
    (agent,) = await announced(launcher, request.name, 1)
    home = slurm_site.spec.path("home")
    assert agent.endpoints == (Endpoint(path=f"{home}/continuum/jobs/{request.name}/g0.sock"),)
    await launcher.cancel([request.name])
    await settled(launcher, request.name)
    await launcher.forget([request.name])


async def test_a_prologue_prepares_the_agent(launcher, ask_for):
    request = ask_for('echo "colour $COLOUR"', prologue="export COLOUR=red")
    await launcher.submit(request)
    await settled(launcher, request.name)
    assert "colour red" in await launcher.log(request.name)


async def test_secrets_are_in_private_files_alone(slurm_site, launcher, ask_for):
    secret = secrets.token_hex(16)
    request = ask_for(join=(secret.encode(),))
    await launcher.submit(request)
    await announced(launcher, request.name, 1)
    folder = slurm_site.work / "jobs" / request.name
    holders = [
        path for path in folder.iterdir() if path.is_file() and secret.encode() in path.read_bytes()
    ]
    assert [path.name for path in holders] == ["join-0.json"]
    assert {path.stat().st_mode & 0o777 for path in (*holders, folder, folder.parent)} == {
        0o600,
        0o700,
    }
    (row,) = rows(slurm_site, request.name)
    assert secret not in row
    assert secret not in everything_running()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"partition": "nosuch"}, "Choose a partition"),
        ({"partition": "gpu", "gpus_per_worker": 9}, "fewer or other GPUs"),
        ({"partition": "gpu", "gpus_per_worker": 1, "gpu_type": "h100"}, "fewer or other GPUs"),
        ({"memory_gb_per_worker": 900}, "less memory"),
    ],
)
async def test_what_slurm_refuses_is_a_sentence(slurm_site, launcher, ask_for, changes, words):
    request = ask_for(**changes)
    with pytest.raises(SubmitRefused, match=words) as caught:
        await launcher.submit(request)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{slurm_site.spec.name}: ")
    assert not (slurm_site.work / "jobs" / request.name).exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodes": 9, "join": (b"{}",) * 9}, "fewer"),
        ({"account": "nosuch"}, "Choose an account"),
        ({"qos": "nosuch"}, "Choose a QoS"),
        ({"partition": "debug", "walltime_seconds": 3600}, "walltime below"),
        ({"partition": "debug", "qos": "debug", "walltime_seconds": 3600}, "walltime below"),
    ],
)
@at_site_b
async def test_accounts_and_limits_are_the_sites_own(launcher, ask_for, changes, words):
    with pytest.raises(SubmitRefused, match=words):
        await launcher.submit(ask_for(**changes))


@at_site_b
async def test_too_many_jobs_of_a_qos_are_refused_with_advice(launcher, ask_for):
    await launcher.submit(ask_for(qos="strict"))
    with pytest.raises(SubmitRefused, match=r"QOSMaxSubmitJobPerUserLimit.*Cancel a waiting group"):
        await launcher.submit(ask_for(qos="strict"))


@at_site_a
async def test_a_walltime_nobody_enforces_waits_with_its_reason(launcher, ask_for):
    request = ask_for(partition="debug", walltime_seconds=3600)
    await launcher.submit(request)
    (job,) = [job for job in (await launcher.poll()).jobs if job.name == request.name]
    assert job.state is JobState.QUEUED
    assert job.reason in ("PartitionTimeLimit", "PartitionConfig")


async def test_when_a_job_would_begin_is_asked_and_nothing_is_submitted(
    slurm_site, launcher, ask_for
):
    assert 0 <= await launcher.wait_seconds(ask_for(partition="cpu")) < 120
    request = ask_for(partition="cpu", nodes=2, cpus_per_worker=16, join=(b"{}",) * 2)
    await launcher.submit(request)
    behind = replace(request, name=f"jc-t-g-{secrets.token_hex(4)}")
    assert 200 < await launcher.wait_seconds(behind) <= 2 * request.walltime_seconds
    assert rows(slurm_site, behind.name) == []
    with pytest.raises(SubmitRefused, match="fewer or other GPUs"):
        await launcher.wait_seconds(ask_for(partition="gpu", gpus_per_worker=9))


@at_site_a
async def test_a_site_without_accounts_has_no_associations(launcher):
    assert await launcher.associations() == ()


@at_site_b
async def test_associations_of_the_person(launcher):
    assert set(await launcher.associations()) == {
        Association("proj_1234", ("debug", "long", "normal", "strict"), "normal"),
        Association("proj_other", ("normal",)),
    }


@at_site_b
async def test_what_is_left_of_an_allocation_comes_with_a_look_and_not_with_each(launcher):
    books = (await launcher.poll()).books
    assert books.why == ""
    assert {(b.account, b.resource, b.granted_hours, b.holder) for b in books.budgets} == {
        ("proj_1234", "cpu", 100.0, "proj_1234"),
        ("proj_1234", "gres/gpu", 10.0, "proj_1234"),
    }
    assert all(0 <= each.used_hours < each.granted_hours for each in books.budgets)
    assert books.parents == {"proj_1234": "root", "proj_other": "root"}
    assert (await launcher.poll()).books is books


@at_site_b
async def test_where_slurm_keeps_its_own_books_to_itself_sshare_tells(slurm_site, launcher):
    shares = slurm_site.client("sshare", "-nP", "-u", slurm_site.spec.user,
                               "-o", "Account,User,GrpTRESMins%-1000,GrpTRESRaw%-1000")  # fmt: skip
    asked = {(b.account, b.resource, b.granted_hours) for b in parse_books(shares.stdout).budgets}
    told = (await launcher.poll()).books.budgets
    assert asked == {(each.account, each.resource, each.granted_hours) for each in told}


@at_site_a
async def test_a_site_without_accounts_keeps_no_books(launcher):
    assert (await launcher.poll()).books is None


@at_site_b
async def test_what_a_job_drew_is_read_from_accounting(slurm_site, transport, launcher, ask_for):
    """As of a job that its controller has forgotten; what no counter told is unknown."""
    job = await launcher.submit(ask_for("true"))
    await settled(launcher, job.name)
    argv = f"{HOME}SLURM_TIME_FORMAT=%s sacct -nPX -j {job.id} -o {SACCT_FORMAT}"
    ended = (job.name, JobState.ENDED)

    async def told():
        done = await transport.run(argv)
        assert (done.status, done.stderr) == (0, "")
        return next(parse_sacct(done.stdout, UTC), None)

    async with asyncio.timeout(60):
        # slurmdbd may hear of its end before its name.
        while (found := await told()) is None or (found.name, found.state) != ended:
            await asyncio.sleep(0.2)
    assert (found.id, found.energy_joules) == (job.id, None)
    assert found.ends_at is not None
    slurm_site.accounts.count_energy(job.id, 123_456)
    found = await told()
    assert found is not None
    assert found.energy_joules == 123_456


async def test_a_frozen_controller_takes_a_job_once(slurm_site, launcher, ask_for):
    """sbatch times out, and runs all the same when the controller wakes up."""
    request = ask_for()
    slurm_site.freeze()
    try:
        with pytest.raises(SiteUnreachable, match="may be queued all the same"):
            await launcher.submit(request)
        agents, *errors = await asyncio.gather(
            launcher.agents(),
            launcher.poll(),
            launcher.cancel([request.name]),
            return_exceptions=True,
        )
        assert agents == ()
        assert [type(error) for error in errors] == [SiteUnreachable, SiteUnreachable]
    finally:
        slurm_site.thaw()
    async with asyncio.timeout(30):
        while True:
            try:
                job = await launcher.submit(request)
                break
            except SiteUnreachable:
                continue
    assert [line.split()[0] for line in rows(slurm_site, request.name)] == [f"JobId={job.id}"]
    await announced(launcher, request.name, 1)


async def test_a_submit_that_never_reached_slurm_is_made_again(slurm_site, launcher, ask_for):
    """Everything was written, sbatch was not run: the folder alone must not pass for a job."""
    request = ask_for()
    folder = slurm_site.work / "jobs" / request.name
    await launcher.submit(replace(request, name=f"{request.name}x"))
    await launcher.cancel([f"{request.name}x"])
    written = {"job.sh", "join-0.json"}
    shutil.copytree(
        folder.with_name(f"{request.name}x"), folder, ignore=lambda _, names: set(names) - written
    )
    shutil.chown(folder, slurm_site.spec.user)
    job = await launcher.submit(request)
    assert len(rows(slurm_site, request.name)) == 1
    assert job.state is JobState.QUEUED
    await settled(launcher, f"{request.name}x")
    await launcher.forget([f"{request.name}x"])


async def test_another_launcher_finds_the_jobs_again(slurm_site, transport, launcher, ask_for):
    request = ask_for()
    first = await launcher.submit(request)
    restarted = SlurmLauncher(transport, str(slurm_site.work), site="again")
    assert (await restarted.submit(request)).id == first.id
    (job,) = [job for job in (await restarted.poll()).jobs if job.name == request.name]
    assert job.id == first.id


async def test_a_full_disk_is_a_sentence(slurm_site, transport, ask_for):
    if not slurm_site.spec.contained:
        pytest.skip("mounting a small disk needs root")
    launcher = SlurmLauncher(transport, str(slurm_site.full_disk), site=slurm_site.spec.name)
    request = ask_for()
    with pytest.raises(SubmitRefused, match=r"is full .*No space left"):
        await launcher.submit(request)
    with pytest.raises(SubmitRefused, match=r"is full .*No space left"):
        await launcher.check_work_directory()
    assert rows(slurm_site, request.name) == []


async def test_a_work_directory_of_somebody_else_is_a_sentence(slurm_site, transport, ask_for):
    launcher = SlurmLauncher(transport, "/proc/continuum", site=slurm_site.spec.name)
    with pytest.raises(SubmitRefused, match="takes no files"):
        await launcher.submit(ask_for())


async def test_a_work_directory_is_tried(launcher, slurm_site):
    await launcher.check_work_directory()
    assert not list(slurm_site.work.glob(".probe*"))


@pytest.mark.full
async def test_a_node_that_loses_power_fails_its_job(slurm_site, launcher, ask_for):
    """Slurm says RUNNING until SlurmdTimeout has passed: 15 s here, 300 s elsewhere."""
    request = ask_for()
    await launcher.submit(request)
    await announced(launcher, request.name, 1)
    (row,) = rows(slurm_site, request.name)
    node = row.partition(" NodeList=")[2].split()[0]
    slurm_site.crash_node(node)
    try:
        ended = await settled(launcher, request.name)
        assert ended is not None
        assert ended.state is JobState.FAILED
        assert "NODE_FAIL" in ended.reason
    finally:
        slurm_site.start_node(node)
        slurm_site.wait_for_nodes()


async def test_the_worker_agent_starts_and_its_gateway_is_reached(
    slurm_site, transport, launcher, ask_for, worker_python, tmp_path
):
    """Nothing stands in here: the package as installed, in a job, behind the site's walls."""
    ticket = {
        "protocol": 1, "cluster": "c", "cluster_id": "0a1b2c", "site": slurm_site.spec.name,
        "job": "", "rank": 0, "agent": secrets.token_hex(4), "token": secrets.token_hex(32),
        "group": "g", "job_number": 0, "workers": 1, "threads": 1, "gpus_per_worker": 0,
        "memory_limit_bytes": 0, "lease_seconds": 60, "walltime_seconds": 300, "direct": "tcp",
    }  # fmt: skip
    request = ask_for(python=str(worker_python))
    ticket["job"] = request.name
    request = replace(request, join=(json.dumps(ticket).encode(),))
    await launcher.submit(request)
    (agent,) = await announced(launcher, request.name, 1)
    join = slurm_site.work / "jobs" / request.name / "join-0.json"
    assert not join.exists(), "the secret outlived its use"
    forward = await transport.forward(agent.endpoints[0], tmp_path / "f" / "g.sock")
    reader, writer = await asyncio.open_unix_connection(forward.path)
    assert (await reader.readline()).endswith(b"\n"), "the gateway speaks first"
    writer.close()
    await forward.close()
    assert ticket["token"] not in await launcher.log(request.name)


async def test_sbatch_on_this_machines_path_needs_no_ssh(slurm_site_a, monkeypatch, tmp_path):
    monkeypatch.setenv("SLURM_CONF", slurm_site_a.daemons.environment["SLURM_CONF"])
    launcher = SlurmLauncher(ShellTransport("here"), str(tmp_path), site="here")
    stub = tmp_path / "python"
    stub.write_text(f"#!/bin/sh\n{RANK}{ANNOUNCE}{STAY}\n")
    stub.chmod(0o755)
    request = JobRequest(name="jc-t-here-00000000", python=str(stub), join=(b"{}",))
    await launcher.submit(request)
    await announced(launcher, request.name, 1)
    await launcher.cancel([request.name])
    ended = await settled(launcher, request.name)
    assert ended is not None
    assert ended.state is JobState.CANCELLED

"""The rig itself: it goes away with whoever started it, and does with less than root."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.rig import absence
from tests.rig.daemons import started, wait_until
from tests.rig.rig import folder, take_down
from tests.rig.spec import PROXY_PASSWORD, PROXY_USER

pytestmark = pytest.mark.slurm
REPOSITORY = Path(__file__).resolve().parent.parent.parent
HOLD = """
import time
from tests.rig.rig import running
with running() as rig:
    pids = [pid for site in rig.sites.values() for pid in site.status().values()]
    print(rig.instance, *pids, flush=True)
    time.sleep(600)
"""
ORDINARY = "jcrig-ordinary"


@contextlib.contextmanager
def held() -> Iterator[tuple[subprocess.Popen[str], int, list[int]]]:
    """Another process with a rig of its own; its number and its daemons' pids."""
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            instance, *pids = map(int, process.stdout.readline().split())
            yield process, instance, pids
        finally:
            process.kill()


def gone(pids: list[int]) -> bool:
    return not any(started(pid) for pid in pids)


def left(instance: int, owner: str) -> bool:
    """Whether the folder is still that owner's: the number may be somebody else's by now."""
    try:
        return (folder(instance) / "owner").read_text() == owner
    except OSError:
        return False


@pytest.mark.usefixtures("slurm_site_b")
def test_ctrl_c_takes_the_rig_down():
    with held() as (process, instance, pids):
        owner = (folder(instance) / "owner").read_text()
        assert not gone(pids)
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert gone(pids)
        assert not left(instance, owner)


@pytest.mark.usefixtures("slurm_site_b")
def test_a_run_that_is_killed_leaves_nothing():
    with held() as (process, instance, pids):
        owner = (folder(instance) / "owner").read_text()
        assert not gone(pids)
        process.kill()
        process.wait(30)
        wait_until(lambda: gone(pids), "daemons of a killed run still live", 60)
        wait_until(lambda: not left(instance, owner), "its folder is still there", 60)


@pytest.mark.usefixtures("slurm_site_b")
def test_what_a_run_left_behind_that_was_killed_with_its_guard_is_taken_down_by_the_next():
    with held() as (process, instance, pids):
        owner = (folder(instance) / "owner").read_text()
        for guard in psutil.Process(process.pid).children():
            if "tests.rig.guard" in guard.cmdline():
                guard.kill()
        assert not gone(pids)
        process.kill()
        process.wait(30)
        take_down(instance)
        assert gone(pids)
        assert not left(instance, owner)


@pytest.fixture
def ordinary_user(slurm_site_a) -> Iterator[list[str]]:
    """Prefix that runs a command as somebody without any right."""
    if os.getuid() != 0:
        pytest.skip("the whole run is an ordinary user's")
    home = Path("/tmp") / ORDINARY
    subprocess.run(["useradd", "-p", "*", "-m", "-d", home, ORDINARY], check=True)
    environment = ["env", f"HOME={home}", "PYTHONDONTWRITEBYTECODE=1", "TMPDIR=/tmp"]
    identity = [f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--init-groups"]
    lock = Path("/tmp") / f"jcr{pwd.getpwnam(ORDINARY).pw_uid}.lock"
    try:
        yield ["setpriv", *identity, *environment]
    finally:
        lock.unlink(missing_ok=True)
        subprocess.run(["userdel", "-r", ORDINARY], check=True, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


def test_an_ordinary_user_gets_a_slurm_of_ones_own(ordinary_user, tmp_path):
    copy = Path("/tmp") / ORDINARY / "repository"
    shutil.copytree(REPOSITORY / "tests" / "rig", copy / "tests" / "rig")

    def rig(verb: str) -> str:
        command = [*ordinary_user, "/usr/bin/python3", "-m", "tests.rig", verb]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    site = json.loads(rig("up"))["sitea"]
    try:
        assert site["user"] == ORDINARY
        conf = Path(site["key"]).parent.parent / "etc" / "slurm.conf"
        show = "echo $(id -un) $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES"
        srun = ["srun", "-p", "gpu", "-N2", "--gpus-per-node=2", "sh", "-c", show]
        command = [*ordinary_user, f"SLURM_CONF={conf}", *srun]
        done = subprocess.run(command, cwd="/tmp", capture_output=True, text=True, check=False)
        assert sorted(done.stdout.splitlines()) == [
            f"{ORDINARY} a-g1 0,1",
            f"{ORDINARY} a-g2 0,1",
        ], done.stderr
    finally:
        rig("down")
    assert gone([pid for pid in site["daemons"].values() if pid])
    uid = pwd.getpwnam(ORDINARY).pw_uid
    wait_until(lambda: not any(owned(uid)), "processes of the ordinary user are left")


def owned(uid: int) -> Iterator[Path]:
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if path.stat().st_uid == uid and started(int(path.name)):
                yield path


def test_compute_nodes_of_site_b_cannot_dial_out(slurm_site_b):
    site = slurm_site_b
    reach = "exec 3<>/dev/tcp/{}/{}"

    def dials(address: str, port: int) -> bool:
        inside = site.network.inside(site.spec.nodes[0])
        command = [*inside, "timeout", "2", "bash", "-c", reach.format(address, port)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    wait_until(lambda: dials(site.spec.control_address, site.spec.ssh_port), "sshd is not reached")
    assert not dials(site.spec.outside_address, site.spec.ssh_port)


def test_the_wide_link_takes_twenty_milliseconds(slurm_site_b):
    address = (slurm_site_b.spec.login_address, slurm_site_b.spec.ssh_port)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        socket.create_connection(address).close()
        times.append(time.perf_counter() - began)
    assert min(times) >= 0.020


def test_what_is_missing_is_said_with_the_package_to_install(monkeypatch):
    monkeypatch.setattr(absence, "found", lambda program: program != "slurmctld")
    assert "slurmctld is not installed: apt-get install slurmctld." in absence.missing()


def test_compute_nodes_of_site_c_reach_a_proxy_that_wants_a_name_and_nothing_else(slurm_site_c):
    site, spec = slurm_site_c, slurm_site_c.spec
    home = ("-sS", "-o", "/dev/null", f"http://{spec.outside_address}:{spec.door_port}/")
    listening = ["python3", "-m", "http.server", str(spec.door_port)]
    command = [*site.at_home, *listening]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:

        def gets(machine: str, *words: str) -> str:
            argv = [*site.network.inside(machine), "curl", "-m", "3", *words]
            return subprocess.run(argv, capture_output=True, text=True, check=False).stderr

        through = ("-p", "-x", f"http://{spec.proxy_address}:{spec.proxy_port}")
        named = ("-U", f"{PROXY_USER}:{PROXY_PASSWORD}")
        try:
            wait_until(lambda: gets(spec.gpu_names[0], *home) == "", "the home is not reached")
            node = spec.cpu_names[0]
            assert "connect" in gets(node, *home)
            wait_until(lambda: "407" in gets(node, *through, *home), "no name is wanted")
            wait_until(lambda: gets(node, *through, *named, *home) == "", "the proxy lets none by")
            elsewhere = f"http://{spec.outside_address}:{spec.door_port + 1}/"
            wait_until(
                lambda: "403" in gets(node, *through, *named, "-sS", elsewhere), "it goes elsewhere"
            )
        finally:
            server.kill()

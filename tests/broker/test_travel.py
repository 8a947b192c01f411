"""Code, packages, prints and credentials travel to a site that reaches nothing by itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import jupyter_continuum as jc
from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.paths import socket_dir
from tests.broker.conftest import launch
from tests.conftest import RunningBroker
from tests.rig.fixtures import profile
from tests.rig.site import SlurmSite

pytestmark = pytest.mark.slurm

SECRET = "jct-secret-5f1e0c"
"""As it was given; a test that finds it on a disk fails."""


@pytest.fixture
def isolated(
    broker: RunningBroker, slurm_site_b: SlurmSite, worker_python: Path
) -> Iterator[SlurmSite]:
    """A cluster ``main`` of this machine and of a site whose nodes reach no network."""
    asked = profile(slurm_site_b, worker_python).model_dump(mode="json")
    assert call_broker("connect", profile=asked)["state"] == "ready"
    launch("local/cores", "siteb/cpu", walltime_minutes=10)
    yield slurm_site_b
    call_broker("stop", name="main")


def test_code_packages_and_prints_travel(
    isolated: SlurmSite,
    client_of: Callable[[str], Any],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    cluster = jc.attach("main")
    client = client_of("main")
    module = tmp_path / "jct_field.py"
    module.write_text("def value():\n    return 1\n")
    assert {(each["site"], each["workers"]) for each in cluster.upload(module)} == {
        ("local", 1),
        ("siteb", 1),
    }

    def value() -> int:
        import jct_field

        return int(jct_field.value())

    assert set(client.run(value).values()) == {1}
    module.write_text("def value():\n    return 2\n")
    cluster.upload(str(module))
    assert set(client.run(value).values()) == {2}

    found = {each["site"]: each["what"] for each in cluster.install("iniconfig")}
    assert found["siteb"].startswith("iniconfig==")

    def where() -> str:
        import iniconfig

        print("read", iniconfig.__name__)
        return iniconfig.__file__

    there = client.submit(where, workers=["siteb-0-0-0"], pure=False).result(timeout=60)
    assert "/packages/continuum-packages-" in there
    assert not there.startswith(str(isolated.work))
    deadline = time.monotonic() + 20
    shown = ""
    while "[siteb-0-0-0] read iniconfig" not in shown:
        assert time.monotonic() < deadline, shown
        shown += capfd.readouterr().out
        time.sleep(0.05)
    with pytest.raises(ContinuumError, match=r"dask .* is in the worker environment already"):
        cluster.install("dask==1.0")


def test_credentials_are_in_memory_alone(
    isolated: SlurmSite, broker: RunningBroker, client_of: Callable[[str], Any]
) -> None:
    cluster = jc.attach("main")
    client = client_of("main")
    cluster.share_credentials({"JCT_KEY": SECRET}, minutes=5)

    def holds() -> tuple[int, str | None]:
        import os

        return os.getpid(), os.environ.get("JCT_KEY")

    def at_siteb() -> tuple[int, str | None]:
        found: tuple[int, str | None] = client.submit(
            holds, workers=["siteb-0-0-0"], pure=False
        ).result(timeout=90)
        return found

    before, held = at_siteb()
    assert held == SECRET
    assert set(client.run(lambda: os.environ.get("JCT_KEY")).values()) == {SECRET}
    # A worker that dies: its nanny starts another one, which has them before its first task.
    client.restart_workers(["siteb-0-0-0"])
    after, held = at_siteb()
    assert (after != before, held) == (True, SECRET)
    assert SECRET not in repr(cluster) + repr(call_broker("cluster", name="main"))
    assert SECRET not in repr(client.get_events())
    control = isolated.work / "control"
    control.write_text(f"export JCT_KEY={SECRET}\n")
    found = [str(path) for root in disks(isolated, broker) for path in holding(root)]
    assert found == [str(control)]
    assert commands_holding() == []
    cluster.revoke_credentials()
    assert at_siteb()[1] is None
    assert set(client.run(lambda: os.environ.get("JCT_KEY")).values()) == {None}


def disks(site: SlurmSite, broker: RunningBroker) -> list[Path]:
    """Everything that this cluster may write: the site's whole folder, its scratch, and ours."""
    scratch = [path for path in Path("/tmp").glob("jc-*") if path.is_dir()]
    return [site.spec.root, broker.state, socket_dir(), *scratch]


def holding(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):  # it passes over what goes away meanwhile
        for path in (Path(folder, name) for name in names):
            try:
                if path.is_file() and SECRET.encode() in path.read_bytes():
                    yield path
            except OSError:
                continue  # a socket, or gone


def commands_holding() -> list[int]:
    """Processes that show it in their arguments or in the environment they began with."""
    found = []
    for process in psutil.process_iter():
        try:
            shown = "".join([*process.cmdline(), *process.environ().values()])
        except psutil.Error:
            continue
        if SECRET in shown:
            found.append(process.pid)
    return found

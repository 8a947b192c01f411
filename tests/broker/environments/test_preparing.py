"""`prepare` at real sites: one that no package index can be reached from, and one with a mirror."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.errors import ContinuumError, PlanRefused, SiteError
from tests.broker.conftest import all_ready, emulated, wait_for
from tests.conftest import RunningBroker
from tests.environments.conftest import mirror as mirror
from tests.rig.daemons import wait_until
from tests.rig.fixtures import profile
from tests.rig.site import SlurmSite

pytestmark = pytest.mark.slurm
View = dict[str, Any]


def connect(site: SlurmSite, **changes: Any) -> None:
    """As somebody who has prepared nothing."""
    asked = profile(site, Path("/usr/bin/python3"), **changes).model_dump(mode="json")
    assert call_broker("connect", profile=asked)["state"] == "ready"


def prepare(site: str, **options: Any) -> tuple[View, list[str]]:
    """The answer, and what was told meanwhile."""
    told: list[str] = []

    def hear(event: View) -> None:
        if event["kind"] == "prepare":
            told.append(event["message"])

    with open_broker() as broker:
        broker.call("subscribe")
        return broker.call("prepare", on_event=hear, site=site, **options), told


@pytest.fixture
def isolated(broker: RunningBroker, slurm_site_b: SlurmSite) -> Iterator[SlurmSite]:
    connect(slurm_site_b)
    yield slurm_site_b
    for view in call_broker("clusters"):
        call_broker("stop", name=view["name"])


def environments(site: SlurmSite) -> list[str]:
    return sorted(path.name for path in (site.work / "environments").glob("*"))


def test_a_site_without_any_internet_gets_an_environment_that_works(isolated: SlurmSite) -> None:
    plan = {"name": "main", "groups": [{"offer": "siteb/cpu", "walltime_minutes": 5}]}
    with pytest.raises(PlanRefused, match="jupyter continuum prepare siteb"):
        call_broker("launch", plan=plan)
    view, told = prepare("siteb")
    assert view["way"] == "carried"
    assert view["packages"] <= 30
    assert any(line.startswith("carried ") for line in told)
    assert f"{isolated.work}/environments/" in view["python"]
    (parity,) = call_broker("dry_run", plan=plan)["parity"]
    assert parity["refusal"] == ""
    assert parity["warnings"] == []
    call_broker("launch", plan=plan)
    wait_for("main", all_ready)
    again, _ = prepare("siteb")
    assert (again["way"], again["python"]) == ("there already", view["python"])


@pytest.mark.full
def test_jobs_run_from_node_local_disk_and_leave_nothing_there(
    isolated: SlurmSite, client_of: Any
) -> None:
    disk = isolated.spec.path("local")
    disk.mkdir(exist_ok=True)
    disk.chmod(0o1777)
    view, _ = prepare("siteb", node_local=str(disk))
    assert view["python"].endswith("/bin/python-node-local")
    plan = {"name": "main", "groups": [{"offer": "siteb/cpu", "jobs": 2, "walltime_minutes": 5}]}
    call_broker("launch", plan=plan)
    wait_for("main", all_ready)

    def where() -> str:
        import distributed

        return distributed.__file__

    client = client_of("main")
    files = client.run(where)
    client.close()
    assert len(files) == 2
    assert all(file.startswith(f"{disk}/jc-environment-") for file in files.values())
    call_broker("stop", name="main")
    # Slurm calls a job completing while its last process removes the copy.
    wait_until(lambda: not list(disk.iterdir()), f"{disk} is not empty")


@pytest.mark.full
def test_a_site_with_an_index_installs_from_there(
    broker: RunningBroker, slurm_site_a: SlurmSite, mirror: Path
) -> None:
    connect(slurm_site_a)
    use_mirror(slurm_site_a, mirror)
    view, _ = prepare("sitea")
    assert view["way"] == "from the site's index"
    assert view["carried_bytes"] < 5e6
    first, packages = environments(slurm_site_a), view["packages"]
    view, _ = prepare("sitea", packages=["iniconfig"], prune=True)
    assert view["packages"] == packages + 1
    (earlier,) = view["earlier"]
    assert earlier["removed"]
    assert not set(first) & set(environments(slurm_site_a))


def use_mirror(site: SlurmSite, mirror: Path) -> None:
    """What a site's own guide tells: pip and uv install from this folder and nowhere else."""
    home = site.spec.path("home", ".config")
    (home / "pip").mkdir(parents=True, exist_ok=True)
    (home / "pip" / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {mirror}\n")
    (home / "uv").mkdir(exist_ok=True)
    (home / "uv" / "uv.toml").write_text(f'no-index = true\nfind-links = ["{mirror}"]\n')
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_pruning_takes_only_what_no_profile_names(isolated: SlurmSite) -> None:
    prepare("siteb")
    root = isolated.work / "environments"
    unused, named = "0123456789ab-00000000", "0123456789ab-11111111"
    for name in (unused, named, "data"):
        (root / name).mkdir()
    profile = emulated("north") | {"python": f"{root}/{named}/bin/python"}
    assert call_broker("connect", profile=profile)["state"] == "ready"
    view, _ = prepare("siteb", prune=True)
    found = {Path(each["path"]).name: each["removed"] for each in view["earlier"]}
    assert (found[unused], found[named]) == (True, False)
    assert {named, "data"} <= set(environments(isolated))
    (root / named).rmdir()
    (root / "data").rmdir()


def test_home_is_refused_unless_told(isolated: SlurmSite) -> None:
    home = isolated.spec.path("home")
    with pytest.raises(SiteError, match=r"your home directory.*--under-home"):
        prepare("siteb", directory=str(home / "worker"))
    with pytest.raises(SiteError, match=r"your home directory.*--under-home"):
        prepare("siteb", directory="worker")


def test_a_full_disk_is_a_sentence_and_nothing_half_is_left(isolated: SlurmSite) -> None:
    with pytest.raises(SiteError, match=r"MB free.*--directory"):
        prepare("siteb", directory=str(isolated.full_disk))
    assert not list(isolated.full_disk.glob("environments/.*"))


def test_what_is_stopped_leaves_nothing_half(isolated: SlurmSite) -> None:
    failed: list[Exception] = []
    building = threading.Event()

    def begin() -> None:
        def hear(event: View) -> None:
            if event["kind"] == "prepare" and event["message"].startswith("carried"):
                building.set()

        with open_broker() as broker:
            broker.call("subscribe")
            try:
                broker.call("prepare", on_event=hear, site="siteb", packages=["iniconfig"])
            except ContinuumError as error:
                failed.append(error)

    thread = threading.Thread(target=begin)
    thread.start()
    assert building.wait(60)
    with pytest.raises(SiteError, match="being built there already"):
        prepare("siteb")
    call_broker("stop_preparing", site="siteb")
    thread.join(30)
    assert "stopped" in str(failed[0])
    root = isolated.work / "environments"
    assert not list(root.glob(".*"))


def test_a_broker_that_ends_leaves_nothing_half(broker: RunningBroker, isolated: SlurmSite) -> None:
    def shut_down(event: View) -> None:
        if event["kind"] == "prepare" and event["message"].startswith("installing"):
            os.kill(broker.pid, signal.SIGTERM)

    with open_broker() as face:
        face.call("subscribe")
        with pytest.raises(ContinuumError):
            face.call("prepare", on_event=shut_down, site="siteb", packages=["iniconfig"])
    wait_until(lambda: not psutil.pid_exists(broker.pid), "the broker goes on")
    root = isolated.work / "environments"
    assert not list(root.glob(".*"))
    building = f"{root}/.building-"
    commands = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
    assert not [each for each in commands if building in each]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"gpu": "cuda11"}, "none of cuda12"),
        ({"packages": ["a b"]}, "is not a package"),
        ({"packages": ["x @ file:///etc"]}, "names a place"),
        ({"node_local": "$(reboot)"}, "no node-local folder"),
        ({"directory": "/tmp/$(reboot)"}, "shell sign"),
    ],
)
def test_bad_input_is_a_sentence(isolated: SlurmSite, options: View, sentence: str) -> None:
    with pytest.raises(ContinuumError, match=sentence):
        prepare("siteb", **options)

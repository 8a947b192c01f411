"""The whole way in a browser: find, choose, look, launch, watch, compute, scale, drain, stop.

On a real Slurm site behind walls, over real sshd, and a real Kubernetes; and, shorter, on imitated
sites, which anybody can run.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.paths import config_dir, data_dir, socket_dir
from jupyter_continuum.server.routes import BASE
from tests.broker.test_kubernetes_site import left
from tests.broker.test_kubernetes_site import profile as kubernetes_profile
from tests.lab.conftest import Lab, start_lab
from tests.rig.fixtures import profile
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.site import SlurmSite
from tests.server.jupyter_process import JupyterServer

pytestmark = pytest.mark.lab

EMULATED = {
    "fjord": {"country": "NO", "queue_seconds": 1, "delay_ms": 18, "rate_mbit": 400},
    "glacier": {"country": "CH", "queue_seconds": 2, "delay_ms": 8, "rate_mbit": 1000},
}

RECORD = """\
id: {site}
name: {name}
kind: own
country: {country}
sources: {{guide: {{title: the guide of {name}, tier: official, date: 2026-11-01}}}}
source: guide
offers:
  gpu: {{partition: gpu, gpu_vendor: nvidia, gpu_model: A100, gpu_memory_gb: 40}}
"""
"""What a person notes of a site of their own: the batch system tells neither country nor vendor."""

ACROSS_SITES = """\
at = lambda site: [
    worker for worker, known in client.scheduler_info(n_workers=-1)['workers'].items()
    if known['name'].startswith(site + '-')
]
square = client.submit(lambda n: n * n, 12, workers=at('{one}'))
client.submit(lambda n: f"{{n}} and one is {{n + 1}}", square, workers=at('{other}')).result()
"""

HEAR_STATES = """group => {
    const look = () => {
        const word = group.querySelector('.jp-Continuum-stateWord')?.textContent;
        const count = group.querySelector('.jp-Continuum-groupCount').textContent;
        const told = [word, count].filter(Boolean).join(' ');
        if (told !== window.told[group.dataset.group]?.at(-1)) {
            (window.told[group.dataset.group] ??= []).push(told);
        }
    };
    window.told ??= {};
    look();
    new MutationObserver(look).observe(
        group, { subtree: true, childList: true, characterData: true }
    );
}"""


@pytest.fixture
def real_lab(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Lab, JupyterServer]]:
    """JupyterLab over a real broker that knows no site yet, below a path, as a Hub has it."""
    data = tmp_path / "data"
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(data))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    server = start_lab(tmp_path / "home", data, base="/user/ada/")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield Lab(page, server), server
    finally:
        server.close()
        for cluster in call_broker("clusters"):
            call_broker("stop", name=cluster["name"])
        call_broker("shutdown")
    assert not errors


def connect(server: JupyterServer, profile: dict[str, object]) -> None:
    status, answer = server.ask("POST", f"{BASE}/connect", {"profile": profile})
    assert status == 200, answer


def note(site: str, name: str, country: str) -> None:
    """Write a record as a person has one, before the broker starts."""
    folder = config_dir() / "sites"
    folder.mkdir(parents=True, exist_ok=True)
    text = RECORD.format(site=site, name=name, country=country)
    (folder / f"{site}.yaml").write_text(text)


def processes_of(sockets: Path) -> list[str]:
    """Command lines that name the broker's folder: hubs, schedulers and workers of its clusters."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(sockets) in line:
            found.append(line)
    return found


def expect_nothing_left_here() -> None:
    """But the broker's own, and the record of what ran."""
    sockets = socket_dir()
    assert processes_of(sockets) == []
    of_broker = {"broker.lock", "broker.sock", "sites", "start.lock"}
    assert {path.name for path in sockets.iterdir()} <= of_broker
    assert list((sockets / "sites").glob("*/jobs/*")) == []
    assert list((data_dir() / "clusters").iterdir()) == []


def launch_from_the_form(lab: Lab, panel: Locator, name: str) -> tuple[Locator, list[str]]:
    """Dry run first, then what it showed is launched: the cluster's card, and the scripts."""
    panel.get_by_role("textbox", name="Cluster name").fill(name)
    panel.get_by_role("button", name="Dry run").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("jupyter_continuum.worker")
    lab.screenshot(f"{name}-1-dry-run")
    scripts = dialog.locator("details pre").all_text_contents()
    dialog.get_by_role("button", name="Launch").click()
    cluster = panel.locator(f"[data-cluster='{name}']")
    expect(cluster).to_be_visible()
    return cluster, scripts


def compute_across(lab: Lab, cluster: Locator, one: str, other: str) -> None:
    """In a notebook that the card's cell attaches, from workers of one site to those of another."""
    lab.execute("notebook:create-new", {"kernelName": "python3"})
    cluster.get_by_role("button", name="Insert attaching cell").click()
    cells = lab.page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells.first).to_contain_text("jc.attach(")
    lab.wait_for_kernel()
    lab.run_active_cell()
    expect(cells.first.locator(".jp-OutputArea-output").first).to_contain_text("relay://")
    toolbar = lab.page.get_by_role("button", name="Cluster of this notebook")
    expect(toolbar).to_have_text(str(cluster.get_attribute("data-cluster")))
    lab.run_code(ACROSS_SITES.format(one=one, other=other))
    expect(cells.nth(1)).to_contain_text("144 and one is 145", timeout=60_000)
    expect(cluster.get_by_title(f"{one} → {other}")).to_be_visible()


def leave(lab: Lab) -> None:
    """The cluster goes on without the notebook."""
    lab.run_code("client.close()")
    toolbar = lab.page.get_by_role("button", name="Cluster of this notebook")
    expect(toolbar).to_have_text("No cluster")


def stop(lab: Lab, panel: Locator, name: str) -> None:
    panel.get_by_role("button", name=f"Stop {name}").click()
    lab.page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(panel).to_contain_text("No cluster runs.", timeout=60_000)


@pytest.mark.full  # the other has all of it, over real sites
def test_from_the_panel_to_a_result_computed_on_two_sites(
    real_lab: tuple[Lab, JupyterServer],
) -> None:
    lab, server = real_lab
    for site, emulated in EMULATED.items():
        python = sys.executable
        connect(server, {"site": site, "kind": "emulated", "python": python, "emulated": emulated})
    lab.open()
    panel = lab.open_panel()
    for site in EMULATED:
        expect(panel.locator(f"[data-site='{site}']")).to_contain_text("Ready")
        panel.get_by_role("button", name=f"Add {site}/cpu to the launch").click()
    expect(panel.locator("[data-site='lumi']")).to_contain_text("Not connected")
    cluster, _ = launch_from_the_form(lab, panel, "imitated")
    for site in EMULATED:
        expect(cluster.locator(f"[data-group='{site}']")).to_contain_text("1 of 1")
    compute_across(lab, cluster, *EMULATED)
    leave(lab)
    stop(lab, panel, "imitated")
    expect_nothing_left_here()


@pytest.mark.slurm
@pytest.mark.kubernetes
def test_gpus_in_the_eu_are_found_launched_watched_scaled_drained_and_stopped(
    real_lab: tuple[Lab, JupyterServer],
    slurm_site_a: SlurmSite,
    slurm_site_b: SlurmSite,
    worker_python: Path,
    kubernetes: Cluster,
    restricted: Path,
    kubernetes_image: str,
) -> None:
    lab, server = real_lab
    note("sitea", "Alpine", "CH")
    note("siteb", "Baltic", "DE")
    note("kube", "Polder", "NL")
    kubernetes.offer_gpus(2)
    try:
        for site in (slurm_site_a, slurm_site_b):
            connect(server, profile(site, worker_python).model_dump(mode="json"))
        connect(server, kubernetes_profile(restricted, kubernetes_image))
        walk_the_whole_way(lab, slurm_site_b)
    finally:
        kubernetes.offer_gpus(0)
    expect_nothing_left_here()
    assert left(kubernetes) == []
    for site in (slurm_site_a, slurm_site_b):
        queue = site.client("squeue", "--noheader", "--states=PD,R", "--format=%j").stdout
        assert queue.strip() == ""
        assert not processes_of(site.work)
    assert list((slurm_site_b.work / "jobs").iterdir()) == []


def walk_the_whole_way(lab: Lab, slurm: SlurmSite) -> None:
    lab.open()
    lab.page.locator(".jp-LauncherCard", has_text="Browse compute").click()
    view = lab.page.get_by_role("region", name="Browse compute")
    find_gpus_in_the_eu(lab, view)
    view.get_by_role("button", name="Prepare launch with 2 offers").click()
    panel = lab.page.get_by_role("region", name="Continuum", exact=True)
    cluster, scripts = launch_from_the_form(lab, panel, "spanning")

    groups = {site: cluster.locator(f"[data-group='{site}']") for site in ("siteb", "kube")}
    for group in groups.values():
        group.evaluate(HEAR_STATES)
    for site, workers in (("siteb", 4), ("kube", 2)):
        expect(groups[site]).to_contain_text(f"{workers} of {workers}", timeout=120_000)
    told = lab.page.evaluate("() => window.told")
    for site, workers in (("siteb", 4), ("kube", 2)):
        # How far it was when the card appeared differs; that it was not ready yet does not.
        assert told[site][0].endswith(f" 0 of {workers}"), told
    assert script_of_running_job(slurm) in map(without_name, scripts)
    assert any("kind: Pod" in script and "nvidia.com/gpu" in script for script in scripts)

    compute_across(lab, cluster, "siteb", "kube")
    lab.screenshot("spanning-2-result")

    # One node with GPUs is all that it has: the second job waits, and says why.
    groups["siteb"].get_by_role("button", name="Jobs of group siteb +1").click()
    expect(groups["siteb"]).to_contain_text("4 of 8")
    expect(groups["siteb"]).to_contain_text("1 job in the queue: Resources.", timeout=60_000)
    expect(groups["siteb"]).to_contain_text("It is next: nodes have to become free.")
    lab.screenshot("spanning-3-waiting")

    cluster.get_by_role("button", name="Drain siteb").click()
    lab.page.get_by_role("dialog").get_by_role("button", name="Drain").click()
    expect(groups["siteb"]).to_contain_text("Stopped", timeout=120_000)
    expect(groups["siteb"]).to_contain_text("0 of 0")
    assert "Draining 0 of 0" in lab.page.evaluate("() => window.told['siteb']")
    expect(groups["kube"]).to_contain_text("2 of 2")
    lab.run_code("square.result() + 1")  # it lay at the site that was drained
    expect(lab.page.locator(".jp-Notebook .jp-CodeCell").nth(2)).to_contain_text("145")
    lab.screenshot("spanning-4-drained")
    leave(lab)
    stop(lab, panel, "spanning")


def find_gpus_in_the_eu(lab: Lab, view: Locator) -> None:
    """Alpine is ready, but in Switzerland; LUMI is in Finland, but nobody is signed in there."""
    offers = view.locator("[data-offer]")
    view.get_by_role("combobox", name="GPU").select_option(label="Any GPU")
    view.get_by_role("combobox", name="Country").select_option(label="European Union")
    expect(view.locator("[data-offer^='lumi/']").first).to_be_visible()
    view.get_by_role("button", name="Ready now").click()
    expect(offers).to_have_count(2)
    for offer in ("siteb/gpu", "kube/gpu"):
        row = view.locator(f"[data-offer='{offer}']")
        expect(row).to_contain_text("A100")
        row.get_by_role("gridcell").first.click()
    lab.screenshot("spanning-0-found")


def script_of_running_job(site: SlurmSite) -> str:
    job = site.client("squeue", "--noheader", "--format=%i").stdout.split()[0]
    return without_name(site.client("scontrol", "write", "batch_script", job, "-").stdout)


def without_name(script: str) -> str:
    """Every job has a name of its own."""
    return re.sub(r"(jc-spanning-siteb-)[0-9a-f]+", r"\1", script.rstrip("\n\0"))

"""The main job in a browser: panel, broker, workers, notebook, result. On imitated sites, which
anybody can run, and on two real Slurm sites over sshd, one of them behind walls.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.paths import socket_dir
from jupyter_continuum.server.routes import BASE
from tests.lab.conftest import Lab, start_lab
from tests.rig.fixtures import profile
from tests.rig.site import SlurmSite
from tests.server.jupyter_process import JupyterServer

pytestmark = pytest.mark.lab

EMULATED = {
    "fjord": {"country": "NO", "queue_seconds": 1, "delay_ms": 18, "rate_mbit": 400},
    "glacier": {"country": "CH", "queue_seconds": 2, "delay_ms": 8, "rate_mbit": 1000},
}

ACROSS_SITES = """\
workers = {{}}
for address, worker in client.sync(client.scheduler.identity)['workers'].items():
    workers.setdefault(worker['name'].split('-')[0], []).append(address)
square = client.submit(lambda n: n * n, 12, workers=workers['{one}'])
client.submit(lambda n: f"{{n}} and one is {{n + 1}}", square, workers=workers['{other}']).result()
"""


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
    try:
        yield Lab(page, server), server
    finally:
        server.close()
        for cluster in call_broker("clusters"):
            call_broker("stop", name=cluster["name"])
        call_broker("shutdown")


def connect(server: JupyterServer, profile: dict[str, object]) -> None:
    status, answer = server.ask("POST", f"{BASE}/connect", {"profile": profile})
    assert status == 200, answer


def processes_of(sockets: Path) -> list[str]:
    """Command lines that name the broker's folder: hubs, schedulers and workers of its clusters."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(sockets) in line:
            found.append(line)
    return found


def do_the_main_job(lab: Lab, offers: dict[str, tuple[str, int]], *, pictures: str) -> None:
    """Open the panel, launch on two sites, attach a notebook, compute across them, stop.

    ``offers``: site to its offer and the workers that one job of it gives.
    """
    lab.open()
    panel = lab.open_panel()
    for site in offers:
        expect(panel.locator(f"[data-site='{site}']")).to_contain_text("Ready")
    expect(panel.locator("[data-site='lumi']")).to_contain_text("Not connected")

    for site, (offer, _) in offers.items():
        panel.get_by_role("button", name=f"Add {site}/{offer} to the launch").click()
    panel.get_by_role("textbox", name="Cluster name").fill("browser")
    panel.get_by_role("button", name="Dry run").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("jupyter_continuum.worker")
    lab.screenshot(f"{pictures}-1-dry-run")
    dialog.get_by_role("button", name="Launch").click()

    cluster = panel.locator("[data-cluster='browser']")
    expect(cluster).to_be_visible()
    lab.screenshot(f"{pictures}-2-launched")
    for site, (_, workers) in offers.items():
        group = cluster.locator(f"[data-group='{site}']")
        expect(group).to_contain_text(f"{workers} of {workers}", timeout=60_000)

    lab.execute("notebook:create-new", {"kernelName": "python3"})
    cluster.get_by_role("button", name="Insert attaching cell").click()
    cells = lab.page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells.first).to_contain_text('jc.attach("browser")')
    lab.wait_for_kernel()
    lab.run_active_cell()
    expect(cells.first.locator(".jp-OutputArea-output").first).to_contain_text("relay://")
    one, other = offers
    lab.run_code(ACROSS_SITES.format(one=one, other=other))
    expect(cells.nth(1)).to_contain_text("144 and one is 145", timeout=60_000)
    expect(cluster.get_by_role("row", name=f"{one} to {other}")).to_be_visible()
    lab.screenshot(f"{pictures}-3-result")

    cluster.get_by_role("button", name="Stop browser").click()
    dialog.get_by_role("button", name="Stop").click()
    expect(panel).to_contain_text("No cluster runs.", timeout=60_000)
    lab.screenshot(f"{pictures}-4-stopped")


def test_from_the_panel_to_a_result_computed_on_two_sites(
    real_lab: tuple[Lab, JupyterServer],
) -> None:
    lab, server = real_lab
    for site, emulated in EMULATED.items():
        python = sys.executable
        connect(server, {"site": site, "kind": "emulated", "python": python, "emulated": emulated})
    do_the_main_job(lab, {"fjord": ("cpu", 1), "glacier": ("cpu", 1)}, pictures="main-job")
    assert processes_of(socket_dir()) == []


@pytest.mark.slurm
def test_from_the_panel_to_a_result_computed_on_two_slurm_sites(
    real_lab: tuple[Lab, JupyterServer],
    slurm_site_a: SlurmSite,
    slurm_site_b: SlurmSite,
    worker_python: Path,
) -> None:
    lab, server = real_lab
    for site in (slurm_site_a, slurm_site_b):
        connect(server, profile(site, worker_python).model_dump(mode="json"))
    do_the_main_job(lab, {"sitea": ("gpu", 4), "siteb": ("cpu", 1)}, pictures="slurm-job")
    assert processes_of(socket_dir()) == []
    for site in (slurm_site_a, slurm_site_b):
        queue = site.client("squeue", "--noheader", "--states=PD,R", "--format=%j").stdout
        assert queue.strip() == ""
        assert not processes_of(site.work)

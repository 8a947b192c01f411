"""The main job with nothing imitated but the sites: panel, broker, workers, notebook, result."""

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
from tests.server.jupyter_process import JupyterServer

pytestmark = pytest.mark.lab

EMULATED = {
    "fjord": {"country": "NO", "queue_seconds": 1, "delay_ms": 18, "rate_mbit": 400},
    "glacier": {"country": "CH", "queue_seconds": 2, "delay_ms": 8, "rate_mbit": 1000},
}

ACROSS_SITES = """\
square = client.submit(lambda n: n * n, 12, workers=WORKERS['fjord'])
client.submit(lambda n: f"{n} and one is {n + 1}", square, workers=WORKERS['glacier']).result()"""

WORKERS = """\
WORKERS = {}
for address, worker in client.scheduler_info(n_workers=-1)['workers'].items():
    WORKERS.setdefault(worker['name'].split('-')[0], []).append(address)
"""


@pytest.fixture
def real_lab(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Lab, Path]]:
    """JupyterLab over a real broker with two emulated sites, and the broker's folder of sockets."""
    data = tmp_path / "data"
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(data))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    server = start_lab(tmp_path / "home", data)
    try:
        for site, emulated in EMULATED.items():
            connect(server, site, emulated)
        lab = Lab(page, server)
        lab.open()
        yield lab, socket_dir()
    finally:
        server.close()
        for cluster in call_broker("clusters"):
            call_broker("stop", name=cluster["name"])
        call_broker("shutdown")


def connect(server: JupyterServer, site: str, emulated: dict[str, object]) -> None:
    profile = {"site": site, "kind": "emulated", "python": sys.executable, "emulated": emulated}
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


def test_from_the_panel_to_a_result_computed_on_two_sites(real_lab: tuple[Lab, Path]) -> None:
    lab, sockets = real_lab
    panel = lab.open_panel()

    for site in EMULATED:
        expect(panel.locator(f"[data-site='{site}']")).to_contain_text("Ready")
    expect(panel.locator("[data-site='lumi']")).to_contain_text("Not connected")

    panel.get_by_role("button", name="Add fjord/cpu to the launch").click()
    panel.get_by_role("button", name="Add glacier/cpu to the launch").click()
    panel.get_by_role("textbox", name="Cluster name").fill("browser")
    panel.get_by_role("button", name="Dry run").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("jupyter_continuum.worker")
    lab.screenshot("main-job-1-dry-run")
    dialog.get_by_role("button", name="Launch").click()

    cluster = panel.locator("[data-cluster='browser']")
    expect(cluster).to_be_visible()
    lab.screenshot("main-job-2-launched")
    for site in EMULATED:
        expect(cluster.locator(f"[data-group='{site}']")).to_contain_text("1 of 1")

    lab.execute("notebook:create-new", {"kernelName": "python3"})
    cluster.get_by_role("button", name="Insert attaching cell").click()
    cells = lab.page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells.first).to_contain_text('jc.attach("browser")')
    lab.wait_for_kernel()
    lab.run_active_cell()
    expect(cells.first.locator(".jp-OutputArea-output").first).to_contain_text("relay://")
    lab.run_code(WORKERS + ACROSS_SITES)
    expect(cells.nth(1)).to_contain_text("144 and one is 145")
    expect(cluster.get_by_role("row", name="fjord to glacier")).to_be_visible()
    lab.screenshot("main-job-3-result")

    cluster.get_by_role("button", name="Stop browser").click()
    dialog.get_by_role("button", name="Stop").click()
    expect(panel).to_contain_text("No cluster runs.")
    lab.screenshot("main-job-4-stopped")
    assert processes_of(sockets) == []

"""Dask's dashboard of a real cluster, in a real browser, under a real JupyterLab."""

from __future__ import annotations

import sys
import time

import pytest
from playwright.sync_api import ConsoleMessage, Page, WebSocket, expect

import jupyter_continuum as jc
from jupyter_continuum.broker.client import call_broker
from tests.lab.conftest import SCREENSHOTS, Lab
from tests.lab.test_main_job import connect, real_lab  # noqa: F401  # a fixture
from tests.server.jupyter_process import TOKEN, JupyterServer

pytestmark = pytest.mark.lab

SITE = {
    "site": "fjord",
    "kind": "emulated",
    "python": sys.executable,
    "emulated": {"queue_seconds": 0, "nodes": 2, "cpus_per_node": 2, "delay_ms": 2},
}
EXPECTED_ERRORS = ("cdnjs.cloudflare.com", "ERR_", "favicon")
"""What a browser without a network says of a style sheet elsewhere."""


@pytest.fixture
def lab_and_server(
    real_lab: tuple[Lab, JupyterServer],  # noqa: F811
) -> tuple[Lab, JupyterServer]:
    lab, server = real_lab
    connect(server, SITE)
    call_broker("launch", plan={"name": "main", "groups": [{"offer": "fjord/cpu", "jobs": 2}]})
    jc.attach("main").wait_for_workers(2)
    return lab, server


def test_the_status_page_is_drawn_and_goes_on(
    page: Page, lab_and_server: tuple[Lab, JupyterServer]
) -> None:
    lab, server = lab_and_server
    sockets: list[WebSocket] = []
    complaints: list[str] = []
    page.on("websocket", lambda each: sockets.append(each))  # Playwright wants a function
    page.on("console", lambda message: _keep(complaints, message))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    root = server.url("jupyter-continuum/clusters/main/dashboard")
    page.goto(f"{root}/status?token={TOKEN}")
    expect(page.get_by_text("Data Transfer")).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
    with jc.attach("main").get_client() as client:
        assert client.gather(client.map(lambda n: time.sleep(0.05) or n, range(100)))[-1] == 99
        # Bokeh draws on canvases, so the change is looked for in what the page is sent.
        with sockets[0].expect_event("framereceived", lambda frame: "seen-now" in str(frame)):
            kept = client.map(lambda n: n, range(50), key="seen-now")
            client.gather(kept)
        page.wait_for_timeout(500)  # for the picture alone
        lab.screenshot("dashboard-status")
        page.get_by_role("link", name="Workers", exact=True).click()
        expect(page.get_by_text("fjord-1-0-0").first).to_be_visible()
        lab.screenshot("dashboard-workers")
    assert sockets
    assert all(f":{server.port}/" in each.url for each in sockets)
    page.goto(f"{root}/info/main/workers.html")
    expect(page.get_by_text("fjord-1-0-0")).to_be_visible()
    page.get_by_role("link", name="logs", exact=True).first.click()
    page.wait_for_url(f"{root}/info/logs/**")
    expect(page.get_by_text("fjord").first).to_be_attached()
    assert complaints == []


def test_the_link_of_a_client_in_a_notebook_and_a_workers_page_open_under_the_same_server(
    page: Page, lab_and_server: tuple[Lab, JupyterServer]
) -> None:
    lab, server = lab_and_server
    root = server.url("jupyter-continuum/clusters/main/dashboard")
    lab.open()
    panel = lab.open_panel()
    panel.get_by_role("button", name="Open plots of main as tabs").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("checkbox", name="Progress", exact=True)).to_be_checked()
    dialog.get_by_role("button", name="Open").click()
    plot = page.frame_locator("iframe[title='Individual Task Stream · main']")
    expect(plot.locator("canvas").first).to_be_visible()
    expect(page.locator("iframe[title$='· main']")).to_have_count(2)
    lab.screenshot("dashboard-panes")
    panel.get_by_role("button", name="2 ready").click()
    with page.expect_popup() as popped:
        panel.get_by_role("button", name="Open the page of fjord-1-0-0").click()
    shown = popped.value
    expect(shown).to_have_url(f"{root}/worker/fjord-1-0-0/main")
    expect(shown.get_by_text("Results held", exact=True)).to_be_visible()
    shown.screenshot(path=SCREENSHOTS / "worker-page.png")
    shown.close()
    lab.execute("notebook:create-new", {"kernelName": "python3"})
    lab.wait_for_kernel()
    lab.run_code("import jupyter_continuum as jc\nprint(jc.attach().get_client().dashboard_link)")
    link = page.get_by_text("/jupyter-continuum/clusters/main/dashboard/status")
    expect(link.last).to_be_visible()
    # What dask-labextension asks for when it is given the address.
    status, plots = server.ask(
        "GET", "/jupyter-continuum/clusters/main/dashboard/individual-plots.json"
    )
    assert status == 200
    assert "Individual Task Stream" in plots


def _keep(complaints: list[str], message: ConsoleMessage) -> None:
    if message.type == "error" and not any(word in message.text for word in EXPECTED_ERRORS):
        complaints.append(message.text)

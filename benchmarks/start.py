"""What the extension adds to JupyterLab's start, and how soon a change of state is in the panel.

    python benchmarks/start.py [ROUNDS]

Needs Chromium. Starts with and without the extension are taken in turns, on two servers of which
one has all other extensions; a start ends when JupyterLab says that it has restored its layout. The
browser's cache is cold at each. A change is timed from the broker's write to its socket to the
frame that shows it, at a cluster with 200 workers. The broker is the tests' double.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from record import save, spread

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from jupyter_continuum.broker.start import socket_path  # noqa: E402
from tests.lab import sample  # noqa: E402
from tests.lab.conftest import CHROMIUM, Lab, start_lab  # noqa: E402
from tests.server.broker_double import BrokerDouble  # noqa: E402
from tests.server.jupyter_process import TOKEN, JupyterServer  # noqa: E402

WORKERS = 200
STARTED = """async () => {
    await window.jupyterapp.restored;
    return performance.now();
}"""
SHOWN = """wanted => new Promise(done => {
    const look = () => document.querySelector('#jupyter-continuum-panel')
        ?.textContent.includes(wanted) ? done(Date.now()) : requestAnimationFrame(look);
    look();
})"""


def others(folder: Path) -> Path:
    """All extensions of JupyterLab that are installed here, without ours."""
    installed = Path(sys.prefix) / "share" / "jupyter" / "labextensions"
    folder.mkdir()
    for path in installed.iterdir():
        if path.name != "jupyter-continuum":
            (folder / path.name).symlink_to(path)
    return folder


def milliseconds_to_start(browser: Browser, server: JupyterServer) -> float:
    """From the navigation to the restored layout, in a browser context that has nothing yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(server.url(f"lab?reset&token={TOKEN}"))
    page.wait_for_function("() => window.jupyterapp !== undefined")
    milliseconds: float = page.evaluate(STARTED)
    context.close()
    return milliseconds


def asks_for_ours(browser: Browser, server: JupyterServer) -> bool:
    """Whether a start fetches anything of the extension: else there is nothing to compare."""
    asked: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url(f"lab?reset&token={TOKEN}"))
    page.wait_for_function("() => window.jupyterapp !== undefined")
    page.close()
    return any("/extensions/jupyter-continuum/" in url for url in asked)


def large() -> dict[str, Any]:
    """The sample cluster with many workers."""
    cluster = copy.deepcopy(sample.CLUSTER)
    group = cluster["groups"][1]
    worker = group["workers"][0]
    group["workers"] = [worker | {"name": f"leonardo-{n}"} for n in range(WORKERS)]
    return cluster


def milliseconds_to_show(page: Page, broker: BrokerDouble, number: int) -> float:
    """From the broker's event to the frame with it; both clocks are this machine's."""
    reason = f"Change number {number}."
    page.evaluate(f"() => {{ window.shown = ({SHOWN})({json.dumps(reason)}); }}")
    told = time.time() * 1000
    broker.emit({"kind": "cluster", "cluster": large() | {"reason": reason}})
    shown: float = page.evaluate("() => window.shown")
    return shown - told


def main(rounds: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="jc-bench-"))
    os.environ |= {"JUPYTER_DATA_DIR": str(folder / "data"), "XDG_RUNTIME_DIR": ""}
    broker = BrokerDouble(socket_path())
    broker.answers |= {"sites": sample.SITES, "clusters": [large()], "prompts": []}
    only = f"--LabApp.labextensions_path={others(folder / 'others')}"
    servers = {
        "with": start_lab(folder / "with", folder / "data"),
        "without": start_lab(folder / "without", folder / "data", arguments=[only]),
    }
    starts: dict[str, list[float]] = {"with": [], "without": []}
    changes: list[float] = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            for server in servers.values():
                milliseconds_to_start(browser, server)  # the server's own first time
            assert asks_for_ours(browser, servers["with"])
            assert not asks_for_ours(browser, servers["without"])
            for number in range(rounds):
                order = list(servers) if number % 2 else list(servers)[::-1]
                for name in order:
                    starts[name].append(milliseconds_to_start(browser, servers[name]))
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            lab = Lab(page, servers["with"])
            lab.open()
            lab.open_panel().locator("[data-cluster]").wait_for()
            changes = [milliseconds_to_show(page, broker, number) for number in range(10 * rounds)]
            browser.close()
    finally:
        for server in servers.values():
            server.close()
        broker.close()
        shutil.rmtree(folder, ignore_errors=True)
    added = [a - b for a, b in zip(starts["with"], starts["without"], strict=True)]
    found = {
        "start_with": spread(starts["with"]),
        "start_without": spread(starts["without"]),
        "added_to_start": spread(added),
        "change_shown": spread(changes),
    }
    print(json.dumps(found, indent=2))
    kept = save("start", {"rounds": rounds, "workers": WORKERS, "milliseconds": found})
    print(f"kept in {kept}", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)

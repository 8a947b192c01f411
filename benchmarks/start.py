"""What the extension adds to JupyterLab's start, and how soon a change of state is in the panel.

    python benchmarks/start.py [ROUNDS]

Needs Chromium. Starts with and without the extension are taken in turns, on two servers of which
one has all other extensions. The browser's cache is cold at each. By the clock, to the layout that
JupyterLab says it has restored, starts differ by more than the limit; so what is compared is CPU,
which whoever else works on the machine takes little part in:

- of the page's main thread in that time (Chromium's thread ticks);
- the same by what was run, in starts of their own: the share of a profiler's samples that have a
  function of the extension on their stack, of that CPU; until the network is idle, so what the
  extension puts off is in it;
- of the Jupyter server while it sets itself up, with all extensions it has, in a new process each
  time, with the server extension and without.

Beside a difference stands the interval of its median with 95 % confidence, from pairs drawn again.
A change is timed from the broker's write to its socket to the frame that shows it, at a cluster
with 200 workers. The broker is the tests' double.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from record import interval, save, spread

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from jupyter_continuum.broker.start import socket_path  # noqa: E402
from tests.lab import sample  # noqa: E402
from tests.lab.conftest import CHROMIUM, Lab, start_lab  # noqa: E402
from tests.server.broker_double import BrokerDouble  # noqa: E402
from tests.server.jupyter_process import TOKEN, JupyterServer  # noqa: E402

WORKERS = 200
SERVERS = 3
"""A round; they take a second each."""
OURS = "/extensions/jupyter-continuum/"
SERVE = """
import sys, time
from jupyterlab.labapp import LabApp
began = time.process_time()
LabApp.initialize_server(argv=sys.argv[1:])
print(time.process_time() - began, "jupyter_continuum.server.app" in sys.modules)
"""
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


@dataclass(frozen=True, slots=True)
class Start:
    """Milliseconds of one start."""

    clock: float
    """From the navigation to the restored layout."""
    cpu: float
    """Of the page's main thread in that time."""
    ours: float
    """The same with a function of the extension on the stack, until the network is idle; 0 where
    nobody looked."""


def start(browser: Browser, server: JupyterServer, *, profiled: bool = False) -> Start:
    """In a browser context that has nothing yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    chromium = context.new_cdp_session(page)
    chromium.send("Performance.enable", {"timeDomain": "threadTicks"})
    if profiled:
        chromium.send("Profiler.enable")
        chromium.send("Profiler.setSamplingInterval", {"interval": 250})
        chromium.send("Profiler.start")
    page.goto(server.url(f"lab?reset&token={TOKEN}"))
    page.wait_for_function("() => window.jupyterapp !== undefined")
    clock: float = page.evaluate(STARTED)
    cpu = cpu_so_far(chromium)
    ours = 0.0
    if profiled:
        page.wait_for_load_state("networkidle")
        ours = cpu_so_far(chromium) * share_of_ours(chromium)
    context.close()
    return Start(clock, cpu, ours)


def cpu_so_far(chromium: CDPSession) -> float:
    """Milliseconds of the page's main thread."""
    metrics = chromium.send("Performance.getMetrics")["metrics"]
    seconds: float = next(each["value"] for each in metrics if each["name"] == "TaskDuration")
    return 1000 * seconds


def share_of_ours(chromium: CDPSession) -> float:
    """Of the profiler's samples in which something ran."""
    profile = chromium.send("Profiler.stop")["profile"]
    parents = {child: node["id"] for node in profile["nodes"] for child in node.get("children", ())}
    frames = {node["id"]: node["callFrame"] for node in profile["nodes"]}
    ours: set[int] = set()
    for node in frames:  # a parent comes before its children
        if OURS in frames[node]["url"] or parents.get(node) in ours:
            ours.add(node)
    busy = [it for it in profile["samples"] if frames[it]["functionName"] != "(idle)"]
    return sum(it in ours for it in busy) / len(busy)


def cpu_to_serve(folder: Path, name: str) -> float:
    """Milliseconds of CPU in which a new Jupyter server loads its extensions."""
    off = {"jupyter_scheduler": False} | ({} if name == "with" else {"jupyter_continuum": False})
    own = {each: str(folder / "serve") for each in ("HOME", "JUPYTER_CONFIG_DIR")}
    asked = ["--allow-root", "--ServerApp.port=0", f"--ServerApp.jpserver_extensions={off}"]
    command = [sys.executable, "-c", SERVE, *asked]
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=True)
    seconds, loaded = done.stdout.split()[-2:]
    assert loaded == str(name == "with")
    return 1000 * float(seconds)


def asks_for_ours(browser: Browser, server: JupyterServer) -> bool:
    """Whether a start fetches anything of the extension: else there is nothing to compare."""
    asked: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url(f"lab?reset&token={TOKEN}"))
    page.wait_for_function("() => window.jupyterapp !== undefined")
    page.close()
    return any(OURS in url for url in asked)


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


def compared(milliseconds: dict[str, list[float]]) -> dict[str, Any]:
    pairs = zip(milliseconds["with"], milliseconds["without"], strict=True)
    added = [a - b for a, b in pairs]
    return {
        "with": spread(milliseconds["with"]),
        "without": spread(milliseconds["without"]),
        "added": spread(added) | {"interval": interval(added)},
    }


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
    starts: dict[str, list[Start]] = {"with": [], "without": []}
    serving: dict[str, list[float]] = {"with": [], "without": []}
    profiles: list[float] = []
    changes: list[float] = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            for server in servers.values():
                start(browser, server)  # the server's own first time
            assert asks_for_ours(browser, servers["with"])
            assert not asks_for_ours(browser, servers["without"])
            for number in range(rounds):
                order = list(servers) if number % 2 else list(servers)[::-1]
                for name in order:
                    starts[name].append(start(browser, servers[name]))
                    serving[name] += [cpu_to_serve(folder, name) for _ in range(SERVERS)]
                profiles.append(start(browser, servers["with"], profiled=True).ours)
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
    clocks = {name: [each.clock for each in those] for name, those in starts.items()}
    cpus = {name: [each.cpu for each in those] for name, those in starts.items()}
    found = {
        "start_by_the_clock": compared(clocks),
        "cpu_of_the_page": compared(cpus),
        "cpu_in_the_extension": spread(profiles) | {"interval": interval(profiles)},
        "cpu_of_the_server": compared(serving),
        "change_shown": spread(changes),
    }
    print(json.dumps(found, indent=2))
    kept = save("start", {"rounds": rounds, "workers": WORKERS, "milliseconds": found})
    print(f"kept in {kept}", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)

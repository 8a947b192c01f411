"""Seconds from opening the panel to the first site record: nobody used it before (a broker is
started), a broker runs, or a new server of somebody who has connected a site before.

    python benchmarks/panel.py [ROUNDS]

Needs Chromium. The three alternate; the first and the last start a broker.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from record import save

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from jupyter_continuum.broker.client import call_broker  # noqa: E402
from tests.lab.conftest import CHROMIUM, Lab, start_lab  # noqa: E402
from tests.server.jupyter_process import JupyterServer  # noqa: E402


def seconds_to_records(browser: Browser, server: JupyterServer) -> float:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    lab = Lab(page, server)
    lab.open()
    page.wait_for_load_state("networkidle")
    started = time.monotonic()
    lab.open_panel().locator("[data-site='lumi']").wait_for()
    seconds = time.monotonic() - started
    page.close()
    return seconds


def new_server(folder: Path, *, known: bool) -> JupyterServer:
    """A JupyterLab with a home of its own; ``known``: its person has connected a site."""
    home = Path(tempfile.mkdtemp(dir=folder))
    os.environ["JUPYTER_CONFIG_DIR"] = str(home / "config")
    if known:
        profiles = home / "config" / "continuum" / "profiles"
        profiles.mkdir(parents=True)
        (profiles / "near.json").write_text('{"site": "near", "kind": "emulated"}')
    return start_lab(home, folder / "data")


def main(rounds: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="jc-bench-"))
    os.environ |= {"JUPYTER_DATA_DIR": str(folder / "data"), "XDG_RUNTIME_DIR": ""}
    measured: dict[str, list[float]] = {
        "first_use_broker_starts": [],
        "broker_runs": [],
        "new_server_of_a_person_with_a_site": [],
    }
    server = new_server(folder, known=False)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            for _ in range(rounds):
                measured["first_use_broker_starts"].append(seconds_to_records(browser, server))
                measured["broker_runs"].append(seconds_to_records(browser, server))
                call_broker("shutdown")
                server.close()
                server = new_server(folder, known=True)
                times = measured["new_server_of_a_person_with_a_site"]
                times.append(seconds_to_records(browser, server))
                call_broker("shutdown")
                server.close()
                server = new_server(folder, known=False)
            browser.close()
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
    summary = {
        name: {
            "median_seconds": round(statistics.median(values), 2),
            "min_seconds": round(min(values), 2),
            "max_seconds": round(max(values), 2),
        }
        for name, values in measured.items()
    }
    print(json.dumps(summary, indent=2))
    print(f"kept in {save('panel', {'rounds': rounds, **summary})}", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)

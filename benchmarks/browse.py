"""10,000 offers in JupyterLab: milliseconds from a key press to the frame that shows what came of
it, and between the frames of scrolling; and until the catalogue's own records are drawn.

    python benchmarks/browse.py [ROUNDS]

Needs Chromium. A key press is timed as the browser does (Event Timing), in steps of 8 ms. Frames
are those of `requestAnimationFrame`, 16.7 ms apart when nothing is late; they are taken in turns
with those of the same page at rest, since on a busy machine those are late, too. The records come
from a real broker that runs already, to a page that has asked it for nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from record import save, spread

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from jupyter_continuum.broker.client import call_broker  # noqa: E402
from jupyter_continuum.broker.start import socket_path  # noqa: E402
from tests.lab import sample  # noqa: E402
from tests.lab.conftest import CHROMIUM, Lab, start_lab  # noqa: E402
from tests.server.broker_double import BrokerDouble  # noqa: E402

OFFERS = 10_000
WATCH = """() => {
    window.presses = [];
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) {
            if (['keydown', 'keypress', 'keyup', 'input'].includes(entry.name)) {
                window.presses.push(entry.duration);
            }
        }
    }).observe({ type: 'event', durationThreshold: 16 });
}"""
FRAMES = """async ([count, step]) => {
    const grid = document.querySelector('.jp-Continuum-browse [role=grid]');
    const gaps = [];
    let last = 0;
    for (let frame = 0; frame < count; frame++) {
        const now = await new Promise(requestAnimationFrame);
        if (last) { gaps.push(now - last); }
        last = now;
        grid.scrollTop = (grid.scrollTop + step) % (grid.scrollHeight - grid.clientHeight);
    }
    return gaps;
}"""
DRAWN = """async () => {
    const began = performance.now();
    await window.jupyterapp.commands.execute('jupyter-continuum:browse');
    while (!document.querySelector('[data-offer]')) {
        await new Promise(requestAnimationFrame);
    }
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""
SCROLLS = {"at rest": 0, "by three rows": 90, "by half a screen": 400, "by 40,000 pixels": 40_003}


def longest_of_a_press(page: Page, key: str) -> float:
    """Milliseconds from the press of ``key`` to the frame after it; 16 stands for less, too."""
    page.evaluate("() => { window.presses.length = 0; }")
    page.keyboard.press(key)
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    page.wait_for_timeout(300)  # entries come when the browser has the time
    return max(page.evaluate("() => window.presses"), default=16)


def measure(page: Page, rounds: int) -> dict[str, Any]:
    times: dict[str, list[float]] = {}
    search = page.get_by_role("searchbox", name="Search offers")
    grid = page.get_by_role("grid", name="Offers")
    page.evaluate(WATCH)
    for _ in range(rounds):
        search.fill("")
        search.focus()
        for key in "site 07":
            times.setdefault("a letter in the filter", []).append(longest_of_a_press(page, key))
        search.fill("")
        grid.focus()
        grid.press("Home")
        grid.press("Control+Home")
        grid.press("ArrowUp")
        for _ in range(grid.get_by_role("columnheader").count() - 1):
            grid.press("ArrowRight")
            times.setdefault("a sort", []).append(longest_of_a_press(page, "Enter"))
            grid.press("ArrowUp")
        for name, step in SCROLLS.items():
            frames = page.evaluate(FRAMES, [120, step])
            times.setdefault(f"scrolling, {name}", []).extend(frames)
        search.focus()
        press = longest_of_a_press(page, "s")
        times.setdefault("the first letter after scrolling", []).append(press)
    return {name: counted(values, 50) for name, values in times.items()}


def records_drawn(browser: Browser, folder: Path, rounds: int) -> dict[str, float]:
    """From the command to the frame with the first records, each time in a new page."""
    home, data = folder / "real-home", folder / "real-data"
    os.environ |= {"JUPYTER_DATA_DIR": str(data), "JUPYTER_CONFIG_DIR": str(home / "config")}
    server = start_lab(home, data)
    call_broker("sites")  # it is started
    times = []
    try:
        for _ in range(rounds):
            page = browser.new_page(viewport={"width": 1920, "height": 1080})
            Lab(page, server).open()
            page.wait_for_load_state("networkidle")
            times.append(page.evaluate(DRAWN))
            page.close()
    finally:
        server.close()
        call_broker("shutdown")
    return counted(times, 1000)


def counted(milliseconds: list[float], limit: int) -> dict[str, float]:
    over = sum(value > limit for value in milliseconds)
    return spread(milliseconds) | {"count": len(milliseconds), f"over {limit} ms": over}


def main(rounds: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="jc-bench-"))
    os.environ |= {"JUPYTER_DATA_DIR": str(folder / "data"), "XDG_RUNTIME_DIR": ""}
    broker = BrokerDouble(socket_path())
    empty: dict[str, Any] = {"clusters": [], "prompts": [], "claims": []}
    broker.answers |= {"sites": sample.many(OFFERS), **empty}
    server = start_lab(folder / "home", folder / "data")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            page = browser.new_page(viewport={"width": 1920, "height": 1080})
            lab = Lab(page, server)
            lab.open()
            lab.execute("jupyter-continuum:browse")
            page.locator("[data-offer]").first.wait_for()
            found = measure(page, rounds)
            page.close()
            found["the catalogue's records drawn"] = records_drawn(browser, folder, rounds)
            browser.close()
    finally:
        server.close()
        broker.close()
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found, indent=2))
    kept = save("browse", {"offers": OFFERS, "rounds": rounds, "milliseconds": found})
    print(f"kept in {kept}", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)

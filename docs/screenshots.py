"""Make the pictures of README anew, from the demo as it is now.

    python docs/screenshots.py [FOLDER]

Needs Chromium and an environment with the extra ``demo`` and the group ``dev``. Everything in the
pictures is imitated on this machine: no account, no name of a person, no address of one.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

HERE = Path(__file__).resolve().parent
CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1280, "height": 800}
PATIENCE_MS = 120_000
COLOURS = 128
"""Of a palette: a picture of a user interface has few, and the repository keeps every one."""


@contextmanager
def demo() -> Iterator[str]:
    """The demo's address; it ends with the block and leaves nothing."""
    command = [sys.executable, "-u", "-m", "jupyter_continuum.cli", "demo"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        told = (re.search(r"https?://\S+", line) for line in process.stdout)
        address = next((found[0] for found in told if found), None)
        if address is None:
            raise SystemExit("The demo did not start; what it printed says why.")
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def keep(page: Page, folder: Path, name: str) -> None:
    path = folder / f"{name}.png"
    page.mouse.move(640, 4)  # no button looks as if it were pressed
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)


def make(page: Page, address: str, folder: Path) -> None:
    page.goto(address)
    panel = page.get_by_role("region", name="Continuum", exact=True)
    cluster = panel.locator("[data-cluster]").first
    expect(cluster).to_contain_text("Running")
    run_lesson(page)
    keep(page, folder, "workbench")
    dry_run(page, panel)
    keep(page, folder, "dry-run")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    panel.get_by_role("button", name="Browse and compare all offers").click()
    offers = page.get_by_role("region", name="Browse compute")
    expect(offers.get_by_role("row").nth(8)).to_be_visible()
    keep(page, folder, "browse")


def run_lesson(page: Page) -> None:
    """To its plot, so that the cluster's card has something to tell."""
    # The notebook's own indicator says "Idle" before there is a kernel, without which no cell runs.
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    # It stays, as a busy kernel may not; while cells run it says "Executed 2/9 cells".
    ran = page.locator(".jp-Notebook-ExecutionIndicator")
    expect(ran).to_contain_text(re.compile(r"Executed \d+ cells"))
    # The lesson has closed its client by now, and a picture is of work.
    choice = page.get_by_role("button", name="Cluster of this notebook")
    choice.click()
    page.get_by_role("menuitem", name=re.compile(r"^demo \(")).click()
    expect(choice).to_have_text("demo")
    plot = page.locator(".jp-OutputArea-output img").first
    page.locator(".jp-NotebookPanel").hover()
    for _ in range(100):  # a notebook holds only those cells that are in view
        if plot.is_visible():
            break
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(200)
    plot.scroll_into_view_if_needed()


def dry_run(page: Page, panel: Locator) -> None:
    for add in panel.get_by_role("button", name=re.compile("^Add .* to the launch")).all()[1:3]:
        add.click()
    panel.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("dialog")).to_contain_text("#!/bin/sh")
    # Where this Python and the demo's folder lie is nobody's business.
    page.get_by_role("dialog").locator("pre").evaluate_all(
        """(scripts, [python]) => scripts.forEach(script => {
            script.textContent = script.textContent
                .replaceAll(python, '/opt/worker/bin/python')
                .replace(/\\/tmp\\/jcd-[^ ]*\\/sites/g, '/scratch');
        })""",
        [sys.executable],
    )


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, demo() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            home,
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            viewport=SIZE,
            reduced_motion="reduce",
        )
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        make(page, address, folder)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "images")

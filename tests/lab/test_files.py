"""Files of a site in the panel: looked at and fetched, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from jupyter_continuum.broker.client import call_broker
from tests.lab import sample
from tests.lab.conftest import Lab
from tests.lab.test_axe import AXE, FOUND
from tests.lab.test_main_job import connect, real_lab  # noqa: F401  # a fixture
from tests.server.broker_double import BrokerDouble
from tests.server.jupyter_process import JupyterServer

pytestmark = pytest.mark.lab

SLOW = {
    "site": "slow",
    "kind": "emulated",
    "emulated": {"queue_seconds": 0, "nodes": 1, "delay_ms": 2, "rate_mbit": 8},
}
SIZE = 40_000_000
"""Forty seconds at that rate: time to stop it."""


def unfolded(lab: Lab) -> tuple[Locator, Locator]:
    """The panel with its data, and the choice of a site there."""
    panel = lab.open_panel()
    panel.get_by_role("button", name="Data", exact=True).click()
    return panel, panel.get_by_role("combobox", name="Files at")


def listing(panel: Locator, folder: str) -> Locator:
    found = panel.get_by_role("grid", name=f"Files in {folder}")
    expect(found).to_be_visible()
    return found


def go(panel: Locator, folder: str) -> Locator:
    field = panel.get_by_role("textbox", name="Folder")
    field.fill(folder)
    field.press("Enter")
    return listing(panel, folder)


def test_a_file_is_found_fetched_stopped_and_goes_on(
    real_lab: tuple[Lab, JupyterServer],  # noqa: F811
    tmp_path: Path,
) -> None:
    lab, server = real_lab
    far, work = tmp_path / "far", server.root / "work"
    (far / "run").mkdir(parents=True)
    work.mkdir()
    (far / "run" / "big").write_bytes(bytes(SIZE))
    (far / "run" / "small.txt").write_text("theirs")
    (far / "a\nb").write_text("hostile")
    (work / "small.txt").write_text("mine")
    connect(server, SLOW)
    lab.open()
    lab.execute("filebrowser:go-to-path", {"path": "work", "dontShowBrowser": True})
    panel, at = unfolded(lab)
    at.select_option("slow")
    listing(panel, "the home folder")
    files = go(panel, str(far))
    expect(files.get_by_role("row")).to_have_count(3)
    expect(files.get_by_role("button")).to_have_count(1)  # none for the name with a line's end
    files.get_by_role("button", name="run, folder").press("Enter")
    files = listing(panel, f"{far}/run")
    expect(files.get_by_role("row", name="big")).to_contain_text("40.0 MB")
    big = files.get_by_role("button", name="Fetch big")
    expect(big).to_be_focused()

    lab.page.keyboard.press("Enter")
    coming = panel.get_by_role("list", name="Files on their way")
    expect(coming).to_contain_text("/ 40.0 MB")
    expect(panel.get_by_role("button", name="Data 1 file comes")).to_be_visible()
    coming.get_by_role("button", name="Stop fetching big").click()
    said = lab.page.locator(".Toastify")
    expect(said).to_contain_text("What has come is kept as .part")
    expect(coming).to_have_count(0)
    (part,) = work.glob("big.*.part")
    assert not (work / "big").exists()
    call_broker("fault", site="slow", fault={"rate_mbit": 1000})
    big.click()
    expect(said).to_contain_text("work/big, 40.0 MB.")
    assert ((work / "big").stat().st_size, part.exists()) == (SIZE, False)
    said.get_by_role("button", name="Show").click()
    browser = lab.page.get_by_role("region", name="File Browser Section")
    expect(browser.get_by_role("listitem").filter(has_text="big")).to_be_visible()

    panel = lab.open_panel()
    small = panel.get_by_role("button", name="Fetch small.txt")
    small.click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Replace small.txt?")
    dialog.get_by_role("button", name="Cancel").click()
    assert (work / "small.txt").read_text() == "mine"
    small.click()
    dialog.get_by_role("button", name="Replace").click()
    expect(said).to_contain_text("small.txt has come from")
    assert (work / "small.txt").read_text() == "theirs"
    panel.get_by_role("button", name="Up", exact=True).click()
    listing(panel, str(far))


def entry(name: str, kind: str = "file", **more: Any) -> dict[str, Any]:
    opens = kind in ("folder", "link")
    about = {"name": name, "kind": kind, "size": None if opens else 1_234_567, "opens": opens}
    return about | {"modified": "2026-11-12T10:00:00Z", "fetchable": kind != "folder"} | more


def folder(path: str, *files: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"site": "leonardo", "path": path, "files": files, "more": False, "above": "/"} | more


def test_a_folder_is_seen_by_keyboard_and_by_those_who_do_not_see_it(
    lab: Lab, broker: BrokerDouble
) -> None:
    many = [entry(f"result-{n:04}-of-a-long-name.nc") for n in range(1998)]
    broker.answers["datasets"] = sample.DATASETS
    broker.answers["files"] = folder(
        "/scratch", entry("runs", "folder"), entry("latest", "link"), *many, more=True
    )
    coming = {"id": "f", "site": "leonardo", "path": "/scratch/big.zarr.zip", "reason": ""}
    target = str((lab.server.root / "big.zarr.zip").resolve())
    coming |= {"target": target, "state": "running", "done": 12_345_678, "total": 40_000_000}
    broker.answers["fetches"] = [coming]
    lab.page.add_script_tag(path=AXE)
    panel, at = unfolded(lab)
    at.select_option("leonardo")
    files = listing(panel, "/scratch")
    expect(panel).to_contain_text("The first 2,000 are listed; there are more.")
    expect(panel.get_by_role("list", name="Files on their way")).to_contain_text(
        "12.3 MB / 40.0 MB · 30 %"
    )
    assert files.get_by_role("row").count() < 40  # of 2,001: the rest is drawn in its turn
    files.get_by_role("button", name="runs, folder").focus()
    lab.page.keyboard.press("ArrowDown")
    expect(files.get_by_role("button", name="latest, link")).to_be_focused()
    lab.page.keyboard.press("ArrowRight")
    expect(files.get_by_role("button", name="Fetch latest")).to_be_focused()
    lab.page.keyboard.press("End")
    expect(files.get_by_role("button", name="Fetch result-1997")).to_be_focused()
    for theme in ("Light", "Dark"):
        lab.execute("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
        lab.page.wait_for_function(
            "theme => document.body.dataset.jpThemeName === theme", arg=f"JupyterLab {theme}"
        )
        lab.page.keyboard.press("Home")
        assert lab.page.evaluate(FOUND, ".jp-Continuum-data") == []
        lab.screenshot(f"files-{theme.lower()}")
    broker.emit({"kind": "fetch", "name": target} | coming | {"done": 20_000_000})
    bar = panel.get_by_role("progressbar", name="How much of big.zarr.zip has come")
    expect(bar).to_have_attribute("aria-valuenow", "50")

    broker.errors["files"] = ("SiteError", "leonardo: /root cannot be read (Permission denied).")
    panel.get_by_role("textbox", name="Folder").fill("/root")
    lab.page.keyboard.press("Enter")
    expect(panel.get_by_role("alert")).to_have_text(
        "leonardo: /root cannot be read (Permission denied)."
    )
    expect(panel.get_by_text("Below is still /scratch.")).to_be_visible()
    expect(files).to_be_visible()
    lab.screenshot("files-refused")
    broker.errors.clear()
    broker.answers["files"] = folder("/root")
    panel.get_by_role("button", name="Look into the folder again").click()
    expect(panel.get_by_text("Nothing lies there.")).to_be_visible()
    broker.errors["files"] = ("SiteError", "emulated-a: files of pods are not listed.")
    at.select_option("emulated-a")
    expect(panel.get_by_role("alert")).to_have_text("emulated-a: files of pods are not listed.")
    lab.screenshot("files-none")

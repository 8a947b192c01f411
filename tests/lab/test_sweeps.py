"""A sweep's folder in JupyterLab, in a real browser."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Response, TimeoutError, expect

from tests.lab.conftest import Lab
from tests.runs.notebooks import write
from tests.runs.sweep_folder import folder_of, make, progress, record

pytestmark = pytest.mark.lab

ALPHAS = [0.1, 0.2, 0.5, 1.0]
SEEDS = list(range(1, 31))
WHY = (
    "cell 3 of 5 failed: ValueError: the series did not converge after 500 steps, at line 7: raise "
    'ValueError(f"the series did not converge after {steps} steps")'
)
ASKED = "**/jupyter-continuum/api/sweep?*"
EVIL = "<img src=x onerror=alert(1)><b>bold</b>"


def home(lab: Lab) -> Path:
    return lab.server.log.parent


def sweep(lab: Lab, name: str, ended: int) -> Path:
    """120 runs, of which so many have ended."""
    folder = home(lab) / name
    make(folder, {"alpha": ALPHAS, "seed": SEEDS, "method": ["exact"]}, fixed={"steps": 500})
    for number in range(1, ended + 1):
        end(folder, number)
    return folder


def end(folder: Path, number: int) -> None:
    alpha, seed = ALPHAS[(number - 1) // len(SEEDS)], SEEDS[(number - 1) % len(SEEDS)]
    failed = number % 19 == 7
    record(
        folder,
        number,
        {"steps": 500, "alpha": alpha, "seed": seed, "method": "exact"},
        state="failed" if failed else "died" if number == 40 else "completed",
        error=WHY if failed else "The kernel has ended." if number == 40 else "",
        outputs={} if failed else {"loss": 1 / (alpha * seed + 1), "label": f"s{seed}"},
        seconds=1 + (7 * number % 31) / 10,
        energy_kwh=None if failed else 2.5e-5 * (1 + number % 5),
    )
    write(folder_of(folder).notebook(number), "print(n)")


def opened(lab: Lab, folder: str) -> Locator:
    lab.execute("jupyter-continuum:open-sweep", {"path": folder})
    found = lab.page.get_by_role("region", name=f"Sweep {folder}")
    expect(found.get_by_role("grid")).to_be_visible()
    return found


def column(found: Locator, label: str) -> list[str]:
    """What stands in this column, in the rows that are in the page."""
    headers = [it.inner_text().split("\n")[0] for it in found.get_by_role("columnheader").all()]
    cells = f".jp-Continuum-gridBody [role=row] > :nth-child({headers.index(label) + 1})"
    return [text.strip() for text in found.locator(cells).all_inner_texts()]


@contextmanager
def going(folder: Path) -> Iterator[None]:
    """As long as a sweep holds its folder."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_sweep_shows_how_far_it_is_and_goes_on_doing_so(lab: Lab, theme: str) -> None:
    lab.execute("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    name = f"{theme}-sweep"
    folder = sweep(lab, name, 70)
    with going(folder):
        progress(folder, total=120, ended=70, running=2, elapsed=400, under_way=[71, 72])
        found = opened(lab, name)
        bar = found.get_by_role("progressbar", name="Progress of the sweep")
        said = "70 of 120 runs, 5 failed, 2 running, about 5 min left"
        expect(bar).to_have_attribute("aria-valuetext", said)
        expect(found.get_by_role("heading", name="a.ipynb")).to_contain_text("Running")
        expect(found.get_by_text("steps = 500")).to_be_visible()
        failed = found.get_by_role("row").filter(has=lab.page.get_by_text("Failed", exact=True))
        expect(failed.first).to_contain_text("cell 3 of 5 failed: ValueError")
        failed.first.click()
        chosen = found.get_by_role("region", name="Run 7")
        expect(chosen).to_contain_text(WHY)
        lab.screenshot(f"sweep-{theme.lower()}")
        end(folder, 71)
        progress(folder, total=120, ended=71, running=1, elapsed=400, under_way=[72])
        expect(bar).to_have_attribute("aria-valuenow", "71")
        expect(found.get_by_role("button", name="Running 1")).to_be_visible()
    expect(found.get_by_role("heading", name="a.ipynb")).to_contain_text("Stopped")
    expect(found).to_contain_text("49 runs are missing. The same command runs them.")
    lab.page.set_viewport_size({"width": 640, "height": 800})
    expect(found.get_by_role("button", name="Open Notebook")).to_be_in_viewport()
    lab.screenshot(f"sweep-narrow-{theme.lower()}")


def test_columns_sort_and_rows_are_filtered(lab: Lab) -> None:
    found = opened(lab, sweep(lab, "sorted-sweep", 70).name)
    head = found.get_by_role("columnheader", name="loss")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    losses = [float(text) for text in column(found, "loss") if text]
    assert losses == sorted(losses)
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert column(found, "loss")[0] == "0.909091"
    found.get_by_role("button", name="Kernel died 1").click()
    expect(found.get_by_role("status")).to_have_text("1 of 120 shown")
    assert column(found, "Run") == ["40"]
    assert found.get_by_role("columnheader").nth(2).inner_text() == "Why"
    found.get_by_role("button", name="All 120").click()
    found.get_by_role("searchbox", name="Filter runs by text").fill("converge 0.1")
    expect(found.get_by_role("status")).to_have_text("2 of 120 shown")
    assert set(column(found, "Status")) == {"Failed"}
    found.get_by_role("searchbox").fill("nothing is like this")
    expect(found).to_contain_text("No run is like that.")


def test_a_run_is_chosen_and_opened_by_keyboard(lab: Lab) -> None:
    found = opened(lab, sweep(lab, "keys-sweep", 70).name)
    grid = found.get_by_role("grid", name="Runs of a.ipynb")
    grid.focus()
    expect(grid).to_have_attribute("aria-rowcount", "121")
    for key in ("ArrowDown", "PageDown", "End", "Home", "ArrowDown"):
        grid.press(key)
    active = found.locator("[role=row][aria-selected=true]")
    expect(active).to_have_attribute("aria-rowindex", "3")
    assert grid.get_attribute("aria-activedescendant") == active.get_attribute("id")
    grid.press("Enter")
    expect(lab.page.locator(".lm-TabBar-tab.lm-mod-current", has_text="002.ipynb")).to_be_visible()


def test_of_ten_thousand_runs_only_those_in_sight_are_in_the_page(lab: Lab) -> None:
    folder = home(lab) / "large-sweep"
    make(folder, {"n": list(range(10_000))})
    for number in range(1, 200):
        record(folder, number, {"n": number - 1})
    found = opened(lab, folder.name)
    rows = found.locator(".jp-Continuum-gridBody [role=row]")
    assert rows.count() < 100
    found.get_by_role("grid").press("End")
    expect(found.get_by_role("region", name="Run 10000")).to_be_visible()
    assert rows.count() < 100
    found.get_by_role("columnheader", name="n", exact=True).get_by_role("button").dblclick()
    found.get_by_role("grid").press("Home")
    expect(found.get_by_role("region", name="Run 10000")).to_be_visible()
    assert column(found, "n")[:2] == ["9999", "9998"]


def test_what_was_open_is_there_again_after_a_reload(lab: Lab) -> None:
    name = sweep(lab, "kept-sweep", 2).name
    views = [f"jupyter-continuum-sweep:{name}", "jupyter-continuum-browse:browse"]

    def keeps_all(response: Response) -> bool:
        request = response.request
        if request.method != "PUT" or "/lab/api/workspaces/" not in request.url:
            return False
        layout = request.post_data_json["data"].get("layout-restorer:data", {})
        main = json.dumps(layout.get("main"))
        shown = layout.get("left", {}).get("current")
        return shown == "jupyter-continuum-panel" and all(view in main for view in views)

    with lab.page.expect_response(keeps_all):
        opened(lab, name)
        lab.execute("jupyter-continuum:browse")
        lab.open_panel()
    lab.page.reload()
    for view in ("Continuum", "Browse compute"):
        expect(lab.page.get_by_role("region", name=view, exact=True)).to_be_visible()
    lab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=name).click()
    expect(lab.page.get_by_role("region", name=f"Sweep {name}").get_by_role("grid")).to_be_visible()


def test_it_opens_from_the_file_browser(lab: Lab) -> None:
    folder = sweep(lab, "files-sweep", 3)
    (folder / "runs.csv").write_text("run\n1\n")
    lab.execute("filebrowser:refresh")
    item = lab.page.locator(".jp-DirListing-item", has_text="files-sweep")
    item.click(button="right")
    lab.page.get_by_role("menuitem", name="Open Sweep", exact=True).click()
    tabs = lab.page.locator("#jp-main-dock-panel .lm-TabBar-tab")
    expect(tabs.filter(has_text="files-sweep")).to_be_visible()
    tabs.filter(has_text="files-sweep").locator(".lm-TabBar-tabCloseIcon").click()
    item.dblclick()
    for name in ("runs.csv", "sweep.json"):
        lab.page.locator(".jp-DirListing-item", has_text=name).dblclick()
        found = lab.page.get_by_role("region", name="Sweep files-sweep")
        expect(found.get_by_role("grid")).to_be_visible()
        expect(tabs.filter(has_text=name)).to_have_count(0)
        tabs.filter(has_text="files-sweep").locator(".lm-TabBar-tabCloseIcon").click()
        expect(found).to_have_count(0)


def test_a_table_of_the_same_name_elsewhere_is_shown_as_ever(lab: Lab) -> None:
    (home(lab) / "other").mkdir(exist_ok=True)
    (home(lab) / "other" / "runs.csv").write_text("a,b\n1,2\n")
    lab.execute("docmanager:open", {"path": "other/runs.csv"})
    expect(lab.page.locator(".jp-CSVViewer")).to_be_visible()
    expect(
        lab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="runs.csv")
    ).to_have_count(1)
    lab.page.locator(".jp-DirListing-item", has_text="other").click(button="right")
    expect(lab.page.get_by_role("menuitem", name="Open Sweep", exact=True)).to_have_count(0)


def test_what_runs_left_behind_is_text_and_nothing_else(lab: Lab) -> None:
    folder = home(lab) / "evil-sweep"
    make(folder, {EVIL: [EVIL]}, fixed={"f": EVIL})
    record(folder, 1, {EVIL: EVIL}, state="failed", error=EVIL, site=EVIL, outputs={EVIL: EVIL})
    found = opened(lab, folder.name)
    found.get_by_role("row").nth(1).click()
    expect(found.get_by_role("region", name="Run 1")).to_contain_text(EVIL)
    expect(found.locator("img, b")).to_have_count(0)


def test_a_folder_that_is_no_sweep_says_so_and_is_shown_once_it_is(lab: Lab) -> None:
    lab.execute("jupyter-continuum:open-sweep", {"path": "later-sweep"})
    found = lab.page.get_by_role("region", name="Sweep later-sweep")
    expect(found.get_by_role("alert")).to_contain_text("later-sweep holds no sweep")
    sweep(lab, "later-sweep", 2)
    expect(found.get_by_role("grid")).to_be_visible()
    expect(found.get_by_role("alert")).to_have_count(0)


def test_nothing_is_asked_while_nobody_sees_it(lab: Lab) -> None:
    folder = sweep(lab, "hidden-sweep", 2)
    with going(folder):
        found = opened(lab, folder.name)
        # Two looks at least: what is counted below would have been there.
        for _ in range(2):
            with lab.page.expect_request(ASKED):
                pass
        lab.execute("launcher:create")
        expect(found).not_to_be_visible()
        with pytest.raises(TimeoutError), lab.page.expect_request(ASKED, timeout=5000):
            pass

"""What axe finds in every view that is open, by light and by dark: nothing serious."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.lab import sample
from tests.lab.conftest import Lab
from tests.lab.test_browse import open_browse
from tests.lab.test_panel import site
from tests.lab.test_reach import card
from tests.lab.test_sweeps import opened, sweep
from tests.server.broker_double import BrokerDouble

pytestmark = pytest.mark.lab
AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
PANEL = "#jupyter-continuum-panel"
DIALOG = ".jp-Dialog"
FOUND = """async view => {
    const { violations } = await axe.run(view);
    return violations
        .filter(it => ['serious', 'critical'].includes(it.impact))
        .flatMap(it => it.nodes.map(node => `${it.help}: ${node.html} ${node.failureSummary}`));
}"""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing_serious(lab: Lab, broker: BrokerDouble, theme: str) -> None:
    lab.page.add_script_tag(path=AXE)
    lab.execute("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    lab.page.wait_for_function(
        "theme => document.body.dataset.jpThemeName === theme", arg=f"JupyterLab {theme}"
    )
    expiring = sample.credential("certificate", "soon", "2026-11-22T21:00:00Z", "Renew it.")
    broker.answers["sites"] = [
        each | {"credentials": [expiring], "renewable": True} if each["id"] == "leonardo" else each
        for each in sample.SITES
    ]
    broker.answers["datasets"] = sample.DATASETS
    found: list[str] = []

    def look(view: str, what: str) -> None:
        found.extend(f"{what}: {problem}" for problem in lab.page.evaluate(FOUND, view))

    open_browse(lab).get_by_role("button", name="Map", exact=True).click()
    choose(lab)
    look(".jp-Continuum-browse", "Browse, with the map and details")
    opened(lab, sweep(lab, f"axe-{theme}-sweep", 70).name).get_by_role("row").nth(7).click()
    look(".jp-Continuum-sweep", "a sweep")

    panel = unfolded(lab)
    look(PANEL, "the panel, with sites, launch form, access, devices and data")
    panel.get_by_role("button", name="Dry run").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("#SBATCH --job-name")
    look(DIALOG, "the dry run")
    dialog.get_by_role("button", name="Close").click()
    site(panel, "lumi").click()
    panel.get_by_role("button", name="Connect…").click()
    expect(dialog).to_contain_text("terms of use")
    look(DIALOG, "connect")
    dialog.get_by_role("button", name="Cancel").click()
    broker.answers["draft"] = sample.DRAFT | {"site": "", "candidates": sample.CANDIDATES}
    panel.get_by_role("button", name="Connect your own…").click()
    expect(dialog).to_contain_text("not listed")
    look(DIALOG, "connect, of one's own")
    dialog.get_by_role("button", name="Next").click()
    expect(dialog).to_contain_text("short name")
    look(DIALOG, "connect, of one's own, second page")
    assert "\n".join(found) == ""


def choose(lab: Lab) -> None:
    """An offer with everything, for the details of it."""
    view = lab.page.get_by_role("region", name="Browse compute")
    view.locator("[data-offer='leonardo/boost_usr_prod'] [role=gridcell]").nth(1).click()
    details = view.get_by_role("complementary", name="Details of the offer")
    expect(details).to_contain_text("CINECA HPC documentation")


def unfolded(lab: Lab) -> Locator:
    panel = lab.open_panel()
    panel.get_by_role("button", name="Add emulated-a/cpu to the launch").click()
    panel.get_by_role("button", name="Who can run code in sea-surface").click()
    panel.get_by_role("button", name="4 queued").click()
    card(panel, "leonardo").get_by_role("button", name="What works here").click()
    panel.get_by_role("button", name="Devices 2").click()
    panel.get_by_role("button", name="Data", exact=True).click()
    expect(panel.get_by_role("list", name="Data sets")).to_be_visible()
    return panel

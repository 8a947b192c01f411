"""A notebook's cluster: chosen in its toolbar, dragged from a card, counted in the status bar."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.lab import sample
from tests.lab.conftest import Lab
from tests.server.broker_double import BrokerDouble

pytestmark = pytest.mark.lab

ATTACHING = 'client = jc.attach("sea-surface").get_client()'
ANNOUNCE = """\
from jupyter_continuum.workbench.announcing import announce
class Client:
    status = "running"
client = Client()
announce("sea-surface", client)
"""


def new_notebook(lab: Lab) -> Locator:
    """The choice in its toolbar, once its kernel takes code."""
    lab.execute("notebook:create-new", {"kernelName": "python3"})
    lab.wait_for_kernel()
    return choice(lab)


def choice(lab: Lab) -> Locator:
    return lab.page.get_by_role("button", name="Cluster of this notebook")


def cells(lab: Lab) -> Locator:
    return lab.page.locator(".jp-Notebook .jp-CodeCell")


def test_choosing_a_cluster_by_keyboard_attaches_the_notebook_by_one_cell(
    lab: Lab, broker: BrokerDouble
) -> None:
    other = sample.CLUSTER | {"name": "deep-sea"}
    stopping = sample.CLUSTER | {"name": "over", "state": "stopping"}
    broker.answers["clusters"] = [sample.CLUSTER, other, stopping]
    broker.errors["attach"] = ("Unknown", "It shows no scheduler here.")
    toolbar = new_notebook(lab)
    expect(toolbar).to_have_text("No cluster")
    toolbar.press("Enter")
    menu = lab.page.get_by_role("menu").last
    expect(menu.get_by_role("menuitem").first).to_have_text("sea-surface (2 of 6 workers)")
    expect(menu).not_to_contain_text("over")
    lab.screenshot("notebook-choice")
    lab.page.keyboard.press("Enter")
    expect(cells(lab)).to_have_count(1)
    expect(cells(lab).first).to_contain_text(ATTACHING)
    expect(cells(lab).first.locator(".jp-OutputArea")).to_contain_text("It shows no scheduler")
    # Another one takes the place of the first.
    broker.answers["cluster"] = other
    broker.errors["attach"] = ("Unknown", "Nor here.")
    toolbar.press("Enter")
    lab.page.keyboard.press("ArrowDown")
    lab.page.keyboard.press("Enter")
    expect(cells(lab).first.locator(".jp-OutputArea")).to_contain_text("Nor here.")
    expect(cells(lab)).to_have_count(1)
    expect(cells(lab).first).to_contain_text('jc.attach("deep-sea")')
    asked = [params["name"] for method, params in broker.calls if method == "attach"]
    assert asked == ["sea-surface", "deep-sea"]


def test_the_toolbar_knows_after_a_reload_and_not_once_it_is_over(
    lab: Lab, broker: BrokerDouble
) -> None:
    toolbar = new_notebook(lab)
    lab.run_code(ANNOUNCE)
    expect(toolbar).to_have_text("sea-surface")
    for close in ("client.status = 'closed'", "del client"):
        lab.run_code(close)
        expect(toolbar).to_have_text("No cluster")
        lab.run_code(ANNOUNCE)
        expect(toolbar).to_have_text("sea-surface")
    path = lab.page.evaluate("window.jupyterapp.shell.currentWidget.context.path")
    lab.open()
    lab.execute("docmanager:open", {"path": path})
    expect(toolbar).to_have_text("sea-surface")
    expect(lab.open_panel().locator("[data-cluster='sea-surface']")).to_be_visible()
    broker.emit({"kind": "cluster-gone", "name": "sea-surface"})
    expect(toolbar).to_have_text("sea-surface has ended")
    lab.page.evaluate(
        "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    expect(toolbar).to_have_text("No cluster")


def test_a_card_dragged_to_a_notebook_leaves_its_cell_where_it_is_dropped(lab: Lab) -> None:
    new_notebook(lab)
    for code in ("first = 1", "last = 2"):
        lab.run_code(code)
    panel = lab.open_panel()
    handle = panel.get_by_title("Drag into a notebook to attach it").bounding_box()
    below = cells(lab).nth(1).bounding_box()
    assert handle
    assert below
    mouse = lab.page.mouse
    mouse.move(handle["x"] + 4, handle["y"] + 7)
    mouse.down()
    mouse.move(below["x"] + 60, below["y"] + 40, steps=4)
    mouse.move(below["x"] + 60, below["y"] + 10, steps=2)
    expect(lab.page.locator(".jp-Continuum-dragged")).to_be_visible()
    lab.screenshot("notebook-drag")
    mouse.up()
    expect(cells(lab).nth(1)).to_contain_text(ATTACHING)
    expect(cells(lab).nth(0)).to_contain_text("first = 1")
    expect(cells(lab).nth(2)).to_contain_text("last = 2")
    expect(lab.page.locator(".jp-Continuum-dragged")).to_have_count(0)


def test_the_status_bar_counts_clusters_and_opens_the_panel(lab: Lab, broker: BrokerDouble) -> None:
    item = lab.page.locator("#jp-main-statusbar").get_by_role("button", name="Continuum")
    expect(item).to_be_visible()
    broker.calls.clear()
    item.press("Enter")
    panel = lab.page.get_by_role("region", name="Continuum", exact=True)
    expect(panel).to_be_visible()
    bar = lab.page.locator("#jp-main-statusbar")
    expect(bar).to_contain_text("1 cluster · 2 / 6 workers")
    assert [method for method, _ in broker.calls].count("clusters") == 1
    broker.emit({"kind": "cluster", "cluster": sample.CLUSTER | {"name": "deep-sea"}})
    expect(bar).to_contain_text("2 clusters · 4 / 12 workers")
    for name in ("deep-sea", "sea-surface"):
        broker.emit({"kind": "cluster-gone", "name": name})
    expect(bar).to_contain_text("No cluster")

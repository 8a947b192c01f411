"""A cluster's card in a notebook: a real kernel, a real JupyterLab, the broker's stand-in."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.lab import sample
from tests.lab.conftest import Lab
from tests.server.broker_double import BrokerDouble

CELL = 'import jupyter_continuum as jc\njc.attach("sea-surface").card()'


def open_notebook(lab: Lab) -> None:
    lab.execute("notebook:create-new", {"kernelName": "python3"})
    lab.wait_for_kernel()


def open_card(lab: Lab, broker: BrokerDouble) -> Locator:
    """A card that hears of changes."""
    open_notebook(lab)
    before = broker.subscribers
    lab.run_code(CELL)
    for _ in range(600):
        if broker.subscribers > before:
            break
        lab.page.wait_for_timeout(100)
    assert broker.subscribers > before, "the card has not subscribed"
    return lab.page.get_by_role("region", name="Cluster sea-surface")


def changed(**fields: Any) -> dict[str, Any]:
    cluster = copy.deepcopy(sample.CLUSTER)
    cluster["groups"][1] |= fields
    return {"kind": "cluster", "cluster": cluster}


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_shows_how_the_cluster_is_as_it_changes(
    lab: Lab, broker: BrokerDouble, theme: str
) -> None:
    lab.execute("apputils:change-theme", {"theme": theme})
    card = open_card(lab, broker)
    row = card.get_by_role("row").filter(has_text="leonardo/boost_usr_prod")
    expect(row).to_contain_text("0 of 4")
    cost = card.get_by_title("1.2 EUR/h now")
    expect(cost).to_contain_text("~0.421 EUR")
    expect(cost).to_have_attribute("title", re.compile("estimated · a list · Without leonardo"))
    expect(row).to_contain_text("PENDING: Priority, est. 14:20")
    expect(card).to_contain_text("Tasks running2")
    expect(card).to_contain_text("52 MB")
    lab.screenshot(f"card-{theme.split()[-1].lower()}")
    broker.emit(changed(workers_ready=4, state="ready", reason=""))
    expect(row).to_contain_text("4 of 4")
    broker.emit({"kind": "cluster-gone", "name": "sea-surface"})
    expect(card.get_by_role("status")).to_have_text("stopped")
    expect(card).to_contain_text("It has ended.")


def test_what_a_site_says_is_text_and_nothing_else(lab: Lab, broker: BrokerDouble) -> None:
    card = open_card(lab, broker)
    expect(card).to_be_visible()
    broker.emit(changed(reason="<img src=x onerror=alert(1)>\x1b[31m\nred", offer="<b>a</b>"))
    expect(card).to_contain_text("<img src=x onerror=alert(1)> red")
    expect(card).to_contain_text("<b>a</b>")
    assert card.locator("img, b").count() == 0


def test_when_the_broker_goes_the_card_says_that_it_knows_no_more(
    lab: Lab, broker: BrokerDouble
) -> None:
    card = open_card(lab, broker)
    expect(card.get_by_role("status")).to_have_text("running")
    broker.hang_up()
    expect(card.get_by_role("status")).to_have_text("unknown")
    expect(card).to_contain_text("The broker ended the conversation.")


def test_where_no_widget_can_be_shown_it_is_a_table(lab: Lab, broker: BrokerDouble) -> None:
    open_notebook(lab)
    lab.run_code(f"{CELL}._repr_mimebundle_()[0]['text/html']")
    expect(lab.page.locator(".jp-OutputArea").first).to_contain_text("<th>OFFER</th>")


def test_only_who_asks_for_a_card_imports_widgets() -> None:
    code = "import sys, jupyter_continuum as jc; jc.attach; print('anywidget' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

"""The card "What works here", in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.lab import sample
from tests.lab.conftest import Lab
from tests.server.broker_double import BrokerDouble

pytestmark = pytest.mark.lab


def card(panel: Locator, site: str) -> Locator:
    return panel.locator(f"[data-site='{site}']").get_by_role("region", name="What works at")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_card_says_what_works_and_why_the_rest_does_not(lab: Lab, theme: str) -> None:
    lab.execute("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    found = card(lab.open_panel(), "leonardo")
    expect(found).to_contain_text("Workers are reached by SSH exec relay.")
    expect(found).to_contain_text("on lrdn0417")
    found.get_by_role("button", name="What works here").click()
    rows = found.get_by_role("list", name="What was measured").get_by_role("listitem")
    expect(rows).to_have_count(len(sample.REACH["rows"]))
    expect(rows.nth(0)).to_contain_text("✗")
    expect(rows.nth(0)).to_contain_text("the login node denies forwarding")
    expect(rows.nth(1)).to_contain_text("✓")
    expect(rows.nth(2)).to_contain_text("–")
    expect(rows.nth(5)).to_contain_text("Measured")
    expect(rows.nth(7).locator("code")).to_have_text("jupyter continuum prepare leonardo")
    rows.nth(7).scroll_into_view_if_needed()
    lab.screenshot(f"reach-end-{theme.lower()}")
    found.evaluate("card => card.scrollIntoView()")
    lab.screenshot(f"reach-{theme.lower()}")


def test_marks_are_said_to_those_who_do_not_see_them(lab: Lab) -> None:
    found = card(lab.open_panel(), "leonardo")
    expect(found.get_by_role("button", name="What works here 2 work, 3 do not")).to_be_visible()
    found.get_by_role("button", name="What works here").click()
    rows = found.get_by_role("listitem")
    expect(rows.nth(0)).to_contain_text("SSH forwarding: does not work.")
    expect(rows.nth(1)).to_contain_text("SSH exec relay: works.")
    expect(rows.nth(2)).to_contain_text("Outbound TLS: unknown.")


def test_it_opens_and_measures_by_keyboard(lab: Lab, broker: BrokerDouble) -> None:
    found = card(lab.open_panel(), "leonardo")
    title = found.get_by_role("button", name="What works here")
    title.focus()
    title.press("Enter")
    expect(title).to_have_attribute("aria-expanded", "true")
    title.press("Tab")
    again = found.get_by_role("button", name="Measure again what works at Leonardo")
    expect(again).to_be_focused()
    with lab.page.expect_response("**/sites/leonardo/probe*"):
        again.press("Enter")
    asked = {"site": "leonardo", "offer": "leonardo/boost_usr_prod"}
    assert ("probe", asked) in broker.calls


def test_progress_streams_in_and_can_be_stopped(lab: Lab, broker: BrokerDouble) -> None:
    found = card(lab.open_panel(), "emulated-a")
    expect(found).to_contain_text("Not measured yet.")
    site = sample.SITES[0]
    broker.emit({"kind": "site", "site": site | {"probing": "PENDING: Priority, est. 14:20"}})
    expect(found.get_by_role("status")).to_have_text("PENDING: Priority, est. 14:20")
    lab.screenshot("reach-progress")
    with lab.page.expect_response("**/sites/emulated-a/probe*"):
        found.get_by_role("button", name="Stop measuring at Emulated site A").click()
    assert ("cancel_probe", {"site": "emulated-a"}) in broker.calls
    broker.emit({"kind": "site", "site": site | {"reach": sample.REACH}})
    expect(found).to_contain_text("Workers are reached by SSH exec relay.")


def test_a_probe_that_fails_says_why(lab: Lab, broker: BrokerDouble) -> None:
    broker.errors["probe"] = ("ContinuumError", "emulated-a: no python3 (3.6 or later) was found.")
    found = card(lab.open_panel(), "emulated-a")
    found.get_by_role("button", name="Measure what works at Emulated site A").click()
    expect(lab.page.locator(".Toastify")).to_contain_text("no python3 (3.6 or later)")


def test_only_connected_sites_have_a_card(lab: Lab) -> None:
    panel = lab.open_panel()
    panel.locator("[data-site='lumi'] > button").click()
    expect(panel.get_by_role("button", name="Add lumi/standard to the launch")).to_be_visible()
    expect(card(panel, "lumi")).to_have_count(0)


def test_what_a_node_said_is_text_and_nothing_else(lab: Lab, broker: BrokerDouble) -> None:
    evil = sample.row("GPU driver", "works", "<img src=x onerror=alert(1)>", "<b>`bold`</b>")
    panel = lab.open_panel()
    expect(card(panel, "leonardo")).to_be_visible()  # what was asked before the event has come
    broker.emit(
        {"kind": "site", "site": sample.SITES[0] | {"reach": sample.REACH | {"rows": [evil]}}}
    )
    found = card(panel, "emulated-a")
    found.get_by_role("button", name="What works here").click()
    expect(found).to_contain_text("<img src=x onerror=alert(1)>")
    expect(found.locator("img, b")).to_have_count(0)

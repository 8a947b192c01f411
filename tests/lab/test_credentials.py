"""Until when a login lets in, told before and after; and signing in again from the panel."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.lab import sample
from tests.lab.conftest import Lab
from tests.lab.test_panel import site
from tests.server.broker_double import BrokerDouble

pytestmark = pytest.mark.lab

NAME = "certificate /home/ada/.ssh/leonardo-cert.pub"


HEAR = """() => {
    window.told = [];
    new MutationObserver(changes => {
        for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
            if (node instanceof Element) {
                window.told.push(...[node, ...node.querySelectorAll('*')]
                    .filter(each => each.matches('.Toastify__toast'))
                    .map(each => each.innerText));
            }
        }
    }).observe(document.body, { childList: true, subtree: true });
}"""
"""Keeps what is told: it goes away after eight seconds, which a busy machine may take to look."""


def leonardo(verdict: str, said: str) -> dict[str, Any]:
    found = next(each for each in sample.SITES if each["id"] == "leonardo")
    return found | {"credentials": [sample.credential(NAME, verdict, sample.EXPIRES, said)]}


def kept(lab: Lab) -> Locator:
    """JupyterLab's list of notifications."""
    center = lab.page.locator(".jp-Notification-Center")
    if not center.is_visible():
        lab.execute("apputils:display-notifications")
    return center


def test_a_login_that_expires_soon_is_told_once_until_it_is_renewed(
    lab: Lab, broker: BrokerDouble
) -> None:
    broker.answers["sites"] = [each for each in sample.SITES if each["id"] != "marenostrum5"]
    panel = lab.open_panel()
    logins = panel.get_by_role("list", name="Logins of Leonardo")
    expect(logins).to_contain_text("Login valid until")
    expect(logins).to_contain_text("left")
    soon = leonardo("soon", "The certificate expires soon. Run `step ssh login`.")
    lab.page.evaluate(HEAR)
    for _ in range(2):
        broker.emit({"kind": "site", "site": soon})
    site(panel, "leonardo").click()  # folded, it says so too
    expect(site(panel, "leonardo")).to_contain_text("Login expires soon")
    lab.page.wait_for_function("() => window.told.length")
    lab.screenshot("login-expires-soon")
    expect(lab.page.locator(".Toastify__toast")).to_have_count(0)  # by itself; it is kept
    (said,) = lab.page.evaluate("window.told")
    assert "Leonardo: your login expires at" in said
    expect(site(panel, "leonardo")).to_contain_text("Login expires soon")
    broker.answers["refresh"] = leonardo("valid", "")
    kept(lab).get_by_role("button", name="I renewed it").click()
    expect(site(panel, "leonardo")).not_to_contain_text("Login expires soon")
    expect(kept(lab)).not_to_contain_text("Leonardo")
    assert ("refresh", {"site": "leonardo"}) in broker.calls


def test_a_site_that_wants_the_person_has_a_button_to_sign_in(
    lab: Lab, broker: BrokerDouble
) -> None:
    panel = lab.open_panel()
    told = kept(lab)
    expect(told).to_contain_text("MareNostrum 5: your login expired at")
    told.get_by_role("button", name="Show").click()
    expect(site(panel, "marenostrum5")).to_have_attribute("aria-expanded", "true")
    body = panel.locator("[data-site='marenostrum5']")
    expect(body).to_contain_text("Login expired at")
    expect(body).to_contain_text("step ssh login")
    lab.screenshot("login-expired")
    broker.answers["refresh"] = sample.site("marenostrum5", "MareNostrum 5", "ready")
    body.get_by_role("button", name="Sign in").click()
    expect(site(panel, "marenostrum5")).to_contain_text("Ready")
    assert ("refresh", {"site": "marenostrum5"}) in broker.calls


def test_a_certificate_is_renewed_from_beside_its_clock(lab: Lab, broker: BrokerDouble) -> None:
    soon = leonardo("soon", "The certificate expires soon.") | {"renewable": True}
    broker.answers["sites"] = [soon]
    panel = lab.open_panel()
    renew = panel.get_by_role("button", name="Renew the certificate of Leonardo")
    expect(renew).to_be_visible()
    lab.screenshot("renew")
    broker.answers["renew"] = leonardo("valid", "") | {"renewable": True}
    renew.click()
    expect(site(panel, "leonardo")).not_to_contain_text("Login expires soon")
    assert ("renew", {"site": "leonardo"}) in broker.calls

"""The questions of ``connect`` as dialogs: what is known stands there, a secret goes nowhere."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.lab import sample
from tests.lab.conftest import Lab, asked
from tests.lab.test_panel import site
from tests.server.broker_double import BrokerDouble

pytestmark = pytest.mark.lab


def test_a_site_of_the_catalogue_is_asked_for_what_only_the_person_knows(
    lab: Lab, broker: BrokerDouble
) -> None:
    panel = lab.open_panel()
    site(panel, "lumi").click()
    panel.get_by_role("button", name="Connect…").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("registered through MyAccessID")
    expect(dialog.get_by_label("Login node")).to_have_value("lumi.csc.fi")
    expect(dialog.get_by_label("User name there")).to_have_value("ada")
    dialog.get_by_label("User name there").fill("jdoe")
    terms = dialog.get_by_role("link", name="Read them")
    expect(terms).to_have_attribute("href", "https://lumi.example/terms")
    dialog.get_by_label("I have accepted the terms of use of LUMI").check()
    lab.screenshot("connect")
    connecting = sample.site("lumi", "LUMI", "connecting", country="FI")
    broker.answers["connect"] = connecting
    dialog.get_by_role("button", name="Connect").click()
    # The site asks meanwhile; nothing but "yes" goes back.
    broker.answers["prompts"] = [sample.HOST_KEY]
    shown = {key: sample.HOST_KEY[key] for key in ("id", "kind", "site", "text")}
    broker.emit({"kind": "prompt", "prompt": shown})
    expect(dialog).to_contain_text("SHA256:abc")
    lab.screenshot("host-key")
    dialog.get_by_role("button", name="Trust this host").click()
    expect(dialog).to_have_count(0)
    assert asked(lab, broker, "answer") == [{"id": "p-2", "value": "yes"}]
    # Once it is in, it is asked what the person may charge; with the key that was pinned.
    broker.answers["associations"] = [
        {"account": "project_1", "qos": ["normal"], "default_qos": "", "partition": ""},
        {"account": "project_2", "qos": ["normal", "long"], "default_qos": "", "partition": ""},
    ]
    login = {"host": "lumi.csc.fi", "user": "jdoe", "host_key": "ssh-ed25519 AAAA"}
    saved = {"site": "lumi", "kind": "slurm", "ssh": login}
    broker.answers["draft"] = sample.DRAFT | {"profile": saved}
    ready = sample.site("lumi", "LUMI", "ready", country="FI")
    broker.answers["connect"] = ready
    broker.emit({"kind": "site", "site": ready})
    expect(dialog).to_contain_text("Which account is charged?")
    dialog.get_by_label("project_2").check()
    dialog.get_by_label("QoS").fill("long")
    lab.screenshot("account")
    dialog.get_by_role("button", name="Charge it").click()
    expect(dialog).to_have_count(0)
    first, second = (each["profile"] for each in asked(lab, broker, "connect", 2))
    expect(site(panel, "lumi")).to_contain_text("Ready")
    assert first == {
        "site": "lumi",
        "kind": "slurm",
        "ssh": {"host": "lumi.csc.fi", "user": "jdoe"},
        "terms_accepted": True,
    }
    assert second == saved | {"account": "project_2", "qos": "long", "terms_accepted": True}


def test_a_cluster_of_ones_own_is_taken_from_what_ssh_knows(lab: Lab, broker: BrokerDouble) -> None:
    broker.answers["draft"] = {
        "site": "",
        "user": "ada",
        "profile": {},
        "access": "",
        "terms": "",
        "docs": "",
        "candidates": sample.CANDIDATES,
    }
    panel = lab.open_panel()
    panel.get_by_role("button", name="Connect your own…").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog.get_by_role("radio")).to_have_count(2)  # what cannot be used is not offered
    dialog.get_by_label("Group.Cluster").check()
    lab.screenshot("connect-own")
    dialog.get_by_role("button", name="Next").click()
    expect(dialog).to_contain_text("through gate.example")
    name = dialog.get_by_label("A short name for it")
    expect(name).to_have_value("group-cluster")
    broker.answers["connect"] = sample.site("group", "Group", "ready", kind="own")
    name.fill("group")
    dialog.get_by_role("button", name="Connect").click()
    expect(site(panel, "group")).to_contain_text("Ready")
    (profile,) = (each["profile"] for each in asked(lab, broker, "connect"))
    assert profile["site"] == "group"
    assert profile["ssh"]["jump"] == [{"host": "gate.example", "user": "ada"}]


def test_what_was_answered_is_kept_nowhere_in_the_browser(lab: Lab, broker: BrokerDouble) -> None:
    secret = "hunter2-of-the-test"
    broker.answers["prompts"] = [sample.PROMPT]
    lab.open_panel()
    dialog = lab.page.get_by_role("dialog")
    dialog.locator("input").fill(secret)
    dialog.locator("input").press("Enter")
    expect(dialog).to_have_count(0)
    assert asked(lab, broker, "answer") == [{"id": "p-1", "value": secret}]
    kept = lab.page.evaluate(
        """async () => {
            const texts = [document.documentElement.outerHTML, document.cookie, location.href];
            for (const storage of [localStorage, sessionStorage]) {
                texts.push(JSON.stringify(Object.entries(storage)));
            }
            const stores = await indexedDB.databases();
            for (const { name } of stores) {
                const base = await new Promise((done, fail) => {
                    const asked = indexedDB.open(name);
                    asked.onsuccess = () => done(asked.result);
                    asked.onerror = () => fail(asked.error);
                });
                for (const store of base.objectStoreNames) {
                    texts.push(await new Promise((done, fail) => {
                        const all = base.transaction(store).objectStore(store).getAll();
                        all.onsuccess = () => done(JSON.stringify(all.result));
                        all.onerror = () => fail(all.error);
                    }));
                }
                base.close();
            }
            return texts.join();
        }"""
    )
    assert secret not in kept
    assert secret not in lab.server.log.read_text()

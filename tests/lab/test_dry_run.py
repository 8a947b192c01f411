"""What a launch would do, seen before it does it, and kept as a file."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.lab import sample
from tests.lab.conftest import Lab
from tests.server.broker_double import BrokerDouble

pytestmark = pytest.mark.lab

CLAIM = "emulated-a:eur"


def open_dry_run(lab: Lab) -> Locator:
    panel = lab.open_panel()
    panel.get_by_role("button", name="Add emulated-a/cpu to the launch").click()
    panel.get_by_role("button", name="Dry run").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("#SBATCH --job-name")
    return dialog


def test_it_shows_wait_cost_and_carbon_with_how_they_are_known(lab: Lab) -> None:
    dialog = open_dry_run(lab)
    facts = dialog.get_by_role("table", name="What Emulated site A takes")
    wait, cost, units, energy, carbon, login = facts.get_by_role("row").all()
    expect(wait).to_contain_text("~12 min, 90 %: 2 h")
    expect(wait).to_contain_text("8 of 10 were within it")
    expect(cost).to_contain_text("–")
    expect(cost).to_contain_text("The site names no price.")
    expect(units).to_contain_text("16 core-hours")
    expect(energy).to_contain_text("~0.84 kWh")
    expect(carbon).to_contain_text("Ember, mean of 2024 in IT")
    expect(login).to_contain_text("valid until")
    expect(dialog).to_contain_text("numpy")
    expect(dialog).to_contain_text("should be known")


def test_an_unknown_claim_is_accepted_by_name_and_only_then_launched(
    lab: Lab, broker: BrokerDouble
) -> None:
    dialog = open_dry_run(lab)
    expect(dialog.get_by_role("alert")).to_contain_text("Accept it, or choose")
    expect(dialog.get_by_role("button", name="Launch")).to_have_count(0)
    accept = dialog.get_by_role("checkbox", name=f"Accept {CLAIM}")
    expect(accept).to_be_in_viewport()
    accept.check()
    findings = [dict(each) for each in sample.DRY_RUN["policy"]]
    findings[1] |= {"verdict": "accepted", "said": "You took it as it is."}
    broker.answers["dry_run"] = sample.DRY_RUN | {"policy": findings, "refusal": ""}
    dialog.get_by_role("button", name="Check again").click()
    expect(dialog).to_contain_text("You took it as it is.")
    dialog.get_by_role("button", name="Launch").click()
    panel = lab.page.get_by_role("region", name="Continuum", exact=True)
    expect(panel).to_contain_text("Add offers with + above")  # it was launched
    calls = [params for method, params in broker.calls if method in ("dry_run", "launch")]
    assert [each["accept"] for each in calls] == [[], [CLAIM], [CLAIM]]


def test_the_plan_is_saved_as_a_file_and_never_over_another_unasked(lab: Lab) -> None:
    kept = lab.server.root / "sea-surface.yaml"
    dialog = open_dry_run(lab)
    dialog.get_by_role("button", name="Save plan…").click()
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_contain_text("Dry run of sea-surface")  # it is there again
    expect(lab.page.locator(".Toastify")).to_contain_text("Saved sea-surface.yaml.")
    assert kept.read_text() == sample.DRY_RUN["plan"]
    kept.write_text("mine")
    dialog.get_by_role("button", name="Save plan…").click()
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_contain_text("Replace sea-surface.yaml?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_contain_text("Dry run of sea-surface")
    dialog.get_by_role("button", name="Close").click()
    assert kept.read_text() == "mine"
    kept.unlink()

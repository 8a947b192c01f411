from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.lab import sample
from tests.lab.conftest import Lab, asked, start_lab
from tests.server.broker_double import BrokerDouble
from tests.server.jupyter_process import READ_ONLY

pytestmark = pytest.mark.lab


def site(panel: Locator, identifier: str) -> Locator:
    """The line of a site, which folds out its offers."""
    return panel.locator(f"[data-site='{identifier}'] > button")


def test_site_records_are_there_when_the_panel_opens(lab: Lab) -> None:
    panel = lab.open_panel()
    expect(site(panel, "leonardo")).to_be_visible()
    expect(panel.locator("[data-site]")).to_have_count(len(sample.SITES))


def test_every_site_shows_its_state_in_words(lab: Lab) -> None:
    panel = lab.open_panel()
    expect(site(panel, "karolina")).to_contain_text(
        "Unreachable · No answer since 14:02; trying again every minute."
    )
    expect(site(panel, "marenostrum5")).to_contain_text("Sign-in needed")
    expect(site(panel, "lumi")).to_contain_text("Not connected")
    expect(site(panel, "alice-recoque")).to_contain_text("Not open yet")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_panel_can_be_looked_at(lab: Lab, theme: str) -> None:
    lab.execute("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    panel = lab.open_panel()
    lab.page.wait_for_function(
        "theme => document.body.dataset.jpThemeName === theme", arg=f"JupyterLab {theme}"
    )
    panel.get_by_role("button", name="Add emulated-a/cpu to the launch").click()
    panel.get_by_role("button", name="Add leonardo/boost_usr_prod to the launch").click()
    lab.screenshot(f"panel-{theme.lower()}")
    panel.get_by_role("button", name="Dry run").click()
    expect(lab.page.get_by_role("dialog")).to_contain_text("#SBATCH --job-name")
    lab.screenshot(f"dry-run-{theme.lower()}")


def test_search_finds_by_gpu_and_country(lab: Lab) -> None:
    panel = lab.open_panel()
    search = panel.get_by_role("searchbox", name="Search sites and offers")
    search.fill("mi250x")
    expect(panel.locator("[data-site]")).to_have_count(1)
    expect(site(panel, "lumi")).to_be_visible()
    search.fill("it a100")
    expect(panel.locator("[data-site]")).to_have_count(1)
    search.fill("nothing like this")
    expect(panel).to_contain_text("No site matches.")


def test_retired_sites_are_behind_a_filter(lab: Lab, broker: BrokerDouble) -> None:
    panel = lab.open_panel()
    expect(site(panel, "lumi")).to_be_visible()
    broker.emit({"kind": "site", "site": sample.RETIRED})
    broker.emit({"kind": "site", "site": sample.SITES[0] | {"reason": "Seen after it."}})
    expect(panel).to_contain_text("Seen after it.")
    expect(panel).not_to_contain_text("Piz Daint")
    broker.answers["sites"] = [*sample.SITES, sample.RETIRED]
    panel.get_by_role("button", name="Retired").click()
    expect(site(panel, "piz-daint")).to_contain_text("Retired")
    assert ("sites", {"retired": True}) in broker.calls


def test_states_stream_in(lab: Lab, broker: BrokerDouble) -> None:
    panel = lab.open_panel()
    expect(site(panel, "karolina")).to_contain_text("Unreachable")
    broker.emit({"kind": "site", "site": sample.site("karolina", "Karolina", "ready")})
    expect(site(panel, "karolina")).to_contain_text("Ready")
    broker.emit({"kind": "cluster-gone", "name": "sea-surface"})
    expect(panel).to_contain_text("No cluster runs.")


def test_launching_sends_the_plan(lab: Lab, broker: BrokerDouble) -> None:
    panel = lab.open_panel()
    panel.get_by_role("button", name="Add emulated-a/cpu to the launch").click()
    panel.get_by_role("button", name="Add emulated-b/cpu to the launch").click()
    panel.get_by_role("button", name="Jobs at emulated-b/cpu +1").click()
    minutes = panel.get_by_role("textbox", name="Minutes of walltime at emulated-b/cpu")
    minutes.fill("30")
    minutes.blur()
    name = panel.get_by_role("textbox", name="Cluster name")
    name.fill("Not A Name")
    expect(panel.get_by_role("button", name="Launch", exact=True).last).to_be_disabled()
    name.fill("mine")
    panel.get_by_role("button", name="Launch", exact=True).last.click()
    expect(panel).to_contain_text("Add offers with + above")
    plan = next(params["plan"] for method, params in broker.calls if method == "launch")
    assert plan == {
        "name": "mine",
        "groups": [
            {"offer": "emulated-a/cpu", "jobs": 1, "nodes": 1},
            {"offer": "emulated-b/cpu", "jobs": 2, "nodes": 1, "walltime_minutes": 30},
        ],
    }


def test_a_refused_launch_says_why_and_keeps_what_was_chosen(
    lab: Lab, broker: BrokerDouble
) -> None:
    broker.errors["launch"] = ("PlanRefused", "emulated-a has 2 nodes, not 9. Ask for fewer.")
    panel = lab.open_panel()
    panel.get_by_role("button", name="Add emulated-a/cpu to the launch").click()
    panel.get_by_role("button", name="Launch", exact=True).last.click()
    expect(lab.page.locator(".Toastify")).to_contain_text("emulated-a has 2 nodes, not 9.")
    expect(panel.get_by_role("list", name="Chosen offers")).to_contain_text("Emulated site A")


def test_who_may_only_look_sees_it_all_and_is_told_when_a_launch_is_refused(
    page: Page, broker: BrokerDouble, lab_data: Path, tmp_path: Path
) -> None:
    server = start_lab(tmp_path / "home", lab_data, config=READ_ONLY)
    try:
        lab = Lab(page, server)
        lab.open()
        panel = lab.open_panel()
        expect(panel.locator("[data-cluster='sea-surface']")).to_contain_text("Running")
        panel.get_by_role("button", name="Add emulated-a/cpu to the launch").click()
        panel.get_by_role("button", name="Launch", exact=True).last.click()
        expect(lab.page.locator(".Toastify")).to_contain_text("lets you look and change nothing")
        expect(panel.get_by_role("list", name="Chosen offers")).to_contain_text("Emulated site A")
        panel.get_by_role("button", name="Jobs of group emulated-a +1").click()
        expect(panel.locator("[data-group='emulated-a']")).to_contain_text("2 of 2")
    finally:
        server.close()
    assert not {method for method, _ in broker.calls} & {"launch", "scale"}


def test_an_offer_that_cannot_be_launched_says_why(lab: Lab) -> None:
    panel = lab.open_panel()
    site(panel, "lumi").click()
    add = panel.get_by_role("button", name="Add lumi/standard-g to the launch")
    expect(add).to_have_attribute("aria-disabled", "true")
    assert "Connect the site first." in (add.get_attribute("title") or "")
    add.click(force=True)  # as a person may, though it looks disabled
    expect(panel).to_contain_text("Add offers with + above")


def test_a_cluster_shows_workers_reasons_and_bytes(lab: Lab, broker: BrokerDouble) -> None:
    panel = lab.open_panel()
    cluster = panel.locator("[data-cluster='sea-surface']")
    expect(cluster).to_contain_text("PENDING: Priority, est. 14:20")
    expect(cluster).to_contain_text("48.1 MB")
    cluster.get_by_role("button", name="4 queued").click()
    expect(cluster).to_contain_text("leonardo-1-0-3")
    lab.screenshot("cluster")
    bound = {"dataset": "era5", "said": "era5 must stay in IT: no workers but at leonardo."}
    broker.emit({"kind": "cluster", "cluster": sample.CLUSTER | {"residency": [bound]}})
    expect(cluster).to_contain_text("era5 must stay in IT")


def test_devices_stand_by_site_with_what_is_known_of_them(lab: Lab) -> None:
    panel = lab.open_panel()
    panel.get_by_role("button", name="Devices 2 · 85 % · 320 W").click()
    devices = panel.get_by_role("list", name="Devices of Emulated site A")
    items = devices.get_by_role("listitem")
    expect(items).to_have_count(2)
    gpu, cpu = items.all()
    expect(gpu).to_contain_text("NVIDIA H200 · 320 W")
    expect(gpu.get_by_role("meter", name="Busy")).to_have_attribute("aria-valuenow", "85")
    expect(gpu).to_contain_text("1.1 GB / 4.3 GB")
    expect(cpu).to_contain_text("CPU")
    devices.scroll_into_view_if_needed()
    lab.screenshot("devices")


def test_scaling_and_stopping_ask_the_broker(lab: Lab, broker: BrokerDouble) -> None:
    panel = lab.open_panel()
    panel.get_by_role("button", name="Jobs of group emulated-a +1").click()
    panel.get_by_role("button", name="Stop sea-surface").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Stop sea-surface?")
    dialog.get_by_role("button", name="Stop").click()
    expect(panel.locator("[data-cluster='sea-surface']")).to_contain_text("Stopped")
    assert ("scale", {"name": "sea-surface", "group": "emulated-a", "jobs": 3}) in broker.calls
    assert ("stop", {"name": "sea-surface"}) in broker.calls


def test_two_tabs_that_scale_at_once_end_with_the_same_number(
    lab: Lab, broker: BrokerDouble
) -> None:
    other = Lab(lab.page.context.new_page(), lab.server)
    other.open()
    panels = [lab.open_panel(), other.open_panel()]
    for panel, step in zip(panels, ("+1", "−1"), strict=True):
        panel.get_by_role("button", name=f"Jobs of group emulated-a {step}").click()
    for panel in panels:
        expect(panel.locator("[data-cluster='sea-surface']")).not_to_contain_text("Changing")
    asked = sorted(params["jobs"] for method, params in broker.calls if method == "scale")
    assert asked == [1, 3]
    first, *rest = sample.CLUSTER["groups"]
    changed = [first | {"jobs_wanted": 1}, *rest]
    broker.emit({"kind": "cluster", "cluster": sample.CLUSTER | {"groups": changed}})
    for panel in panels:
        jobs = panel.get_by_role("textbox", name="Jobs of group emulated-a")
        expect(jobs).to_have_value("1")
    other.page.close()


def test_all_access_to_a_cluster_can_be_ended(lab: Lab, broker: BrokerDouble) -> None:
    panel = lab.open_panel()
    cluster = panel.locator("[data-cluster='sea-surface']")
    cluster.get_by_role("button", name="Who can run code in sea-surface").click()
    clients = cluster.get_by_role("list", name="Clients of sea-surface")
    expect(clients).to_contain_text("sea.ipynb, process 4711")
    expect(cluster).to_contain_text("as ada00001@login.leonardo.cineca.it · account EUHPC_D01_001")
    expect(cluster).to_contain_text("Lease: jobs that hear nothing from the cluster for 10 min")
    cluster.get_by_role("button", name="End all access now").scroll_into_view_if_needed()
    lab.screenshot("access")
    cluster.get_by_role("button", name="End all access now").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Every client is dropped now")
    lab.screenshot("end-access")
    ended = sample.CLUSTER["access"] | {"open": False, "clients": [], "away": 0}
    broker.answers["end_access"] = sample.CLUSTER | {"access": ended}
    broker.answers["open_access"] = sample.CLUSTER
    dialog.get_by_role("button", name="End all access").click()
    expect(cluster).to_contain_text("All access was ended: nobody is let in.")
    cluster.get_by_role("button", name="Let clients in again").click()
    expect(clients).to_contain_text("sea.ipynb")
    assert ("end_access", {"name": "sea-surface"}) in broker.calls
    assert ("open_access", {"name": "sea-surface"}) in broker.calls


def test_a_group_says_why_it_waits_and_can_be_drained(lab: Lab, broker: BrokerDouble) -> None:
    panel = lab.open_panel()
    group = panel.locator("[data-group='leonardo']")
    expect(group).to_contain_text(
        "Jobs of higher priority come first. Jobs that wait at this offer: 1,204."
    )
    expect(group).to_contain_text(
        "A wait of ~12 min is expected (the batch system, of a job that waits)."
    )
    expect(panel.locator("[data-group='emulated-a']")).to_contain_text("Walltime ends at")
    panel.get_by_role("button", name="Drain emulated-a").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("hand over what they hold")
    broker.answers["scale"] = sample.CLUSTER | {"reason": "emulated-a is drained."}
    dialog.get_by_role("button", name="Drain").click()
    expect(panel).to_contain_text("emulated-a is drained.")
    assert ("scale", {"name": "sea-surface", "group": "emulated-a", "jobs": 0}) in broker.calls


def test_the_attaching_cell_goes_into_the_notebook(lab: Lab) -> None:
    lab.execute("notebook:create-new", {"kernelName": "python3"})
    panel = lab.open_panel()
    panel.get_by_role("button", name="Insert attaching cell").click()
    cell = lab.page.locator(".jp-Notebook .jp-CodeCell").first
    expect(cell).to_contain_text('client = jc.attach("sea-surface").get_client()')


def test_data_sets_are_listed_and_a_cell_that_opens_one_is_inserted(
    lab: Lab, broker: BrokerDouble
) -> None:
    broker.answers["datasets"] = sample.DATASETS
    lab.execute("notebook:create-new", {"kernelName": "python3"})
    panel = lab.open_panel()
    panel.get_by_role("button", name="Data", exact=True).click()
    shown = panel.get_by_role("list", name="Data sets").get_by_role("listitem")
    expect(shown).to_have_count(2)
    expect(shown.first).to_contain_text("FI (unverified)")
    expect(shown.first).to_contain_text("120.5 GB")
    expect(shown.last).to_contain_text("<img src=x onerror=alert(1)>")
    expect(shown.last.get_by_text("unknown")).to_have_count(4)
    shown.last.scroll_into_view_if_needed()
    lab.screenshot("data")
    panel.get_by_role("button", name="Insert a cell that opens era5").click()
    cell = lab.page.locator(".jp-Notebook .jp-CodeCell").first
    expect(cell).to_contain_text('data = jc.open_dataset("era5")')


def test_without_a_notebook_the_attaching_cell_asks_for_one(lab: Lab) -> None:
    panel = lab.open_panel()
    panel.get_by_role("button", name="Insert attaching cell").click()
    expect(lab.page.locator(".Toastify")).to_contain_text("Open a notebook first")


def test_a_prompt_is_asked_hidden_and_answered_once(lab: Lab, broker: BrokerDouble) -> None:
    panel = lab.open_panel()
    expect(site(panel, "leonardo")).to_be_visible()
    broker.answers["prompts"] = [sample.PROMPT]
    shown = {key: sample.PROMPT[key] for key in ("id", "kind", "site", "text")}
    broker.emit({"kind": "prompt", "prompt": shown})
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("karolina asks for the one-time code of jdoe.")
    answer = dialog.locator("input")
    expect(answer).to_have_attribute("type", "password")
    lab.screenshot("prompt")
    answer.fill("123456")
    answer.press("Enter")
    expect(dialog).to_have_count(0)
    assert asked(lab, broker, "answer") == [{"id": "p-1", "value": "123456"}]


def test_a_prompt_put_aside_stays_in_the_panel_and_can_be_refused(
    lab: Lab, broker: BrokerDouble
) -> None:
    broker.answers["prompts"] = [sample.PROMPT]
    panel = lab.open_panel()
    dialog = lab.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Later").click()
    expect(dialog).to_have_count(0)
    assert not [method for method, _ in broker.calls if method == "answer"]
    panel.get_by_role("button", name="Answer…").click()
    dialog.get_by_role("button", name="Refuse").click()
    expect(panel.get_by_role("button", name="Answer…")).to_have_count(0)
    assert asked(lab, broker, "answer") == [{"id": "p-1", "value": None}]


def test_a_prompt_answered_elsewhere_closes_here(lab: Lab, broker: BrokerDouble) -> None:
    broker.answers["prompts"] = [sample.PROMPT]
    lab.open_panel()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("one-time code")
    broker.emit({"kind": "prompt-gone", "id": "p-1"})
    expect(dialog).to_have_count(0)
    assert not [method for method, _ in broker.calls if method == "answer"]


def test_a_broker_that_is_gone_is_said_and_tried_again(lab: Lab, broker: BrokerDouble) -> None:
    broker.errors["sites"] = ("BrokerError", "The broker does not answer.")
    panel = lab.open_panel()
    expect(panel.get_by_role("alert")).to_contain_text("The broker does not answer.")
    broker.errors.clear()
    panel.get_by_role("button", name="Try again").click()
    expect(site(panel, "leonardo")).to_be_visible()
    expect(panel.get_by_role("alert")).to_have_count(0)


def test_everything_is_reached_by_keyboard(lab: Lab) -> None:
    panel = lab.open_panel()
    search = panel.get_by_role("searchbox", name="Search sites and offers")
    search.fill("lumi")
    search.press("Tab")  # GPU
    lab.page.keyboard.press("Tab")  # Retired
    lab.page.keyboard.press("Tab")  # Browse
    lab.page.keyboard.press("Tab")  # Connect your own
    lab.page.keyboard.press("Tab")
    lumi = site(panel, "lumi")
    expect(lumi).to_be_focused()
    lab.page.keyboard.press("Enter")
    expect(lumi).to_have_attribute("aria-expanded", "true")
    add = panel.get_by_role("button", name="Add lumi/standard-g to the launch")
    expect(add).to_be_visible()
    expect(lumi).to_be_focused()  # what it opened did not take the focus away
    lab.page.keyboard.press("Tab")
    expect(add).to_be_focused()


def test_every_control_has_a_name(lab: Lab) -> None:
    panel = lab.open_panel()
    panel.get_by_role("button", name="Add emulated-a/cpu to the launch").click()
    nameless = panel.evaluate(
        """node => [...node.querySelectorAll('button, input')]
            .filter(it => !(it.ariaLabel || it.textContent.trim() || it.labels?.length))
            .map(it => it.outerHTML)"""
    )
    assert nameless == []

"""What is expected of offers, by real records and what real jobs waited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import jupyter_continuum as jc
from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import ContinuumError
from tests.broker.conftest import View, launch, wait_for
from tests.conftest import RunningBroker


def offer(id: str) -> View:
    site = next(each for each in call_broker("sites") if each["id"] == id.partition("/")[0])
    found: View = next(each for each in site["offers"] if each["id"] == id)
    return found


def test_each_value_of_an_offer_says_how_it_is_known(two_sites: RunningBroker) -> None:
    here = offer("local/cores")
    assert (here["wait"]["median"], here["wait"]["kind"]) == (0, "stated")
    assert (here["price_eur"]["value"], here["price_eur"]["kind"]) == (0, "stated")
    assert here["carbon_g"]["value"] is None
    assert "nothing here measures" in here["carbon_g"]["reason"]
    assert offer("north/cpu")["wait"]["source"] == "the profile of the imitation"
    far = offer("lumi/standard-g")
    assert (far["country"], far["per"], far["unit"]) == ("FI", "GCD", "GPU-hour")
    assert (far["units"]["value"], far["whole_node"]) == (0.5, True)
    assert (far["carbon_g"]["kind"], far["carbon_g"]["date"]) == ("estimated", "2025")
    assert "Electricity Maps" in far["carbon_g"]["source"]
    assert far["price_eur"]["value"] is None
    assert "allocation" in far["price_eur"]["reason"]
    assert far["wait"]["median"] is None
    assert far["wait"]["reason"]

    by_wait = call_broker("rank", by="wait")
    assert {each["offer"] for each in by_wait[:3]} == {"local/cores", "north/cpu", "south/cpu"}
    assert by_wait[-1]["place"] is None
    assert call_broker("rank", by="carbon")[-1]["line"].startswith("not ranked by carbon: ")
    with pytest.raises(ContinuumError, match="wait, price, carbon"):
        call_broker("rank", by="luck")


def test_an_own_record_gives_an_imitation_a_price_and_earlier_jobs_a_track_record(
    priced: Path,
) -> None:
    found = offer("north/cpu")
    assert (found["price_eur"]["value"], found["price_eur"]["kind"]) == (3600, "stated")
    assert "a price list" in found["price_eur"]["source"]
    assert found["wait"]["record"] == ""
    launch("north/cpu", jobs=3)
    running = offer("north/cpu")["wait"]["record"]
    assert running.startswith("Half of the last 3 own jobs there began within ")
    view = call_broker("cluster", name="main")
    assert (view["eur_per_hour"]["value"], view["eur_per_hour"]["kind"]) == (10800, "estimated")
    assert view["eur"]["value"] > 0
    assert "nothing here measures" in view["carbon_kg"]["reason"]
    assert re.search(r"Spent: ~[0-9.e+]+ EUR, ~1.08e\+04 EUR/h now; kgCO2eq unknown\n",
                     repr(jc.attach("main")))  # fmt: skip
    call_broker("scale", name="main", group="north", jobs=1)
    wait_for("main", lambda view: view["eur_per_hour"]["value"] == 3600)
    call_broker("stop", name="main")
    assert offer("north/cpu")["wait"]["record"] == running

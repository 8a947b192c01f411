"""What probes measured is kept as claims, counts for thirty days, and guides the session."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.sites.reach import Reach, Surroundings
from jupyter_continuum.paths import data_dir
from jupyter_continuum.sites.probe.facts import Disk, Facts, Trial
from jupyter_continuum.sites.protocols import CarrierName

TODAY = date(2026, 11, 25)
LAST_DAY = TODAY + timedelta(days=30)
A, B = CarrierName.FORWARD, CarrierName.EXEC
AROUND = Surroundings("leo", (A, B))
FACTS = Facts(
    node="a-c1",
    glibc="2.34",
    disks=(Disk(path="/tmp", kind="xfs", free_bytes=10**11),),
    trials=(Trial(carrier=A, works=False, why="denied."), Trial(carrier=B, works=True)),
)


def stored() -> Path:
    return data_dir() / "reach" / "leo.json"


@pytest.fixture
def reach(state: Path) -> Reach:
    made = Reach()
    made.record("leo", "leo/cpu", FACTS, job="jc-probe-leo-0", today=TODAY)
    return made


def test_facts_come_back_after_a_restart(reach: Reach) -> None:
    assert Reach().facts("leo", "leo/cpu", TODAY) == FACTS
    assert stored().stat().st_mode & 0o777 == 0o600


def test_a_fact_is_a_measured_claim_with_source_date_and_expiry(reach: Reach) -> None:
    claim = json.loads(stored().read_bytes())["leo/cpu"]["glibc"]
    assert claim["kind"] == "measured"
    assert claim["source"] == "reach probe jc-probe-leo-0"
    assert (claim["observed"], claim["expires"]) == ("2026-11-25", "2026-12-25")


def test_after_its_last_day_a_fact_is_unknown(reach: Reach) -> None:
    assert reach.facts("leo", "leo/cpu", LAST_DAY) == FACTS
    assert reach.facts("leo", "leo/cpu", LAST_DAY + timedelta(days=1)) == Facts()
    assert reach.view(AROUND, LAST_DAY + timedelta(days=1)) is None


def test_what_a_later_probe_could_not_measure_stays_until_it_expires(reach: Reach) -> None:
    later = TODAY + timedelta(days=10)
    reach.record("leo", "leo/cpu", Facts(node="a-c2"), job="jc-probe-leo-1", today=later)
    assert reach.facts("leo", "leo/cpu", later) == FACTS.model_copy(update={"node": "a-c2"})
    assert reach.facts("leo", "leo/cpu", LAST_DAY + timedelta(days=1)) == Facts(node="a-c2")


def test_expired_claims_are_dropped_from_disk(reach: Reach) -> None:
    later = LAST_DAY + timedelta(days=1)
    reach.record("leo", "leo/cpu", Facts(node="a-c2"), job="jc-probe-leo-1", today=later)
    assert list(json.loads(stored().read_bytes())["leo/cpu"]) == ["node"]


def test_the_offer_probed_last_speaks_for_its_site(reach: Reach) -> None:
    reach.record("leo", "leo/gpu", Facts(node="a-g1"), job="jc-probe-leo-1", today=TODAY)
    assert Reach().probed("leo") == "leo/gpu"
    reach.record("leo", "leo/cpu", FACTS, job="jc-probe-leo-2", today=TODAY)
    assert Reach().probed("leo") == "leo/cpu"


def test_a_view_holds_rows_and_the_carrier(reach: Reach) -> None:
    view = reach.view(AROUND, TODAY)
    assert view is not None
    assert (view.offer, view.node, view.reachable) == ("leo/cpu", "a-c1", True)
    assert view.chosen == "Workers are reached by SSH exec relay."
    rows = {row.what: row for row in view.rows}
    assert rows["SSH forwarding"].verdict == "fails"
    assert rows["SSH forwarding"].reason == "denied."
    assert rows["glibc"].found == "2.34"
    assert rows["glibc"].measured == "2026-11-25"
    assert (rows["Outbound network"].verdict, rows["Outbound network"].measured) == (
        "unknown",
        None,
    )


@pytest.mark.parametrize("text", ["", "[", "[]", "7", '{"leo/cpu": 7}', '{"leo/cpu": {"node": 7}}'])
def test_a_file_that_cannot_be_read_is_nothing_known(reach: Reach, text: str) -> None:
    stored().write_text(text)
    assert Reach().view(AROUND, TODAY) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("node", "a\u001b[2J"), ("trials", [{"carrier": "pigeon", "works": True}]), ("hat", 1)],
)
def test_a_value_of_no_such_type_is_unknown(reach: Reach, field: str, value: Any) -> None:
    content = json.loads(stored().read_bytes())
    content["leo/cpu"].setdefault(field, dict(content["leo/cpu"]["glibc"]))["value"] = value
    stored().write_text(json.dumps(content))
    found = Reach().facts("leo", "leo/cpu", TODAY)
    assert getattr(found, field, None) is None
    assert found.glibc == "2.34"


def test_a_disconnected_site_is_forgotten(reach: Reach) -> None:
    reach.forget("leo")
    assert Reach().view(AROUND, TODAY) is None
    assert not stored().exists()

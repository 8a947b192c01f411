"""Measured energy in a record: what is measured, what is not, and never one for the other."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_continuum.planning.metering import Reading
from jupyter_continuum.runs.record.make import make_record
from jupyter_continuum.runs.record.model import GroupPart, RunRecord
from jupyter_continuum.runs.record.page import page
from tests.runs.record.facts import CLIENT, at, facts, group, job, notebook

HALF_HOUR = 1800.0
KWH = 3.6e6


def reading(source: str, covers: str, kwh: float, **changes: Any) -> Reading:
    told = {"name": "0", "seconds": HALF_HOUR} | changes
    return Reading(source=source, covers=covers, joules=kwh * KWH, **told)  # type: ignore[arg-type]


def nodes(*readings: Reading) -> list[Reading]:
    """The same on both nodes of the job."""
    return [Reading(**_fields(each) | {"rank": rank}) for each in readings for rank in (0, 1)]


def _fields(of: Reading) -> dict[str, Any]:
    return {name: getattr(of, name) for name in Reading.__slots__}


def record(*readings: Reading, **changes: Any) -> RunRecord:
    jobs = [job("booster", 0, 30, energy=[*readings])]
    return make_record(facts(jobs=jobs) if not changes else facts(**changes), client=CLIENT)


def booster(made: RunRecord) -> GroupPart:
    return made.groups[0]


ALONE = nodes(reading("cray", "node", 1.0, alone=True))
GPUS = nodes(*(reading("nvml", "device", 0.25, name=str(n), alone=True) for n in range(4)))


def test_a_nodes_own_counter_is_the_energy_and_carbon_follows_from_it() -> None:
    found = booster(record(*ALONE))
    assert (found.energy.kind, found.energy.value) == ("measured", 2.0)
    assert "pm_counters" in found.energy.source
    assert "read for 100% of the jobs' time" in found.energy.source
    assert (found.carbon.kind, found.carbon.value) == ("estimated", pytest.approx(0.6))
    [part] = found.energy_parts
    assert (part.of, part.others_in_it, part.node_hours) == ("nodes", False, 1.0)


def test_devices_alone_are_a_part_and_the_estimate_stays_one() -> None:
    found = booster(record(*GPUS))
    assert (found.energy.kind, found.energy.value, found.energy.least) == ("estimated", 3.0, 2.0)
    assert "measured are its devices alone" in found.energy.source
    [part] = found.energy_parts
    assert (part.of, part.energy.kind, part.energy.value) == ("devices", "measured", 2.0)
    assert (part.carbon.kind, part.carbon.value) == ("estimated", pytest.approx(0.6))


def test_without_an_estimate_a_part_is_the_least_that_it_can_be() -> None:
    claims = [each for each in facts().claims if each.field != "power_kw_linpack"]
    jobs = [job("booster", 0, 30, energy=GPUS)]
    made = record(jobs=jobs, claims=claims)
    found = booster(made)
    assert (found.energy.value, found.energy.kind, found.energy.least) == (None, "unknown", 2.0)
    assert "What its devices drew is known" in found.energy.reason
    assert (found.carbon.value, found.carbon.least) == (None, pytest.approx(0.6))
    assert (made.totals.energy.value, made.totals.energy.least) == (None, 2.0)


def test_an_estimate_below_what_was_measured_is_none() -> None:
    large = nodes(reading("nvml", "device", 5.0, alone=True))
    found = booster(record(*large)).energy
    assert (found.value, found.least) == (None, 10.0)
    assert "drew more than an estimate says" in found.reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"why": "it went backwards"}, "it went backwards"),
        ({"seconds": 900.0}, "read for 30 of 60 node-minutes"),
    ],
)
def test_what_is_missing_in_a_counter_makes_it_unknown_and_at_least(
    change: dict[str, Any], reason: str
) -> None:
    [part] = booster(
        record(*nodes(reading("cray", "node", 1.0, alone=True, **change)))
    ).energy_parts
    assert (part.energy.value, part.energy.least) == (None, 2.0)
    assert reason in part.energy.reason
    assert booster(record()).energy_parts == ()


def test_a_counter_that_counted_nothing_is_unknown_and_not_zero() -> None:
    [part] = booster(record(*nodes(reading("cray", "node", 0.0, alone=True)))).energy_parts
    assert (part.energy.value, part.energy.kind) == (None, "unknown")


def test_a_node_that_others_may_share_is_estimated_by_its_processors() -> None:
    half = [group("booster", "jupiter", "jupiter/booster", workers_per_node=2)]
    shared = nodes(reading("rapl", "package", 1.0, share=0.25))
    made = record(groups=half, jobs=[job("booster", 0, 30, energy=shared)])
    [part] = booster(made).energy_parts
    assert part.others_in_it is None
    found = part.energy
    assert (found.kind, found.value, found.least, found.most) == ("estimated", 0.5, None, 2.0)
    assert "with what others drew" in found.source
    # A job with all devices of its nodes has them to itself.
    [whole] = booster(record(*shared)).energy_parts
    assert (whole.energy.kind, whole.energy.value, whole.of) == ("measured", 2.0, "processors")


def test_slurms_accounting_is_the_energy_where_no_node_was_read() -> None:
    told = Reading("slurm", "node", "", 2.5 * KWH, 2 * HALF_HOUR)
    found = booster(record(told, *GPUS))
    assert (found.energy.kind, found.energy.value) == ("measured", 2.5)
    assert "ConsumedEnergyRaw" in found.energy.source
    assert {part.counter for part in found.energy_parts} == {"slurm", "nvml"}


def test_two_jobs_add_up_and_one_without_counters_is_not_forgotten() -> None:
    both = [job("booster", 0, 30, id=str(n), energy=ALONE) for n in (1, 2)]
    assert booster(record(jobs=both)).energy.value == 4.0
    one = [both[0], job("booster", 0, 30, id="3")]
    [part] = booster(record(jobs=one)).energy_parts
    assert (part.energy.value, part.energy.least) == (None, 2.0)


def test_a_run_has_what_was_counted_while_it_ran() -> None:
    then = nodes(reading("cray", "node", 0.5, alone=True, seconds=600.0))
    slurm = Reading("slurm", "node", "", 2.5 * KWH, 2 * HALF_HOUR)
    before = facts(jobs=[job("booster", 0, None, energy=then)], asked=at(10))
    now = facts(jobs=[job("booster", 0, 30, energy=[*ALONE, slurm])])
    run = notebook(started=at(10), ended=at(30))
    made = make_record(now, client=CLIENT, notebook=run, before=before)
    [part] = made.groups[0].energy_parts
    assert (part.counter, part.energy.value) == ("cray", 1.0)


def test_on_this_machine_counters_are_said_and_the_rest_is_unknown() -> None:
    told = [reading("rapl", "package", 1.0, share=0.5, seconds=3600.0)]
    found = record(jobs=[job("near", 0, 60, energy=told)]).groups[2]
    assert found.energy.value is None
    assert "What its processors drew is known" in found.energy.reason
    [part] = found.energy_parts
    assert (part.energy.kind, part.energy.value) == ("estimated", 0.5)


def test_a_total_of_measured_and_estimated_says_so() -> None:
    jobs = [job("booster", 0, 30, energy=ALONE)]
    made = record(jobs=jobs, groups=[facts().groups[0], group("b2", "jupiter", "jupiter/booster")])
    assert made.totals.energy.kind == "measured"  # no job of the other ran
    jobs.append(job("b2", 0, 30))
    both = [facts().groups[0], group("b2", "jupiter", "jupiter/booster")]
    total = record(jobs=jobs, groups=both).totals.energy
    assert (total.kind, total.value) == ("estimated", 5.0)
    assert total.source == "the sum of the groups, measured for 1 of 2"


def test_the_page_shows_parts_beside_the_whole() -> None:
    shown = page(record(*GPUS))
    assert "energy of the devices" in shown
    assert "AT LEAST" in shown

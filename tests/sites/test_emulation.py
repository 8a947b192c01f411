"""Which faults last at a moment, and what an imitated site is like meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from jupyter_continuum.sites.emulation import Begun, EmulatedSite, Fault, in_force, in_words, under

FIRST_JOB = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STORM = Fault(after_seconds=60, for_seconds=30, delay_ms=400, queue_seconds=90)
SITE = EmulatedSite(delay_ms=10, faults=(STORM, Fault(down=True)))


def at(seconds: float) -> datetime:
    return FIRST_JOB + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "lasts"), [(59, False), (60, True), (89, True), (90, False)])
def test_a_timed_fault_lasts_from_its_moment_to_its_end(seconds: float, lasts: bool) -> None:
    begun = in_force(SITE, (), at(seconds), first_job=FIRST_JOB, over=None)
    assert [each.fault for each in begun] == ([STORM] if lasts else [])


def test_nothing_is_timed_before_the_first_job_and_nothing_told_by_itself() -> None:
    assert in_force(SITE, (), at(70), first_job=None, over=None) == ()


def test_what_began_before_it_was_ended_is_over_and_what_begins_later_is_not() -> None:
    told = (Begun(Fault(down=True), at(61)),)
    begun = in_force(SITE, told, at(70), first_job=FIRST_JOB, over=at(62))
    assert begun == ()
    later = in_force(SITE, told, at(70), first_job=FIRST_JOB, over=at(60.5))
    assert [each.fault.down for each in later] == [True]


def test_the_later_of_two_faults_counts() -> None:
    early, late = Begun(STORM, at(60)), Begun(Fault(delay_ms=5), at(61))
    for begun in ((early, late), (late, early)):
        meanwhile = under(SITE, begun)
        assert (meanwhile.delay_ms, meanwhile.queue_seconds) == (5, 90)
    assert under(SITE, ()) == SITE


def test_a_person_is_told_what_the_site_is_like() -> None:
    assert in_words(SITE, ()) == (
        "An imitation on this machine: jobs wait 2 s and run 60 min at most, "
        "10 ms and 200 Mbit/s away."
    )
    storm = [Begun(STORM, at(60))]
    told = in_words(under(SITE, storm), storm)
    assert "jobs wait 90 s" in told
    assert "400 ms" in told
    assert "Something is wrong there now." in told


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"after_seconds": 3}, "nothing goes wrong in it"),
        ({"after_seconds": 3, "when_file": "/class/storm", "down": True}, "not both"),
        ({"when_file": "storm", "down": True}, "when_file"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Fault(**fields)

"""A reason to wait comes with what it means; Slurm's word itself stays as it is."""

from __future__ import annotations

from datetime import UTC

import pytest

from jupyter_continuum.sites.slurm.text import parse_squeue
from jupyter_continuum.sites.slurm.waiting import MEANINGS, meaning_of


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Priority", "higher priority"),
        ("QOSMaxJobsPerUserLimit", "as many jobs as this QoS allows"),
        ("AssocGrpGRESMinutes", "no allocation left"),
        ("AssocGrpNodeLimit", "users of your account together"),
        ("JobHeldUser", "scontrol release"),
        ("ReqNodeNotAvail, UnavailableNodes:n1", "down, drained or reserved"),
        ("SomethingNew", ""),
        ("", ""),
    ],
)
def test_a_word_is_explained(reason: str, said: str) -> None:
    assert said in meaning_of(reason)
    assert bool(meaning_of(reason)) == bool(said)


def test_no_word_hides_a_longer_one() -> None:
    words = [word for word, _ in MEANINGS]
    hidden = [
        (first, later)
        for place, first in enumerate(words)
        for later in words[place + 1 :]
        if later.startswith(first)
    ]
    assert hidden == []


def test_only_a_job_that_waits_has_a_meaning() -> None:
    rows = "1|jc-a|PENDING|Resources|N/A|N/A\n2|jc-b|RUNNING|Priority|N/A|N/A\n"
    waiting, running = parse_squeue(rows, UTC)
    assert (waiting.reason, running.meaning) == ("Resources", "")
    assert "It is next" in waiting.meaning

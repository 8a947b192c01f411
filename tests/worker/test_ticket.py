"""The ticket is read once, and says clearly what is wrong with it."""

from __future__ import annotations

import json

import pytest

from jupyter_continuum.errors import RelayError
from jupyter_continuum.worker.ticket import DialOut, Ticket, take_ticket

TOLD = {
    "protocol": 1,
    "cluster": "c",
    "cluster_id": "abc123",
    "site": "siteb",
    "job": "jc-c-g-0",
    "rank": 0,
    "agent": "1a2b3c4d",
    "token": "5ec2e7" * 8,
    "group": "gpus",
    "job_number": 3,
    "workers": 2,
    "threads": 1,
    "gpus_per_worker": 1,
    "memory_limit_bytes": 0,
    "lease_seconds": 900,
    "walltime_seconds": 3600,
    "direct": "unix",
}


def write(folder, **changes):
    (folder / "join-0.json").write_text(json.dumps(TOLD | changes))


def test_ticket_names_its_workers(tmp_path):
    write(tmp_path)
    assert take_ticket(tmp_path, 0).worker_names() == ["gpus-3-0-0", "gpus-3-0-1"]


def test_where_to_dial_out_is_told_or_not(tmp_path):
    write(tmp_path)
    assert take_ticket(tmp_path, 0).outbound is None
    write(tmp_path, outbound={"url": "wss://vm:1", "authority": "PEM"})
    assert take_ticket(tmp_path, 0).outbound == DialOut("wss://vm:1", "PEM")


def test_ticket_is_good_for_one_reading(tmp_path):
    write(tmp_path)
    take_ticket(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RelayError, match="was let in before"):
        take_ticket(tmp_path, 0)


def test_what_a_newer_broker_adds_is_left_alone(tmp_path):
    write(tmp_path, mood="sunny")
    assert isinstance(take_ticket(tmp_path, 0), Ticket)


@pytest.mark.parametrize(
    ("changes", "words"), [({"protocol": 2}, "protocol 2, this agent 1"), ({}, "lacks 'site'")]
)
def test_unfit_ticket_is_one_sentence_and_gone_all_the_same(tmp_path, changes, words):
    write(tmp_path, **changes)
    if not changes:
        told = {key: value for key, value in TOLD.items() if key != "site"}
        (tmp_path / "join-0.json").write_text(json.dumps(told))
    with pytest.raises(RelayError, match=words):
        take_ticket(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_token_is_not_in_the_repr(tmp_path):
    write(tmp_path)
    assert "5ec2e7" not in repr(take_ticket(tmp_path, 0))

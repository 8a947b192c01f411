"""``doctor SITE``, as a person runs it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import Any

from jupyter_continuum.broker.client import call_broker
from tests.cli.commands import COMMAND, SECONDS, connect_lab, continuum

NOWHERE = ("--outbound-target", "127.0.0.1:9")


def test_a_table_ends_with_the_carrier(broker: Any) -> None:
    ran = continuum("doctor", connect_lab(), *NOWHERE)
    assert ran.status == 0, ran.err
    lines = ran.out.rstrip().splitlines()
    assert lines[0].startswith("lab/cpu, measured on lab-n")
    assert lines[1].split() == ["WHAT", "FOUND", "VERDICT", "MEASURED"]
    assert re.search(r"A socket of this machine +\d.* MB/s\. +works +20\d\d-", ran.out)
    assert re.search(r"Outbound network +127\.0\.0\.1:9 refused +does not +20\d\d-", ran.out)
    assert "pip install in a job: Compute nodes have no way out" in ran.out
    assert lines[-1] == "Workers are reached by a socket of this machine."
    assert "lab: The probe runs" in ran.err
    assert "Nothing is left over" in continuum("audit").out


def test_json_is_for_programs(broker: Any) -> None:
    ran = continuum("doctor", "local", *NOWHERE, "--json")
    found = json.loads(ran.out)
    assert (ran.status, found["offer"], found["reachable"]) == (0, "local/cores", True)


def test_a_site_without_workers_that_can_be_reached_is_status_1(broker: Any) -> None:
    ran = continuum("doctor", "leonardo")
    assert ran.status == 1
    assert "jupyter continuum connect leonardo" in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_status_is_1_where_no_way_to_workers_is_known(broker: Any) -> None:
    python = broker.state / "python-mute"
    python.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        "if sys.argv[1] == '-c': sys.exit(0)\n"
        "told = json.load(open(sys.argv[3] + '/join-0.json'))\n"
        "print(told['nonce'], 'node', '\"mute\"')\n"
    )
    python.chmod(0o700)
    site = {"queue_seconds": 0, "nodes": 1, "cpus_per_node": 1, "delay_ms": 1}
    profile = {"site": "mute", "kind": "emulated", "emulated": site, "python": str(python)}
    call_broker("connect", profile=profile)
    ran = continuum("doctor", "mute", *NOWHERE)
    assert ran.status == 1, ran.err
    assert ran.out.rstrip().splitlines()[-1].startswith("Whether workers can be reached has not")


def test_the_limit_is_said_with_the_reason_of_the_queue(broker: Any) -> None:
    connect_slow()
    ran = continuum("doctor", "slow", *NOWHERE, "--wait", "0.02")
    assert ran.status == 1
    assert re.search(r"did not start within 0\.02 min \(Priority, est\. ", ran.err)
    assert "Nothing is left over" in continuum("audit").out


def test_ctrl_c_leaves_nothing(broker: Any) -> None:
    connect_slow()
    process = subprocess.Popen(
        [*COMMAND, "doctor", "slow", *NOWHERE], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    told = False
    for line in process.stderr:
        if told := "slow: PENDING: Priority, est. " in line:
            break
    assert told
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 130
    said = process.stderr.read()
    process.stderr.close()
    assert "being removed" in said
    assert "Traceback" not in said
    assert call_broker("refresh", site="slow")["probing"] == ""
    assert "Nothing is left over" in continuum("audit").out


def connect_slow() -> None:
    site = {"queue_seconds": 600, "nodes": 1, "cpus_per_node": 1, "delay_ms": 1}
    call_broker("connect", profile={"site": "slow", "kind": "emulated", "emulated": site})

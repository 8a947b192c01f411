"""From facts to verdicts, without a site."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_continuum.planning.findings import Finding, findings
from jupyter_continuum.planning.reach import Verdict, choice, order, ways
from jupyter_continuum.sites.probe.facts import Dial, Facts, ProxyDial, Trial
from jupyter_continuum.sites.protocols import CarrierName

A, B, C = CarrierName.FORWARD, CarrierName.EXEC, CarrierName.OUTBOUND
SSH = (A, B, C)
OWN = "vm.example.org:8443"


def works(carrier: CarrierName) -> Trial:
    return Trial(carrier=carrier, works=True, milliseconds=12.0, mbytes_per_second=40.0)


def denied(carrier: CarrierName) -> Trial:
    return Trial(carrier=carrier, works=False, why=f"site: {carrier} is denied.")


def dial(where: str = "pypi.org:443", outcome: str = "connected") -> Dial:
    host, port = where.rsplit(":", 1)
    return Dial(host=host, port=int(port), outcome=outcome, milliseconds=3.0)  # type: ignore[arg-type]


def verdicts(facts: Facts, address: str = "") -> list[str]:
    return [way.verdict.value for way in ways(facts, SSH, address=address)]


def test_nothing_measured_is_unknown_and_no_opinion() -> None:
    found = ways(Facts(), SSH)
    assert {way.verdict for way in found} == {Verdict.UNKNOWN}
    assert order(found) == ()
    assert "has not been measured" in choice(found)


def test_what_works_comes_first_and_what_failed_is_left_out() -> None:
    found = ways(Facts(trials=(denied(A), works(B))), SSH)
    assert [way.verdict for way in found] == [Verdict.FAILS, Verdict.WORKS, Verdict.UNKNOWN]
    assert order(found) == (B, C)
    assert choice(found) == "Workers are reached by SSH exec relay."
    assert found[0].sentence == "site: ssh-forward is denied."


def test_the_sites_own_order_holds_among_what_works() -> None:
    found = ways(Facts(trials=(works(B), works(A))), SSH)
    assert order(found)[:2] == (A, B)
    assert choice(found) == "Workers are reached by SSH forwarding; SSH exec relay stands by."


def test_when_all_fail_it_is_said_why_and_what_to_do() -> None:
    found = ways(Facts(trials=(denied(A), denied(B))), (A, B))
    assert order(found) == ()
    text = choice(found)
    assert "cannot be reached" in text
    assert "ssh-exec is denied." in text
    assert "Configure an address" in text


def test_the_persons_own_choice_is_what_is_said() -> None:
    found = ways(Facts(trials=(works(A),)), (A, B))
    assert choice(found, own=B) == "Workers are reached by SSH exec relay, as your profile says."


def test_what_a_cluster_rides_on_now_is_said_first() -> None:
    found = ways(Facts(trials=(works(A), works(B))), (A, B))
    said = choice(found, in_use=B, in_use_reason="Not ssh-forward: it stopped working.")
    assert said == (
        "Workers are reached by SSH exec relay now. Not ssh-forward: it stopped working."
    )


@pytest.mark.parametrize(
    ("facts", "address", "verdict"),
    [
        (Facts(outbound=dial()), "", "unknown"),
        (Facts(), OWN, "unknown"),
        (Facts(outbound=dial()), OWN, "unknown"),
        (Facts(outbound=dial(OWN)), OWN, "works"),
        (Facts(outbound=dial(OWN, "refused")), OWN, "fails"),
        (
            Facts(
                outbound=dial(OWN, "no route"),
                outbound_by_proxy=ProxyDial(proxy="p:3128", outcome="connected", status=200),
            ),
            OWN,
            "works",
        ),
        (
            Facts(
                outbound=dial(OWN, "no route"),
                outbound_by_proxy=ProxyDial(proxy="p:3128", outcome="turned away", status=407),
            ),
            OWN,
            "fails",
        ),
    ],
)
def test_outbound_works_only_towards_an_address_of_ones_own(
    facts: Facts, address: str, verdict: str
) -> None:
    assert verdicts(facts, address)[2] == verdict


def row(what: str, **facts: Any) -> Finding:
    told = Facts(**facts)
    return next(each for each in findings(told, ways(told, SSH), site="leo") if each.what == what)


def test_every_row_is_unknown_before_a_probe() -> None:
    rows = findings(Facts(), ways(Facts(), SSH), site="leo")
    assert {each.verdict for each in rows} == {Verdict.UNKNOWN}
    assert all(each.reason for each in rows)
    assert not any(each.found for each in rows)


def test_a_site_without_a_login_node_has_no_rows_on_one() -> None:
    socket = ways(Facts(), (CarrierName.SOCKET,))
    whats = {each.what for each in findings(Facts(), socket, site="here")}
    assert "GatewayPorts" not in whats
    assert "Outbound network" in whats


def test_a_port_bound_to_loopback_is_a_failure_with_its_reason() -> None:
    found = row("GatewayPorts", gateway_ports=dial("a-login:40000", "refused"))
    assert (found.verdict, found.found) == (Verdict.FAILS, "a-login:40000 refused")
    assert "loopback" in found.reason


def test_a_login_node_that_nobody_reaches_is_not_said_to_bind_to_loopback() -> None:
    found = row("GatewayPorts", gateway_ports=dial("a-login:40000", "no route"))
    assert found.verdict is Verdict.FAILS
    assert "loopback" not in found.reason


def test_a_port_that_was_not_lent_is_another_failure() -> None:
    found = row("GatewayPorts", gateway_ports=dial("a-login:22", "turned away"))
    assert found.verdict is Verdict.FAILS
    assert "denies" in found.reason


def test_no_way_out_means_no_pip_and_says_what_to_do() -> None:
    found = row("pip install in a job", outbound=dial(outcome="no route"))
    assert found.verdict is Verdict.FAILS
    assert "`jupyter continuum prepare leo`" in found.reason


def test_in_pods_packages_come_with_the_image() -> None:
    told = Facts(outbound=dial(outcome="no route"))
    rows = findings(told, ways(told, (CarrierName.KUBERNETES,)), site="cloud")
    reasons = {each.what: each.reason for each in rows}
    assert "into the image" in reasons["pip install in a job"]


def test_a_proxy_that_wants_a_password_is_said_to() -> None:
    turned = ProxyDial(proxy="proxy:3128", outcome="turned away", status=407)
    found = row("Outbound network", outbound=dial(outcome="no route"), outbound_by_proxy=turned)
    assert "407" in found.found
    assert "password" in found.reason


@pytest.mark.parametrize(
    ("driver", "verdict", "word"),
    [("550.54.15", "works", ""), ("amdgpu 6.3.6", "fails", "torch"), ("", "fails", "NVIDIA")],
)
def test_cupy_needs_an_nvidia_driver(driver: str, verdict: str, word: str) -> None:
    found = row("CuPy", driver=driver)
    assert found.verdict.value == verdict
    assert word in found.reason


@pytest.mark.parametrize(
    ("version", "verdict"), [("3.12.3", "works"), ("3.9.18", "fails"), ("", "fails")]
)
def test_workers_need_a_python_that_can_run_them(version: str, verdict: str) -> None:
    found = row("Python", pythons=({"path": "/env/bin/python", "version": version},))
    assert found.verdict.value == verdict


def test_memory_and_shared_folders_are_no_local_disk() -> None:
    def disk(kind: str) -> dict[str, Any]:
        return {"path": f"/{kind}", "kind": kind, "free_bytes": 10**12}

    assert row("Node-local disk", disks=(disk("lustre"), disk("nfs4"))).verdict is Verdict.FAILS
    assert row("Node-local disk", disks=(disk("lustre"), disk("tmpfs"))).verdict is Verdict.FAILS
    found = row("Node-local disk", disks=(disk("tmpfs"), disk("xfs")))
    assert (found.verdict, found.found) == (Verdict.WORKS, "/xfs (xfs, 1e+03 GB free)")

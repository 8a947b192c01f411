"""A probe where nodes get out through a proxy alone, to an address of the person's own."""

from __future__ import annotations

import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.start import log_path
from jupyter_continuum.paths import data_dir
from tests.broker.conftest import View
from tests.broker.front_door.test_site import READ_IT, Far, far, reached
from tests.rig.fixtures import profile, ssh_login
from tests.rig.spec import PROXY_PASSWORD

pytestmark = pytest.mark.slurm

__all__ = ["far", "reached"]


def probe(**asked: object) -> tuple[View, dict[str, View]]:
    view: View = call_broker("probe", site="sitec", offer="sitec/cpu", **asked)
    return view, {row["what"]: row for row in view["rows"]}


def connect(far: Far, **changes: object) -> None:
    """At a login node that denies forwarding; no carrier is chosen by the person."""
    fields = {"ssh": ssh_login(far.site, "closed"), "prologue": READ_IT} | changes
    asked = profile(far.site, far.python, **fields).model_dump(mode="json")
    assert call_broker("connect", profile=asked)["state"] == "ready"


def test_a_proxy_that_lets_nodes_out_makes_outbound_work(reached: Far) -> None:
    connect(reached)
    view, rows = probe()
    spec = reached.site.spec
    where, proxy = (
        f"{spec.outside_address}:{spec.door_port}",
        f"{spec.proxy_address}:{spec.proxy_port}",
    )
    assert rows["SSH forwarding"]["verdict"] == "fails"
    assert rows["Outbound TLS"]["verdict"] == "works"
    assert rows["Outbound TLS"]["found"] == f"Nodes reach {where} by the proxy {proxy}."
    assert rows["Proxy variables"]["found"] == f"https_proxy={proxy}"
    assert view["reachable"]


def test_the_proxys_password_is_told_to_nobody_else(reached: Far) -> None:
    connect(reached)
    view, _ = probe()
    kept = (data_dir() / "reach" / "sitec.json").read_text()
    for text in (str(view), kept, log_path().read_text()):
        assert PROXY_PASSWORD not in text


def test_a_proxy_that_wants_a_password_is_said_to_answer_407(far: Far) -> None:
    call_broker("set_address", address={"url": far.url})
    far.write_proxy(far.proxy())
    connect(far)
    _, rows = probe()
    assert "turned away (407)" in rows["Outbound network"]["found"]
    assert "password" in rows["Outbound network"]["reason"]
    assert rows["Outbound TLS"]["verdict"] == "fails"

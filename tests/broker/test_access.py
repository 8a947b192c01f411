"""Who can run code in a cluster, and that an end of all access is one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from distributed.comm.core import connect
from distributed.core import send_recv

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cluster.attach import Attachment, client_relay
from jupyter_continuum.cluster.leaves import client_leaf, generation_of
from jupyter_continuum.cluster.security import make_identity, security
from jupyter_continuum.errors import Unknown
from tests.broker.conftest import all_ready, kill_broker, launch, wait_for, workers
from tests.conftest import RunningBroker

DIAL_SECONDS = 10


def attach(name: str) -> dict[str, Any]:
    """What lets a client dial: the arguments of its connections."""
    identity = make_identity("a test")
    answer = call_broker("attach", name=name, csr=identity.request, who="a test")
    held = Attachment.from_answer(answer)
    secure = security(
        key=identity.key,
        certificate=held.certificate,
        authority=held.ca,
        relay=client_relay(held),
    )
    return secure.get_connection_args("client")


def gets_in(address: str, arguments: dict[str, Any]) -> bool:
    """Whether who dials with these is listened to."""

    async def dial() -> bool:
        try:
            comm = await connect(address, timeout=DIAL_SECONDS, **arguments)
            await send_recv(comm, op="identity", close=True)
        except OSError:
            return False
        return True

    return asyncio.run(dial())


@pytest.mark.parametrize(
    ("leaf", "generation"),
    [
        ("main.client-1a2b3c4d", 0),
        ("main.client-12345678", 0),
        ("main.scheduler", None),
        ("client-1-0-0-0", None),
        ("main.client-3-1a2b3c4d.more", None),
        ("", None),
    ],
)
def test_a_leaf_says_whether_it_is_a_clients_and_when_it_was_given(
    leaf: str, generation: int | None
) -> None:
    assert generation_of(leaf) == generation


def test_a_leaf_that_is_given_says_so() -> None:
    assert generation_of(client_leaf("main", 12)) == 12


def test_who_attached_is_out_for_good_once_access_has_ended(
    two_sites: RunningBroker, client_of: Callable[[str], Any]
) -> None:
    view = launch("north/cpu")
    assert [each["site"] for each in view["access"]["places"]] == ["north"]
    assert view["access"]["places"][0]["workers"] == 1
    early, client = attach("main"), client_of("main")
    nanny = client.scheduler_info()["workers"][workers(view)[0]["address"]]["nanny"]
    everybody = (client.scheduler.address, workers(view)[0]["address"], nanny)
    assert all(gets_in(address, early) for address in everybody)
    view = wait_for("main", lambda view: bool(view["access"]["clients"]))
    assert ", process " in view["access"]["clients"][0]["who"]
    assert view["access"]["away"] == 1

    access = call_broker("end_access", name="main")["access"]
    assert (access["open"], access["clients"], access["away"]) == (False, [], 0)
    wait_for("main", lambda _: client.status == "connecting")
    assert not any(gets_in(address, early) for address in everybody)
    with pytest.raises(Unknown, match="nobody is let in"):
        attach("main")

    kill_broker(two_sites.pid)
    assert not call_broker("cluster", name="main")["access"]["open"]
    wait_for("main", all_ready)  # the ways to its workers are there again
    assert call_broker("open_access", name="main")["access"]["open"]
    assert all(gets_in(address, attach("main")) for address in everybody)
    assert not any(gets_in(address, early) for address in everybody)
    call_broker("scale", name="main", group="north", jobs=2)
    view = wait_for("main", lambda view: view["groups"][0]["workers_ready"] == 2)
    assert client_of("main").submit(sum, [1, 2]).result(timeout=30) == 3
    later = next(each["address"] for each in workers(view) if each["address"] not in everybody)
    wait_for("main", lambda _: not gets_in(later, early))

"""Waiting until workers are ready, and saying what they wait for: for faces and runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from jupyter_continuum.broker.client import open_broker
from jupyter_continuum.broker.lines import Message
from jupyter_continuum.broker.rows import Record
from jupyter_continuum.errors import BrokerError, ContinuumError, Unknown
from jupyter_continuum.table import clean


def print_at_once(text: str) -> None:
    print(text, flush=True)


def wait_for_workers(
    name: str,
    number: int,
    *,
    among: Collection[str] | None = None,
    tell: Callable[[str], None] = print_at_once,
    others: Callable[[Message], None] | None = None,
) -> None:
    """Tell what each group waits for; ContinuumError as soon as so many can no longer come.

    ``among`` names the groups that count; left out, all do.
    Events of other things go to ``others``. A queue is long: a broker that ends meanwhile is
    asked again, and started again.
    """
    shown: dict[str, str] = {}
    ready = False
    while not ready:
        with open_broker() as broker:
            broker.call("subscribe")
            broker.call("cluster", name=name)  # which may have gone with an earlier broker
            try:
                for event in broker.events():
                    if ready := _is_ready(event, name, number, among, shown, tell):
                        break
                    if others is not None:
                        others(event)
            except BrokerError as error:
                tell(str(error))


def _is_ready(
    event: Message,
    name: str,
    number: int,
    among: Collection[str] | None,
    shown: dict[str, str],
    tell: Callable[[str], None],
) -> bool:
    if event.get("kind") == "cluster-gone" and event.get("name") == name:
        raise Unknown(f"{name} was stopped before {number} workers were ready.")
    if event.get("kind") != "cluster" or event["cluster"]["name"] != name:
        return False
    cluster = event["cluster"]
    groups = [each for each in cluster["groups"] if among is None or each["name"] in among]
    _tell_changes(groups, shown, tell)
    return _enough(cluster, groups, number)


def _tell_changes(
    groups: Iterable[Record], shown: dict[str, str], tell: Callable[[str], None]
) -> None:
    for group in groups:
        counted = f"{group['workers_ready']} of {group['workers_wanted']} workers"
        text = f"{group['name']}: {group['state']}, {counted}"
        text += f", {clean(group['reason'])}" if group["reason"] else ""
        if shown.get(group["name"]) != text:
            shown[group["name"]] = text
            tell(text)


def _enough(cluster: Record, groups: Collection[Record], number: int) -> bool:
    if sum(group["workers_ready"] for group in groups) >= number:
        return True
    over = {"failed", "stopped"}
    if cluster["state"] in over:
        raise ContinuumError(f"{cluster['name']} {cluster['state']}: {cluster['reason']}")
    lost = [group for group in groups if group["state"] in over]
    hoped = sum(
        group["workers_ready"] if group in lost else group["workers_wanted"] for group in groups
    )
    if hoped < number:
        reasons = "; ".join(f"{group['name']}: {group['reason']}" for group in lost)
        raise ContinuumError(
            f"{cluster['name']} can have {hoped} workers, not {number}. {reasons}".strip()
        )
    return False

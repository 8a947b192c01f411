"""Waiting until workers are ready, and saying what they wait for."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_continuum.broker.client import open_broker
from jupyter_continuum.broker.rows import Record
from jupyter_continuum.errors import ContinuumError, Unknown
from jupyter_continuum.table import clean


def wait_for_workers(name: str, number: int) -> None:
    """Print what each group waits for; ContinuumError as soon as so many can no longer come."""
    shown: dict[str, str] = {}
    with open_broker() as broker:
        broker.call("subscribe")
        for event in broker.events():
            if event.get("kind") == "cluster-gone" and event.get("name") == name:
                raise Unknown(f"{name} was stopped before {number} workers were ready.")
            if event.get("kind") != "cluster" or event["cluster"]["name"] != name:
                continue
            _print_changes(event["cluster"]["groups"], shown)
            if _enough(event["cluster"], number):
                return


def _print_changes(groups: Iterable[Record], shown: dict[str, str]) -> None:
    for group in groups:
        counted = f"{group['workers_ready']} of {group['workers_wanted']} workers"
        text = f"{group['name']}: {group['state']}, {counted}"
        text += f", {clean(group['reason'])}" if group["reason"] else ""
        if shown.get(group["name"]) != text:
            shown[group["name"]] = text
            print(text, flush=True)


def _enough(cluster: Record, number: int) -> bool:
    groups = cluster["groups"]
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

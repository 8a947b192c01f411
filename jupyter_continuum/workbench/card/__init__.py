"""How a cluster is, in the notebook, as it changes. ``card.js`` and ``card.css`` draw it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.rows import Record, amount_text
from jupyter_continuum.errors import BrokerError
from jupyter_continuum.table import UNKNOWN, cell

HERE = Path(__file__).parent
GONE = "It has ended."


class Card(anywidget.AnyWidget):
    """A live view of one cluster. It only shows: while a cell runs, a kernel hears no button.

    Where no widget can be shown, an exported page for one, it is the table that the cluster is.
    """

    _esm = HERE / "card.js"
    _css = HERE / "card.css"
    shown = traitlets.Dict().tag(sync=True)

    def __init__(self, name: str, fallback: Callable[[], tuple[str, str]]) -> None:
        """``fallback`` gives text and HTML. ContinuumError when there is no such cluster."""
        view = call_broker("cluster", name=name)
        super().__init__(shown=content(view))
        self._name = name
        self._fallback = fallback
        threading.Thread(target=self._follow, name=f"card of {name}", daemon=True).start()

    def _follow(self) -> None:
        """Until the cluster has ended, or nobody looks."""
        try:
            with open_broker(start=False) as broker:
                broker.call("subscribe")
                self.shown = content(broker.call("cluster", name=self._name))
                for event in broker.events():
                    if self.comm is None:  # closed
                        return
                    if event.get("kind") == "cluster" and event["cluster"]["name"] == self._name:
                        self.shown = content(event["cluster"])
                    elif event.get("kind") == "cluster-gone" and event["name"] == self._name:
                        self.shown = self.shown | {"state": "stopped", "reason": GONE, "groups": []}
                        return
        except BrokerError as error:
            # What was shown last may be true no longer.
            self.shown = self.shown | {"state": "unknown", "reason": str(error)}

    def _repr_mimebundle_(self, **options: Any) -> Any:  # as ipywidgets has it
        found = super()._repr_mimebundle_(**options)
        if found is None:
            return None
        data, *metadata = found if isinstance(found, tuple) else (found,)
        text, html = self._fallback()
        return (data | {"text/plain": text, "text/html": html}, *metadata)


def _spent(name: str, unit: str, so_far: Record, per_hour: Record) -> Record:
    """A number with what it is an hour, and who says so or why nobody does."""
    hourly = amount_text(per_hour, f" {unit}/h now")
    told = [so_far["kind"], so_far["source"], so_far["reason"], hourly or ""]
    return {
        "name": name,
        "value": amount_text(so_far, f" {unit}") or UNKNOWN,
        "told": cell(" · ".join(part for part in told if part)),
    }


def content(view: Record) -> Record:
    """What a card shows of a cluster's view; every value on one line, and text. Pure."""
    groups = [
        {
            "name": cell(group["name"]),
            "offer": cell(group["offer"]),
            "state": cell(group["state"]),
            "reason": cell(group["reason"]) if group["reason"] else "",
            "ready": group["workers_ready"],
            "wanted": group["workers_wanted"],
        }
        for group in view["groups"]
    ]
    return {
        "name": cell(view["name"]),
        "state": cell(view["state"]),
        "reason": cell(view["reason"]) if view["reason"] else "",
        "tasks": {each: view[f"tasks_{each}"] for each in ("running", "waiting", "done")},
        "spent": [
            _spent("Cost", "EUR", view["eur"], view["eur_per_hour"]),
            _spent("CO\u2082e", "kg", view["carbon_kg"], view["carbon_kg_per_hour"]),
        ],
        "residency": [cell(each["said"]) for each in view["residency"]],
        "crossed": sum(link["bytes"] for link in view["links"]),
        "groups": groups,
    }

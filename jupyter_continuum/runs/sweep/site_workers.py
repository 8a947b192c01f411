"""The workers of a site that a sweep may have its kernels on."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.waiting import wait_for_workers
from jupyter_continuum.errors import ContinuumError, RunError
from jupyter_continuum.runs.lending import Others, Tell
from jupyter_continuum.runs.sweep.location import groups_at
from jupyter_continuum.runs.sweep.on_node import NEEDED
from jupyter_continuum.table import cell

GONE = ("ended", "failed")
MOST_SIGNS = 400


class SiteWorkers:
    """By their addresses: who is alive, who takes runs, and why the others do not."""

    look_seconds = 1.0
    """So often the broker is asked."""

    def __init__(self, at: str, cluster: str, *, tell: Tell, others: Others | None) -> None:
        self.site = at.partition("/")[0]
        self.cluster = cluster
        self._at, self._tell, self._others = at, tell, others
        self.alive: set[str] = set()
        """May still end a run: also one whose link is down just now."""
        self.names: dict[str, str] = {}
        self._ready: dict[str, int] = {}
        """Threads of each."""
        self._unfit: dict[str, str | None] = {}
        """Why it takes no runs; "" for one that does, None while that is tried out."""
        self._told: set[str] = set()
        self._reasons: dict[str, str] = {}
        self._due = 0.0

    @property
    def fit(self) -> dict[str, int]:
        """Threads of each worker that takes runs."""
        return {each: self._ready[each] for each in self._ready if self._unfit.get(each) == ""}

    def are_due(self) -> bool:
        return time.monotonic() >= self._due

    def look(self, *, busy: bool) -> list[str]:
        """Those that are new. Waits when there are none, unless ``busy``.

        RunError when there is nobody who could take a run, and nobody to wait for.
        """
        while True:
            self._due = time.monotonic() + self.look_seconds
            groups = groups_at(self._at, call_broker("cluster", name=self.cluster)["groups"])
            self._read([each for group in groups for each in group["workers"]])
            new = [each for each in self._ready if each not in self._unfit]
            self._unfit |= dict.fromkeys(new)
            if self._ready:
                self._tell_unfit(busy=busy)
            if self._ready or busy:
                return new
            self._wait([group["name"] for group in groups])

    def take(self, worker: str, answer: Any) -> None:
        """What ``on_node.bring`` answered; None when the worker did not."""
        if answer is None:
            self.forget(worker)
        else:
            self._unfit[worker] = self._sentence(answer)

    def forget(self, worker: str) -> None:
        """It has nothing of this sweep, and is new again when it is seen."""
        self._unfit.pop(worker, None)

    def why(self, name: str) -> str:
        """Why that worker is there no more."""
        return self._reasons.get(name) or "its job is no more"

    def _read(self, workers: list[dict[str, Any]]) -> None:
        there = [each for each in workers if each["address"] and each["state"] not in GONE]
        self.alive = {each["address"] for each in there}
        self.names = {each["address"]: each["name"] for each in there}
        self._ready = {
            each["address"]: each["threads"] or 1 for each in there if each["state"] == "ready"
        }
        self._reasons = {each["name"]: _said(each["reason"]) for each in workers}
        self._unfit = {each: why for each, why in self._unfit.items() if each in self.alive}

    def _tell_unfit(self, *, busy: bool) -> None:
        known = {each: self._unfit[each] for each in self._ready}
        bad = sorted({why for why in known.values() if why})
        if bad and not busy and all(known.values()):
            raise RunError(bad[0])
        for why in bad:
            if why not in self._told and not all(known.values()):
                self._told.add(why)
                self._tell(f"{why} Others take the runs.")

    def _wait(self, names: Collection[str]) -> None:
        try:
            wait_for_workers(self.cluster, 1, among=names, tell=self._tell, others=self._others)
        except ContinuumError as error:
            raise RunError(
                f"{self._at} is lost to this sweep: {error} What has ended is kept, and the "
                "same command runs what is missing on a cluster that has workers there."
            ) from error

    def _sentence(self, answer: Any) -> str:
        """Why that worker takes no runs; "" when it does."""
        match answer:
            case Exception():
                return f"{self.site}: a worker cannot have what runs need: {_said(answer)}."
            case {
                "node": str(node),
                "packages": list(packages),
                "modules": list(modules),
                "why": str(why),
            }:
                pass
            case _:
                return f"{self.site}: a worker does not answer as one of this version does."
        if packages:
            lacking = " and no ".join(name for name in NEEDED if name in packages)
            words = " ".join(f"--with {name}" for name in NEEDED)
            return (
                f"{self.site}: the worker environment has no {lacking}, which "
                f"kernels there need. `jupyter continuum prepare {self.site} {words}` builds one "
                "that has them, for clusters that are launched then."
            )
        if modules:
            names = ", ".join(_said(name) for name in modules)
            return (
                f"{self.site}: the notebook imports {names} from its own folder, which is not "
                "there. Say --with FILE to have it go along, or `cluster.upload` it before."
            )
        if why:
            return f"{self.site}: no kernel can run on {_said(node)}: {_said(why)}."
        return ""


def _said(text: Any) -> str:
    return cell(text)[:MOST_SIGNS].rstrip(". ") if text else ""

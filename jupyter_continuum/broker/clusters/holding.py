"""Clusters that a run holds, by its connection: without a holder they are stopped after a while.

A run that is killed cannot say that it needs its cluster no more; the kernel closes its
connection. That a cluster is held lies on disk: a later broker, which knows no connection yet,
gives whoever held it the same time to come back.
"""

from __future__ import annotations

import asyncio
import traceback
from datetime import datetime, timedelta

from jupyter_continuum.broker.clusters.cluster import Cluster
from jupyter_continuum.broker.clusters.clusters import Clusters
from jupyter_continuum.broker.clusters.ending import cancel
from jupyter_continuum.errors import SiteError, Unknown

GONE = "Whoever held it went away without a word"


class Holding:
    """Who holds which cluster; a connection stands for its holder."""

    def __init__(self, clusters: Clusters, *, lease_seconds: float | None = None) -> None:
        """``lease_seconds`` is each cluster's own when left out."""
        self._clusters = clusters
        self._lease_seconds = lease_seconds
        self._holders: dict[str, set[object]] = {}
        """By the cluster's name."""
        self._waiting: dict[str, asyncio.Task[None]] = {}
        """For a holder, by the cluster's name."""
        self._stopping: set[asyncio.Task[None]] = set()
        self._closed = False

    def hold(self, holder: object, name: str) -> None:
        """``holder`` needs the cluster ``name`` until it releases it. Unknown when it ends."""
        cluster = self._clusters.cluster(name)
        if cluster.state in ("stopping", "stopped"):
            raise Unknown(f"{name} is {cluster.state}, and cannot be held. {cluster.reason}")
        _mark(cluster, held=True)
        self._holders.setdefault(name, set()).add(holder)
        if waiting := self._waiting.pop(name, None):
            waiting.cancel()
            _remark(cluster, "")

    def release(self, holder: object, name: str) -> None:
        """``holder`` needs it no more; without another one it lives on as any other cluster."""
        cluster = self._clusters.cluster(name)
        holders = self._holders.get(name, set())
        holders.discard(holder)
        if not holders and name not in self._waiting:
            _mark(cluster, held=False)

    def gone(self, holder: object) -> None:
        """A connection ended: what it held last is stopped unless somebody holds it in time."""
        for name, holders in self._holders.items():
            if holder in holders:
                holders.remove(holder)
                if not holders:
                    self.expect(name, GONE)

    def resume(self) -> None:
        """Expect the holders of what an earlier broker left."""
        for cluster in self._clusters:
            if cluster.held and cluster.state != "stopping":
                self.expect(cluster.name, "The broker started anew, and nobody holds it yet")

    def expect(self, name: str, why: str = "") -> None:
        """Stop ``name`` unless somebody holds it in time; ``why`` nobody does, for the person."""
        cluster = self._clusters.get(name)
        if cluster is None or self._closed or name in self._waiting or self._holders.get(name):
            return
        seconds = cluster.lease_seconds if self._lease_seconds is None else self._lease_seconds
        end = datetime.now().astimezone() + timedelta(seconds=seconds)
        if why:
            print(f"{name}: {why}; it is stopped at {end:%H:%M:%S} if that stays so.", flush=True)
            _remark(cluster, f"{why}; it is stopped at {end:%H:%M:%S} if that stays so.")
        self._waiting[name] = asyncio.create_task(
            self._stop_later(cluster, seconds, why), name=f"lease of {name}"
        )

    def forget(self, name: str) -> None:
        """The cluster has stopped."""
        self._holders.pop(name, None)
        if waiting := self._waiting.pop(name, None):
            waiting.cancel()

    async def close(self) -> None:
        """The broker ends: clusters go on, and a later broker expects their holders."""
        self._closed = True
        await cancel(*self._waiting.values(), *self._stopping)

    async def _stop_later(self, cluster: Cluster, seconds: float, why: str) -> None:
        await asyncio.sleep(seconds)
        # From here on it is no longer a wait that a holder could end.
        stopping = self._waiting.pop(cluster.name)
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        said = f"{why or 'Nobody has held it'}, for {seconds:.0f} s."
        print(f"{cluster.name}: {said} It is being stopped.", flush=True)
        try:
            await cluster.stop(said)
        except SiteError as error:
            print(error, flush=True)  # its end goes on by itself
        except Exception:  # the top of this task: whoever asked has gone
            traceback.print_exc()


def _mark(cluster: Cluster, *, held: bool) -> None:
    """Say, here and on disk, whether it lives only as long as somebody holds it."""
    if held != cluster.held:
        cluster.held = held
        cluster.save_later()


def _remark(cluster: Cluster, reason: str) -> None:
    """Show a reason beside the state, where none is shown that weighs more."""
    if cluster.state == "running":
        cluster.become("running", reason)

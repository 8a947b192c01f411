"""Tells the front end of this kernel which cluster its notebook works with."""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

TARGET = "jupyter_continuum.attached"
"""What `labextension/src/notebook/attached.ts` listens for."""

_told: list[Announcement] = []  # at most one: the last client counts


def announce(cluster: str, client: Client) -> None:
    """Say that ``client`` is one of ``cluster``, now and to each page that asks later.

    A client that was closed is one of none: that is told after the cell that closed it.
    Outside a kernel nobody is told.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or getattr(shell, "kernel", None) is None:
        return
    while _told:
        _told.pop().withdraw()
    _told.append(Announcement(cluster, client))
    shell.events.register("post_execute", _correct)  # a second time changes nothing


def _correct() -> None:
    for announcement in _told:
        announcement.correct()


class Announcement:
    """What the front end was told of one client."""

    def __init__(self, cluster: str, client: Client) -> None:
        from comm import create_comm

        self._cluster = cluster
        self._client = weakref.ref(client)
        self._said = self._now()
        self._comm = create_comm(target_name=TARGET, data={"cluster": self._said})
        self._comm.on_msg(lambda _: self._say())

    def correct(self) -> None:
        """Say it again, if it is no longer so."""
        if self._said != self._now():
            self._say()

    def withdraw(self) -> None:
        self._comm.close()

    def _now(self) -> str:
        client = self._client()
        here = client is not None and client.status not in ("closing", "closed")
        return self._cluster if here else ""

    def _say(self) -> None:
        self._said = self._now()
        self._comm.send({"cluster": self._said})

"""Tells the front end of this kernel which cluster its notebook works with."""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

TARGET = "jupyter_continuum.attached"
"""What `labextension/src/notebook/attached.ts` listens for."""

_told: list[Any] = []  # the comm that is open, at most one: the last client counts


def announce(cluster: str, client: Client) -> None:
    """Say that ``client`` is one of ``cluster``, now and to each page that asks later.

    A page asks after a reload, and is told the truth of then: a client that was closed is none.
    Outside a kernel nobody is told.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if getattr(shell, "kernel", None) is None:
        return
    from comm import create_comm

    attached = weakref.ref(client)

    def state() -> dict[str, str]:
        open_client = attached()
        here = open_client is not None and open_client.status not in ("closing", "closed")
        return {"cluster": cluster if here else ""}

    while _told:
        _told.pop().close()
    comm = create_comm(target_name=TARGET, data=state())
    comm.on_msg(lambda _: comm.send(state()))
    _told.append(comm)

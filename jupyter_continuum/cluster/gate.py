"""Who may call a process of a cluster: no client whose access was ended.

What a client proves to hold is a leaf whose name says when it was given (``leaves``).
"""

from __future__ import annotations

from typing import Any

from distributed.comm.core import Comm
from distributed.core import Server

from jupyter_continuum.cluster.leaves import generation_of

OP = "continuum_end_access"


class Gated(Server):
    """A Server that from ``end_access`` on takes calls of later clients alone."""

    least_client = 0
    """Clients of earlier generations are neither let in nor kept."""

    def handle_comm(self, comm: Comm) -> Any:  # as Server's, an awaitable that does nothing
        if self._is_barred(comm):
            comm.abort()
        return super().handle_comm(comm)  # which ends at once when it is closed

    def end_access(self, least: int) -> str:
        """Hang up on every client of a generation before ``least``."""
        self.least_client = max(self.least_client, least)
        for comm in list(self._comms):
            if self._is_barred(comm):
                comm.abort()
        return "ended"

    def client_leaves(self) -> set[str]:
        """Names of the leaves of the clients that are connected."""
        leaves = {leaf_of(comm) for comm in self._comms if not comm.closed()}
        return {leaf for leaf in leaves if generation_of(leaf) is not None}

    def _is_barred(self, comm: Comm) -> bool:
        generation = generation_of(leaf_of(comm))
        return generation is not None and generation < self.least_client


def leaf_of(comm: Comm) -> str:
    """The name in the certificate that the other side has proved to hold; "" without one."""
    certificate: dict[str, Any] = comm.extra_info.get("peercert") or {}
    names = [value for each in certificate.get("subject", ()) for key, value in each
             if key == "commonName"]  # fmt: skip
    return str(names[0]) if names else ""

"""A Client for a cluster, from what the broker tells somebody who may attach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_continuum.cluster.security import Identity, security
from jupyter_continuum.cluster.wide_link import adopt

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Where a cluster is and what lets a client in; the key is the client's own."""

    address: str
    exchange: str
    """Unix socket of the hub."""
    certificate: str
    ca: str
    config: Mapping[str, Any]

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Attachment:
        """From the broker's answer to ``attach``."""
        return cls(
            address=answer["address"],
            exchange=answer["hub"],
            certificate=answer["certificate"],
            ca=answer["ca"],
            config=answer.get("config") or {},
        )


def client_config(attachment: Attachment) -> dict[str, Any]:
    """What ``dask.config`` must hold in a process that attaches."""
    relay = {
        "exchange": attachment.exchange,
        "site": "home",
        "agent": "client",
        "direct-dir": str(Path(attachment.exchange).parent),
    }
    return {**attachment.config, "continuum": {"relay": relay}}


def open_client(
    attachment: Attachment, identity: Identity, *, asynchronous: bool = False, **options: Any
) -> Client:
    """A distributed Client; ``options`` are the Client's own.

    Sets the cluster's configuration in this process for good: comms are opened as long as the
    client lives.
    """
    from distributed import Client

    adopt(client_config(attachment))
    return Client(  # type: ignore[no-untyped-call]
        attachment.address,
        security=security(
            key=identity.key, certificate=attachment.certificate, authority=attachment.ca
        ),
        asynchronous=asynchronous,
        **options,
    )

"""A Client for a cluster, from what the broker tells somebody who may attach."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_continuum.cluster.new_client import new_client
from jupyter_continuum.cluster.security import Identity, security
from jupyter_continuum.cluster.wide_link import adopt

if TYPE_CHECKING:
    from distributed import Client, Security


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


def this_program(environment: Mapping[str, str], command: str, process: int) -> str:
    """What a client calls itself: the notebook of a kernel, or its program, and the process."""
    notebook = environment.get("JPY_SESSION_NAME", "")
    return f"{Path(notebook or command).name or 'Python'}, process {process}"


def client_relay(attachment: Attachment) -> dict[str, str]:
    """How a client meets the relay of its cluster."""
    return {
        "exchange": attachment.exchange,
        "site": "home",
        "agent": "client",
        "direct-dir": str(Path(attachment.exchange).parent),
    }


def open_client(
    attachment: Attachment, identity: Identity, *, asynchronous: bool = False, **options: Any
) -> Client:
    """A distributed Client; ``options`` are the Client's own.

    A process may attach to several clusters. Their time-outs for wide links, the same for all
    of them, are set in this process for good.
    """
    secure = security(
        key=identity.key,
        certificate=attachment.certificate,
        authority=attachment.ca,
        relay=client_relay(attachment),
    )
    return connect(
        attachment.address, secure, attachment.config, asynchronous=asynchronous, **options
    )


def connect(
    address: str,
    secure: Security,
    config: Mapping[str, Any],
    *,
    asynchronous: bool = False,
    **options: Any,
) -> Client:
    """The same, for who has what lets a client in already."""
    from distributed.versions import VersionMismatchWarning

    adopt(config)
    # Every agent's environment was compared when it joined, and what matters was refused with a
    # sentence; Dask's own table warns of a patch release or a package only one side has.
    warnings.filterwarnings("ignore", category=VersionMismatchWarning)
    return new_client(address, security=secure, asynchronous=asynchronous, **options)

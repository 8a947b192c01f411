"""Where agents that dial out find the broker."""

from __future__ import annotations

from jupyter_continuum.broker.messages.message import Message


class AddressView(Message):
    """The person's own address that sites can dial, and whether it can be dialled."""

    url: str
    listen: str = ""
    """``host:port`` of this machine; "" where others pass WebSockets on to ``socket`` alone."""
    socket: str = ""
    """Unix socket, for a reverse proxy or a Jupyter server of this machine that speaks TLS."""
    certificate: str
    """``self-made``, the path of the person's own, or "" where TLS ends at a proxy."""
    agents: int = 0
    """How many have dialled it and wait there."""
    reason: str = ""
    """Why nobody can dial it; "" when it listens."""

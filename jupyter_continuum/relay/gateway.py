"""The exchange at a worker agent: waits to be dialled by the hub, and never dials out.

It listens where the hub's carrier can reach it (TCP on a compute node, or a Unix socket),
takes a pipe only from somebody who knows the job's key, and keeps its link over breaks.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path
from typing import Any, Self

from jupyter_continuum.errors import RelayError
from jupyter_continuum.relay import handshake
from jupyter_continuum.relay.address import Address
from jupyter_continuum.relay.doorway import Doorway
from jupyter_continuum.relay.exchange import Exchange, LinkEnd
from jupyter_continuum.relay.frames import Link

HANDSHAKE_SECONDS = 10
HANDSHAKES_AT_ONCE = 16
HOUSEKEEPING_SECONDS = 0.1
SILENCE_SECONDS = 45
"""A pipe on which nothing came for so long, though it is pinged, is dead."""
PING_SECONDS = 15
RESUME_SECONDS = 300
"""How long streams of a lost link wait for the hub to come back."""


class Gateway(Exchange):
    """One agent's gateway. ``await Gateway.open(...)``, then ``join``."""

    def __init__(self, *, site: str, agent: str, key: bytes, local_path: Path) -> None:
        super().__init__(site)
        self.agent = agent
        self.name = f"{site}.{agent}"
        self.local_path = str(local_path)
        """Unix socket of this exchange for the processes beside it."""
        self.endpoints: list[dict[str, Any]] = []
        """Where the hub can dial this gateway, best first."""
        self.reached_at = ""
        """Numeric address of this node at which the hub's carrier arrived; "" for a Unix socket."""
        self.last_heard = time.monotonic()
        """When the hub last said that the cluster lives (``time.monotonic``)."""
        self.ended = asyncio.Event()
        """Set when the cluster told this agent to end."""
        self._key = key
        self._end = LinkEnd(self.name, Link(even=False), self)
        self._end.joined = True
        self._door: asyncio.Server | None = None
        self._handshakes = 0
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._lost_at = 0.0

    @classmethod
    async def open(
        cls,
        *,
        site: str,
        agent: str,
        key: bytes,
        listen: Path | tuple[str, int],
        local_path: Path,
    ) -> Self:
        """Open a gateway that the hub reaches at ``listen``: a Unix socket, or (host, port)."""
        loop = asyncio.get_running_loop()
        gateway = cls(site=site, agent=agent, key=key, local_path=local_path)
        await gateway.serve(local_path)
        if isinstance(listen, tuple):
            gateway._door = await loop.create_server(lambda: Doorway(gateway._knock), *listen)
            port = gateway._door.sockets[0].getsockname()[1]
            gateway.endpoints = [{"host": socket.gethostname(), "port": port}]
        else:
            listen.unlink(missing_ok=True)
            gateway._door = await loop.create_unix_server(lambda: Doorway(gateway._knock), listen)
            os.chmod(listen, 0o600)
            gateway.endpoints = [{"path": str(listen)}]
        gateway._spawn(gateway._keep_house())
        return gateway

    async def join(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask the cluster to be let in; the grant. RelayError with the sentence of a refusal."""
        self._answer = asyncio.get_running_loop().create_future()
        self._end.link.say({"join": request})
        self._end.flush()
        return await self._answer

    async def close(self) -> None:
        """Let go of the link and of everybody beside."""
        if self._door is not None:
            self._door.close()
        self._end.drop()
        await super().close()

    # What Exchange asks ------------------------------------------------------------

    def link_to(self, target: Address) -> LinkEnd | None:
        return None if target.exchange == self.name else self._end

    def may_listen(self, address: Address) -> bool:
        return address.exchange == self.name

    def may_dial(self, end: LinkEnd, target: Address) -> str:
        return "" if target.exchange == self.name else f"{target} is not beside this gateway"

    def on_listen(self, address: str, listening: bool) -> None:
        self._end.link.say({"listening" if listening else "ceased": address})
        self._end.flush()

    def on_message(self, end: LinkEnd, message: dict[str, Any]) -> None:
        if "alive" in message:
            self.last_heard = time.monotonic()
        elif "end" in message:
            self.ended.set()
        elif self._answer is not None and not self._answer.done():
            if "grant" in message:
                self._answer.set_result(message["grant"])
            elif "refused" in message:
                self._answer.set_exception(RelayError(str(message["refused"])))

    def on_link_lost(self, end: LinkEnd, reason: str) -> None:
        self._lost_at = time.monotonic()

    # The door ------------------------------------------------------------------------

    def _knock(self, door: Doorway) -> None:
        if self._handshakes >= HANDSHAKES_AT_ONCE:
            door.abort()
        else:
            self._spawn(self._meet(door))

    async def _meet(self, door: Doorway) -> None:
        """Somebody connected: let it in when it proves that it knows the key."""
        self._handshakes += 1
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                greeting = await self._shake_hands(door)
            if greeting.session != self._end.session:
                self._start_afresh()
            name = door.sockname
            self.reached_at = str(name[0]) if isinstance(name, tuple) else ""
            door.hand_over(self._end, greeting)
        except (RelayError, TimeoutError):
            door.abort()
            return
        finally:
            self._handshakes -= 1
        self.last_heard = time.monotonic()

    async def _shake_hands(self, door: Doorway) -> handshake.Greeting:
        nonce, hello = handshake.gateway_hello()
        door.write(hello)
        greeting, line = handshake.gateway_answer(
            await door.read_line(),
            key=self._key,
            agent=self.name,
            nonce=nonce,
            session=self._end.session,
            received=self._end.link.received,
        )
        door.write(line)
        return greeting

    def _start_afresh(self) -> None:
        """The hub knows nothing of the old link: its streams are gone, listeners stay."""
        if not self._end.session:  # the first hub: keep what was said so far
            return
        self.on_broken(self._end, "the hub started afresh")
        self._end.link = Link(even=False)
        for address in self.listeners:
            self._end.link.say({"listening": address})

    async def _keep_house(self) -> None:
        """Acknowledge, ping, and give up what will not come back."""
        pinged = time.monotonic()
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            pinged = keep_house(self._end, pinged)
            waiting = not self._end.attached and self._end.session and self._lost_at
            if waiting and time.monotonic() - self._lost_at > RESUME_SECONDS:
                self._start_afresh()
                self._end.session = ""


def keep_house(end: LinkEnd, pinged: float) -> float:
    """Acknowledge what came, ping a quiet pipe, drop a dead one; when it was last pinged."""
    if not end.attached:
        return pinged
    end.link.acknowledge()
    now = time.monotonic()
    silent = asyncio.get_running_loop().time() - end.last_received
    if silent > SILENCE_SECONDS:
        end.drop()
        end.exchange.on_link_lost(end, f"nothing was heard for {silent:.0f} s")
    elif silent > PING_SECONDS and now - pinged > PING_SECONDS:
        end.link.ping()
        pinged = now
    end.flush()
    return pinged

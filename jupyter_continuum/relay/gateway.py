"""The exchange at a worker agent: waits for the hub, whoever brings it to the door.

It listens where the hub's carrier can reach it (TCP on a compute node, or a Unix socket); where
the agent dials out, the hub comes by what it dialled. It takes a pipe only from somebody who
knows the job's key, and keeps its link over breaks.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from pathlib import Path
from typing import Any, Self

from jupyter_continuum.errors import RelayError
from jupyter_continuum.relay import handshake
from jupyter_continuum.relay.address import Address
from jupyter_continuum.relay.doorway import Doorway
from jupyter_continuum.relay.ends import LinkEnd
from jupyter_continuum.relay.exchange import Exchange
from jupyter_continuum.relay.pipe import Door, listen_unix

HANDSHAKE_SECONDS = 10
HANDSHAKES_AT_ONCE = 16
"""When more have connected and proved nothing, the oldest of them has to go."""
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
        self._end = LinkEnd(self.name, self, even=False)
        self._end.joined = True
        self._door: Door | None = None
        self._meetings: dict[asyncio.Task[None], Doorway] = {}
        self._asking: dict[str, Any] | None = None
        """The join that was not answered yet."""
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
        gateway = cls(site=site, agent=agent, key=key, local_path=local_path)
        gateway.serve(local_path)
        if isinstance(listen, tuple):
            gateway._door = Door(socket.create_server(listen), gateway.welcome)
            gateway.endpoints = [{"host": socket.gethostname(), "port": gateway._door.port}]
        else:
            listen.unlink(missing_ok=True)
            gateway._door = Door(listen_unix(listen), gateway.welcome)
            gateway.endpoints = [{"path": str(listen)}]
        gateway._spawn(gateway._keep_house())
        return gateway

    async def join(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask the cluster to be let in; the grant. RelayError with the sentence of a refusal."""
        self._answer = asyncio.get_running_loop().create_future()
        self._asking = request
        self._end.say({"join": request})
        try:
            return await self._answer
        finally:
            self._asking = None

    async def close(self) -> None:
        """Let go of the link and of everybody beside."""
        if self._door is not None:
            self._door.close()
        await super().close()
        self._end.drop()

    # What Exchange asks ------------------------------------------------------------

    def link_to(self, target: Address) -> LinkEnd | None:
        return None if target.exchange == self.name else self._end

    def may_listen(self, address: Address) -> bool:
        return address.exchange == self.name

    def may_dial(self, end: LinkEnd, target: Address) -> str:
        return "" if target.exchange == self.name else f"{target} is not beside this gateway"

    def on_listen(self, address: str, listening: bool) -> None:
        self._end.say({"listening" if listening else "ceased": address})

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

    def on_broken(self, end: LinkEnd, reason: str) -> None:
        super().on_broken(end, reason)
        if self._asking is not None:
            end.say({"join": self._asking})
        for address in self.listeners:
            end.say({"listening": address})

    # The door ------------------------------------------------------------------------

    def welcome(self, plug: socket.socket, reached_at: str = "") -> None:
        """Somebody is connected by ``plug``, who is the hub when it knows the key.

        ``reached_at`` is this node's own address towards it, where ``plug`` does not tell.
        """
        waiting = [task for task in self._meetings if not task.cancelling()]
        if len(waiting) >= HANDSHAKES_AT_ONCE:
            waiting[0].cancel()
        door = Doorway(plug)
        task = asyncio.get_running_loop().create_task(self._meet(door, reached_at))
        self._tasks.add(task)
        self._meetings[task] = door
        task.add_done_callback(self._met)

    def _met(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._meetings.pop(task).close()

    async def _meet(self, door: Doorway, reached_at: str) -> None:
        """Somebody connected: let it in when it proves that it knows the key."""
        nonce, hello = handshake.gateway_hello()
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                door.write(hello)
                answer = await door.read_line()
            self._let_in(door, nonce, answer, reached_at)
        except ConnectionError:
            return  # who only looked whether somebody answers here; the hub tells of its own
        except (RelayError, TimeoutError, OSError) as error:
            print(f"{self.name}: {error or 'a handshake took too long'}", file=sys.stderr)

    def _let_in(self, door: Doorway, nonce: str, answer: bytes, reached_at: str) -> None:
        # Without an await: what was received must not change before the link is attached.
        end = self._end
        greeting, line = handshake.gateway_answer(
            answer,
            key=self._key,
            agent=self.name,
            nonce=nonce,
            session=end.session,
            received=end.link.received,
        )
        door.write(line)
        if end.session and greeting.session != end.session:
            self.on_broken(end, "the hub started afresh")
        name = door.sockname
        self.reached_at = str(name[0]) if isinstance(name, tuple) else reached_at
        self.last_heard = time.monotonic()
        try:
            door.hand_over(end, greeting)
        except RelayError as error:
            self.on_broken(end, str(error))
            raise

    async def _keep_house(self) -> None:
        """Acknowledge, ping, and give up what will not come back."""
        pinged = time.monotonic()
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            pinged = keep_house(self._end, pinged)
            waiting = not self._end.attached and self._end.session and self._lost_at
            if waiting and time.monotonic() - self._lost_at > RESUME_SECONDS:
                self.on_broken(self._end, "the link was lost for too long")


def keep_house(end: LinkEnd, pinged: float) -> float:
    """Acknowledge what came, ping a quiet pipe, drop a dead one; when it was last pinged."""
    if not end.attached:
        return pinged
    end.link.acknowledge()
    now = asyncio.get_running_loop().time()
    silent = now - end.last_received
    if silent > SILENCE_SECONDS:
        end.on_lost(f"nothing was heard for {silent:.0f} s")
    elif silent > PING_SECONDS and now - pinged > PING_SECONDS:
        end.link.ping()
        pinged = now
    end.flush()
    return pinged

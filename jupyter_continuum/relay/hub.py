"""The hub: the exchange at home, one process per cluster.

``python -m jupyter_continuum.relay.hub DIR`` prints ``{"ready": true}`` and serves until it is
told to exit.

Scheduler and clients reach it at ``DIR/hub.sock``. The broker steers it at ``DIR/hub.ctl``,
one JSON object a line:

    broker -> hub   {"do": "dial", "agent": "lumi.1a2b3c4d", "path": "/…", "key": "<hex>"}
                    {"do": "grant", "agent": …, "grant": {…}}
                    {"do": "refuse", "agent": …, "reason": …}
                    {"do": "end", "agent": …}   {"do": "drop", "agent": …}   {"do": "exit"}
    hub -> broker   {"on": "up", "agent": …}   {"on": "down", "agent": …, "reason": …}
                    {"on": "join", "agent": …, "request": {…}}
                    {"on": "stats", "links": [[source, target, bytes], …], "up": [agent, …]}
                    the same with {"last": true} when it is told to exit

It holds spliced ciphertext and counters, and no key of the cluster. An agent may dial and be
dialled only after the broker granted its join. Without the scheduler for ORPHAN_SECONDS it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from jupyter_continuum.errors import RelayError
from jupyter_continuum.relay import handshake
from jupyter_continuum.relay.address import ENDED, HOME, Address
from jupyter_continuum.relay.doorway import Doorway
from jupyter_continuum.relay.ends import LinkEnd
from jupyter_continuum.relay.exchange import Exchange
from jupyter_continuum.relay.gateway import HANDSHAKE_SECONDS, RESUME_SECONDS, keep_house
from jupyter_continuum.relay.pipe import dial_unix

HOUSEKEEPING_SECONDS = 0.1
ALIVE_SECONDS = 10
"""How often agents hear that their cluster lives: what renews their lease."""
ORPHAN_SECONDS = 600
BROKER_BYTES = 8 * 1024 * 1024
"""Of a broker that has not read so much, no more is expected."""
SCHEDULER = f"{HOME}.scheduler:1"


class Hub(Exchange):
    """Links to every agent, streams between all of them."""

    def __init__(self) -> None:
        super().__init__(HOME)
        self.ends: dict[str, LinkEnd] = {}
        self._lost_at: dict[str, float] = {}
        self._brokers: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}
        self._joins: dict[str, dict[str, Any]] = {}
        """Joins that no broker has answered yet: told again to a broker that comes back."""
        self._grants: dict[str, dict[str, Any]] = {}
        """What joined agents were granted: told again to one that lost it with its link."""
        self._ending: set[str] = set()
        self._dialling: dict[str, asyncio.Task[None]] = {}
        self._scheduler_seen = time.monotonic()
        self.exit = asyncio.Event()

    # What Exchange asks ------------------------------------------------------------

    def link_to(self, target: Address) -> LinkEnd | None:
        end = self.ends.get(target.exchange)
        known = self.remote_listeners.get(target.exchange, ())
        return end if f"{target.exchange}:{target.number}" in known else None

    def may_listen(self, address: Address) -> bool:
        return address.site == HOME

    def may_dial(self, end: LinkEnd, target: Address) -> str:
        return "" if end.joined else f"{end.name} has not joined the cluster"

    def on_message(self, end: LinkEnd, message: dict[str, Any]) -> None:
        request = message.get("join")
        if not isinstance(request, dict):
            return
        if end.name in self._grants:
            end.say({"grant": self._grants[end.name]})
        elif end.name not in self._joins:
            self._joins[end.name] = request
            self._tell({"on": "join", "agent": end.name, "request": request})

    def on_broken(self, end: LinkEnd, reason: str) -> None:
        super().on_broken(end, reason)
        if end.name in self._ending:
            end.say({"end": True})

    def on_link_lost(self, end: LinkEnd, reason: str) -> None:
        self._lost_at.setdefault(end.name, time.monotonic())
        self._tell({"on": "down", "agent": end.name, "reason": reason})

    # The broker ------------------------------------------------------------------------

    async def steer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one broker until it goes away."""
        self._brokers[writer] = asyncio.current_task()
        for end in self.ends.values():
            if end.attached:
                writer.write(_line({"on": "up", "agent": end.name}))
        for agent, request in self._joins.items():
            writer.write(_line({"on": "join", "agent": agent, "request": request}))
        try:
            while line := await reader.readline():
                self._do(json.loads(line))
        except (ConnectionError, ValueError) as error:
            print(f"the broker went away: {error}", file=sys.stderr)  # it may come again
        finally:
            del self._brokers[writer]
            writer.close()

    async def dismiss_brokers(self) -> None:
        """Close their connections, and let ``steer`` see it."""
        serving = [task for task in self._brokers.values() if task is not None]
        for broker in self._brokers:
            broker.close()
        if serving:
            await asyncio.wait(serving, timeout=1)

    def _do(self, order: dict[str, Any]) -> None:
        agent = str(order.get("agent", ""))
        end = self.ends.get(agent)
        match order.get("do"):
            case "dial":
                self._dial_agent(agent, str(order["path"]), bytes.fromhex(order["key"]))
            case "grant" if end is not None:
                self._joins.pop(agent, None)
                self._grants[agent] = order["grant"]
                end.joined = True
                end.say({"grant": order["grant"]})
            case "refuse" if end is not None:
                self._joins.pop(agent, None)
                end.say({"refused": order["reason"]})
            case "end" if end is not None:
                self._ending.add(agent)
                end.say({"end": True})
            case "drop" if end is not None:
                self._drop(end)
            case "exit":
                self._tell(self.stats() | {"last": True})
                self.exit.set()

    def _tell(self, message: dict[str, Any]) -> None:
        for broker in self._brokers:
            if broker.transport.get_write_buffer_size() < BROKER_BYTES:
                broker.write(_line(message))
            else:  # it hangs: when it comes again, it is told everything again
                broker.transport.abort()

    # Links -----------------------------------------------------------------------------

    def _dial_agent(self, agent: str, path: str, key: bytes) -> None:
        """Dial an agent's gateway, instead of any dial of it that is under way."""
        end = self.ends.get(agent)
        if end is None:
            end = self.ends[agent] = LinkEnd(agent, self, even=True)
        before = self._dialling.get(agent)
        if before is not None:
            before.cancel()
        self._dialling[agent] = self._spawn(self._dial_gateway(end, path, key))

    def _drop(self, end: LinkEnd) -> None:
        dialling = self._dialling.pop(end.name, None)
        if dialling is not None:
            dialling.cancel()
        del self.ends[end.name]
        self._ending.discard(end.name)
        for known in (self._joins, self._grants, self._lost_at):
            known.pop(end.name, None)
        self.gone |= self.remote_listeners.get(end.name, set())
        self.on_broken(end, f"{end.name} {ENDED}")

    async def _dial_gateway(self, end: LinkEnd, path: str, key: bytes) -> None:
        door: Doorway | None = None
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                door = Doorway(await dial_unix(path))
                greeting = await self._shake_hands(end, door, key)
            if end.session and greeting.session != end.session:
                self.on_broken(end, "the gateway started afresh")
            self._hand_over(door, end, greeting)
        except (RelayError, TimeoutError, OSError) as error:
            reason = str(error) or f"it did not answer within {HANDSHAKE_SECONDS} s"
            self.on_link_lost(end, reason)
            return
        finally:
            if door is not None:
                door.close()
            if self._dialling.get(end.name) is asyncio.current_task():
                del self._dialling[end.name]
        self._lost_at.pop(end.name, None)
        self._tell({"on": "up", "agent": end.name})
        self._say_alive(end)

    def _hand_over(self, door: Doorway, end: LinkEnd, greeting: handshake.Greeting) -> None:
        try:
            door.hand_over(end, greeting)
        except RelayError as error:
            self.on_broken(end, str(error))
            raise

    async def _shake_hands(self, end: LinkEnd, door: Doorway, key: bytes) -> handshake.Greeting:
        hello = await door.read_line()
        # From here on nothing may come by the old pipe: it would be sent again by the new one.
        end.drop()
        transcript, line = handshake.hub_answer(
            hello, key=key, agent=end.name, session=end.session, received=end.link.received
        )
        door.write(line)
        answer = await door.read_line()
        return handshake.hub_check(answer, key=key, agent=end.name, transcript=transcript)

    def _say_alive(self, end: LinkEnd) -> None:
        if SCHEDULER in self.listeners and end.attached:
            end.say({"alive": True})

    async def keep_house(self) -> None:
        """Acknowledge, ping, renew leases, report, give up what will not come back."""
        pinged: dict[str, float] = {}
        said = reported = 0.0
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            now = time.monotonic()
            for end in list(self.ends.values()):
                pinged[end.name] = keep_house(end, pinged.get(end.name, now))
                if now - self._lost_at.get(end.name, now) > RESUME_SECONDS:
                    del self._lost_at[end.name]
                    self.on_broken(end, "the link was lost for too long")
            if now - said > ALIVE_SECONDS:
                said = now
                for end in self.ends.values():
                    self._say_alive(end)
            if now - reported > 1 and self._brokers:
                reported = now
                self._tell(self.stats())
            if SCHEDULER in self.listeners:
                self._scheduler_seen = now
            elif now - self._scheduler_seen > ORPHAN_SECONDS:
                self.exit.set()

    def stats(self) -> dict[str, Any]:
        """Bytes per pair of sites, and which links are up."""
        return {
            "on": "stats",
            "links": [[source, target, n] for (source, target), n in sorted(self.bytes.items())],
            "up": sorted(end.name for end in self.ends.values() if end.attached),
        }


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


async def run(directory: Path) -> None:
    """Serve until told to exit."""
    hub = Hub()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, hub.exit.set)
    hub.serve(directory / "hub.sock")
    control = directory / "hub.ctl"
    control.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(hub.steer, control, limit=2**22)
    os.chmod(control, 0o600)
    print(json.dumps({"ready": True}), flush=True)
    house = asyncio.create_task(hub.keep_house())
    await asyncio.wait(
        {house, asyncio.create_task(hub.exit.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    server.close()
    await hub.dismiss_brokers()
    await hub.close()
    if house.done():
        house.result()  # it never ends by itself: this raises what went wrong
    house.cancel()


if __name__ == "__main__":
    os.umask(0o077)
    asyncio.run(run(Path(sys.argv[1])))

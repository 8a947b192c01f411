"""A face's side of the broker's socket: blocking for CLI and kernels, asynchronous for servers."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Self

from jupyter_continuum.broker.lines import LIMIT, PROTOCOL, Message, decode, encode, result_of
from jupyter_continuum.broker.start import dial
from jupyter_continuum.errors import BrokerError, ContinuumError

if TYPE_CHECKING:
    import asyncio

GONE = "The broker ended the conversation. Try again; it is started anew, and clusters go on."


def call_broker(method: str, /, *, start: bool = True, **params: Any) -> Any:
    """Ask once and wait for the answer."""
    with open_broker(start=start) as broker:
        return broker.call(method, **params)


@contextmanager
def open_broker(*, start: bool = True) -> Iterator[BlockingClient]:
    """A conversation with the broker, from code without an event loop."""
    with _greeted(start=start) as broker:
        yield broker


def _greeted(*, start: bool, again: bool = True) -> BlockingClient:
    """One that was just ending, and has said nothing, is followed by one that is started."""
    broker = BlockingClient(dial(start=start))
    try:
        check_version(broker.call("version"))
    except BaseException as error:
        broker.__exit__()
        if isinstance(error, BrokerError) and start and again and not broker.has_spoken:
            return _greeted(start=start, again=False)
        raise
    return broker


@asynccontextmanager
async def connect_broker(start: bool = True) -> AsyncIterator[BrokerClient]:
    """A conversation with the broker, from a coroutine; many calls may be under way at once."""
    import asyncio

    connection = await asyncio.to_thread(dial, start=start)
    connection.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=LIMIT)
    broker = BrokerClient(reader, writer)
    try:
        check_version(await broker.call("version"))
        yield broker
    finally:
        await broker.close()


def check_version(version: Message) -> None:
    """BrokerError unless both sides speak the same protocol."""
    if version.get("protocol") != PROTOCOL:
        raise BrokerError(
            f"The broker speaks protocol {version.get('protocol')}, this program {PROTOCOL}. "
            f"End it with `kill {version.get('pid')}` (clusters go on) and try again."
        )


class BlockingClient:
    """One conversation: one call at a time, events in between."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._last_id = 0
        self._early: list[Message] = []
        self.has_spoken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._connection.close()

    def call(
        self, method: str, /, *, on_event: Callable[[Message], None] | None = None, **params: Any
    ) -> Any:
        """The result of ``method``; events that come first go to ``on_event``, or wait."""
        self._last_id += 1
        number = self._last_id
        try:
            self._connection.sendall(encode({"id": number, "method": method, "params": params}))
        except OSError as error:
            raise BrokerError(GONE) from error
        while on_event is not None and self._early:
            on_event(self._early.pop(0))
        while True:
            message = self._read()
            if message.get("id") == number:
                return result_of(message)
            if "event" not in message:
                continue
            if on_event is None:
                self._early.append(message["event"])
            else:
                on_event(message["event"])

    def events(self) -> Iterator[Message]:
        """Events as they come, after ``call("subscribe")``."""
        while True:
            while self._early:
                yield self._early.pop(0)
            message = self._read()
            if "event" in message:
                yield message["event"]

    def _read(self) -> Message:
        try:
            line = self._stream.readline(LIMIT)
        except OSError as error:
            raise BrokerError(GONE) from error
        if not line.endswith(b"\n"):
            raise BrokerError(GONE)
        self.has_spoken = True
        return decode(line)


class BrokerClient:
    """One conversation with any number of calls under way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import asyncio

        self._reader = reader
        self._writer = writer
        self._last_id = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._events: asyncio.Queue[Message | None] = asyncio.Queue()
        self._gone: BrokerError | None = None
        self._listening = asyncio.create_task(self._listen(), name="broker answers")

    async def call(self, method: str, /, **params: Any) -> Any:
        """The result of ``method``; its error is raised here."""
        import asyncio

        if self._gone is not None:
            raise self._gone
        self._last_id += 1
        number = self._last_id
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(encode({"id": number, "method": method, "params": params}))
            await self._writer.drain()
            return await answer
        except OSError as error:
            raise BrokerError(GONE) from error
        finally:
            del self._waiting[number]
            if answer.done() and not answer.cancelled():
                answer.exception()  # seen: it must not be reported as never retrieved

    async def events(self) -> AsyncIterator[Message]:
        """Events as they come, after ``call("subscribe")``; BrokerError when the broker ends."""
        while (event := await self._events.get()) is not None:
            yield event
        raise self._gone or BrokerError(GONE)

    async def close(self) -> None:
        import asyncio

        self._listening.cancel()
        await asyncio.wait([self._listening])
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return  # the other side closed first

    async def _listen(self) -> None:
        try:
            while (line := await self._reader.readline()).endswith(b"\n"):
                self._deliver(decode(line))
            self._end(BrokerError(GONE))
        except (BrokerError, OSError, ValueError) as error:
            self._end(error if isinstance(error, BrokerError) else BrokerError(GONE))
        finally:
            self._end(BrokerError(GONE))

    def _deliver(self, message: Message) -> None:
        if "event" in message:
            self._events.put_nowait(message["event"])
            return
        waiting = self._waiting.get(message.get("id", 0))
        if waiting is None or waiting.done():
            return
        try:
            waiting.set_result(result_of(message))
        except ContinuumError as error:
            waiting.set_exception(error)

    def _end(self, error: BrokerError) -> None:
        if self._gone is not None:
            return
        self._gone = error
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)
        self._events.put_nowait(None)

"""The Jupyter server's one conversation with the broker: calls go out, events come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_continuum.errors import BrokerError, ContinuumError

if TYPE_CHECKING:
    from jupyter_continuum.broker.client import BrokerClient

Event = dict[str, Any]  # the wire's values are whatever JSON holds

REPEATABLE = frozenset(
    (
        *("associations", "cluster", "clusters", "dashboard", "datasets", "draft"),
        *("fetches", "files", "logs", "prompts", "sites"),
    )
)
"""Methods that only look: asked once more when the broker went away in between."""


ENDING_SECONDS = 1.0
"""How long after a failed write the end of a conversation shows on its reading side."""


class BrokerLink:
    """Opened by the first call, opened again by the first call after the broker went away.

    A server whose panel nobody opens, and whose person has no site, never starts a broker.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._conversation: asyncio.Task[None] | None = None
        self._unfinished: set[asyncio.Task[Any]] = set()
        self._opened: asyncio.Future[BrokerClient] | None = None

    async def call(self, method: str, /, **params: Any) -> Any:
        """The broker's answer; its error is raised here."""
        client = await self._client()
        conversation = self._conversation
        try:
            return await client.call(method, **params)
        except BrokerError:
            if method not in REPEATABLE or not await _has_ended(conversation):
                raise
        return await (await self._client()).call(method, **params)

    async def warm_up(self) -> None:
        """Open the conversation ahead of the first call; one that fails is tried by that call."""
        try:
            await self._client()
        except ContinuumError as error:
            self._emit({"kind": "broker", "state": "lost", "message": str(error)})

    async def call_within(self, seconds: float, method: str, /, **params: Any) -> Any:
        """The broker's answer, or None when it takes longer than ``seconds``.

        The call goes on then: its effects show as events, its error as a ``failure`` event.
        Proxies between a browser and its server give up on a request after a minute.
        """
        task = asyncio.create_task(self.call(method, **params), name=f"broker {method}")
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        done, _ = await asyncio.wait([task], timeout=seconds)
        if done:
            return task.result()
        task.add_done_callback(self._report)
        return None

    async def close(self) -> None:
        """Ends this side's conversation; broker and clusters go on."""
        tasks = [*self._unfinished]
        if self._conversation is not None:
            tasks.append(self._conversation)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _report(self, task: asyncio.Task[Any]) -> None:
        """Tell of an error that nobody waits for any more; one that is not ours is a defect."""
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ContinuumError):
            self._emit({"kind": "failure", "message": str(error)})
        elif error is not None:
            raise error

    async def _client(self) -> BrokerClient:
        if self._opened is None or self._conversation is None or self._conversation.done():
            self._opened = asyncio.get_running_loop().create_future()
            self._conversation = asyncio.create_task(
                self._converse(self._opened), name="jupyter-continuum broker link"
            )
        # One caller that gives up must not take the others' connection with it.
        return await asyncio.shield(self._opened)

    async def _converse(self, opened: asyncio.Future[BrokerClient]) -> None:
        from jupyter_continuum.broker.client import connect_broker

        try:
            async with connect_broker(start=True) as client:
                await client.call("subscribe")
                opened.set_result(client)
                self._emit({"kind": "broker", "state": "ready"})
                async for event in client.events():
                    self._emit(event)
        except (ContinuumError, OSError) as error:
            if not opened.done():
                opened.set_exception(_as_broker_error(error))
            self._emit({"kind": "broker", "state": "lost", "message": str(error)})
        finally:
            if not opened.done():
                opened.set_exception(BrokerError("The Jupyter server is closing."))
            if not opened.cancelled():
                opened.exception()  # seen: a caller that gave up is not a forgotten error


async def _has_ended(conversation: asyncio.Task[None] | None) -> bool:
    """True when an error was the end of the conversation, and not the broker's answer."""
    if conversation is None:
        return True
    done, _ = await asyncio.wait([conversation], timeout=ENDING_SECONDS)
    return bool(done)


def _as_broker_error(error: Exception) -> ContinuumError:
    if isinstance(error, ContinuumError):
        return error
    return BrokerError(
        f"The broker cannot be reached ({error}). Run `jupyter continuum doctor` in a terminal."
    )

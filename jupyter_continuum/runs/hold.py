"""A run's side of the lease: its connection stands for it, also towards a later broker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial

from jupyter_continuum.broker.client import connect_broker
from jupyter_continuum.errors import BrokerError, Unknown

AGAIN_SECONDS = 1
"""After so long, a broker that went away is asked again, and started if need be."""


@contextmanager
def holding(name: str) -> Iterator[None]:
    """The broker stops the cluster ``name`` when this process is killed. Raises ContinuumError.

    It is held when this returns. The conversation is a thread's, whatever this one is busy with.
    """
    held: Future[None] = Future()
    closing: Future[Callable[[], object]] = Future()
    thread = threading.Thread(
        target=lambda: asyncio.run(_hold(name, held, closing)), name=f"hold {name}", daemon=True
    )
    thread.start()
    close = closing.result()
    try:
        held.result()
        yield
    finally:
        close()
        thread.join()


async def _hold(name: str, held: Future[None], closing: Future[Callable[[], object]]) -> None:
    """Hold until what ``closing`` is given has been called."""
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    closing.set_result(partial(loop.call_soon_threadsafe, closed.set))
    keeping = asyncio.create_task(_keep(name, held))
    await closed.wait()
    keeping.cancel()
    await asyncio.wait([keeping])


async def _keep(name: str, held: Future[None]) -> None:
    """Hold, and hold again after the broker went away; until the cluster has ended."""
    while True:
        try:
            async with connect_broker() as broker:
                await broker.call("hold", name=name)
                if not held.done():
                    held.set_result(None)
                async for _ in broker.events():
                    pass  # none is subscribed to: this waits for the conversation's end
        except Unknown as error:
            if not held.done():
                held.set_exception(error)
            return
        except (BrokerError, OSError) as error:
            if not held.done():
                held.set_exception(error)
                return
            await asyncio.sleep(AGAIN_SECONDS)

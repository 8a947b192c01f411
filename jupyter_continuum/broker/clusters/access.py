"""Who was let into a cluster, and the end of all of it at once.

A client's leaf cannot be taken back from whoever holds it. Its name says after how many ends of
access it was given, and the cluster's processes hang up on earlier ones (``cluster.gate``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from jupyter_continuum.broker.clusters.home import LEAF_LIFE
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.cluster.leaves import client_leaf
from jupyter_continuum.errors import BrokerError, Unknown

POLL_SECONDS = 30
"""The scheduler asks anew after so long: whoever it asked may be forgotten by then."""
CONFIRM_SECONDS = 15
MOST_CLIENTS = 1000
"""Of those that were let in, the latest; a month's, since no leaf lives longer."""


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who was let in."""

    leaf: str
    who: str
    """As it says itself."""
    since: datetime

    @property
    def until(self) -> datetime:
        return self.since + LEAF_LIFE


class Access:
    """Lets clients into one cluster, until all access is ended."""

    def __init__(
        self, cluster: str, *, save: Callable[[], None], save_later: Callable[[], None]
    ) -> None:
        """``save`` may raise BrokerError."""
        self.open = True
        """Whether somebody more is let in."""
        self.clients: list[Client] = []
        self.connected: set[str] = set()
        """Leaves of those that the scheduler talks to."""
        self._cluster = cluster
        self._save = save
        self._save_later = save_later
        self._generation = 0
        """How often access has ended."""
        self._obeyed = 0
        """The generation that the scheduler says it keeps to."""
        self._news = asyncio.Event()

    def let_in(self, who: str, sign: Callable[[str], dict[str, str]]) -> dict[str, str]:
        """What ``sign`` gives for a new leaf. Unknown while access is ended."""
        if not self.open:
            raise Unknown(
                f"All access to {self._cluster} was ended, and nobody is let in. To let clients in "
                f"again: `jupyter continuum access {self._cluster} --open`, or its card in the "
                "panel."
            )
        now = datetime.now(UTC)
        leaf = client_leaf(self._cluster, self._generation)
        signed = sign(leaf)
        living = [each for each in self.clients if each.until > now]
        self.clients = [*living, Client(leaf, one_line(who, 80), now)][-MOST_CLIENTS:]
        self._save_later()
        return signed

    async def end(self, *, obeyed: bool) -> None:
        """No client of before has access when this returns, and none is let in.

        ``obeyed``: there is a scheduler that has to say so. BrokerError when it does not.
        """
        self.open = False
        self._generation += 1
        wanted = self._generation
        self._tell()
        self._save()
        try:
            async with asyncio.timeout(CONFIRM_SECONDS if obeyed else None):
                while obeyed and self._obeyed < wanted:
                    await self._news.wait()
        except TimeoutError:
            raise BrokerError(
                f"Nobody more is let into {self._cluster}, but its scheduler has not said within "
                f"{CONFIRM_SECONDS} s that it has hung up on its clients. To be certain, stop the "
                f"cluster: `jupyter continuum stop {self._cluster}`."
            ) from None
        self.clients.clear()
        self.connected.clear()
        self._save_later()

    def reopen(self) -> None:
        """Let clients in again, with new leaves."""
        self.open = True
        self._save_later()

    async def follow(self, obeyed: int) -> int:
        """The scheduler keeps to the generation ``obeyed``; the one it is to keep to, as news."""
        if obeyed != self._obeyed:
            self._obeyed = obeyed
            # An earlier broker may have died before it wrote down that access had ended.
            self._generation = max(self._generation, obeyed)
            self._tell()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                while self._generation <= obeyed:
                    await self._news.wait()
        return self._generation

    def to_disk(self) -> dict[str, Any]:
        clients = [asdict(each) | {"since": each.since.isoformat()} for each in self.clients]
        return {"open": self.open, "generation": self._generation, "clients": clients}

    def from_disk(self, stored: dict[str, Any]) -> None:
        """As an earlier broker left it."""
        self.open, self._generation = stored["open"], stored["generation"]
        self.clients = [
            Client(each["leaf"], each["who"], datetime.fromisoformat(each["since"]))
            for each in stored["clients"]
        ]

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

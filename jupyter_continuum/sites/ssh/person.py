"""What a server asks while we log in, put to the person.

A person is asked at most twice for the same thing, and never in a loop: sites lock
accounts that knock too often. Nothing that is answered is kept.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Any

import asyncssh

from jupyter_continuum.sites.profile import SshLogin
from jupyter_continuum.sites.protocols import Asker, Question

CONNECT_SECONDS = 20
"""For the network and the far side; the time a person takes to answer does not count."""
TRIES = 2
"""A wrong code is asked again once."""
ROUNDS = 6
"""Questions one login may put to a person, whatever the server comes up with."""


class Person(asyncssh.SSHClient):
    """Puts the server's questions to the person, and remembers what went wrong."""

    def __init__(self, site: str, login: SshLogin, asker: Asker, pinned: asyncssh.SSHKey) -> None:
        self.where = f"{login.user}@{login.host}"
        self.pinned = pinned
        self.offered: asyncssh.SSHKey | None = None
        self.silent = False
        """No more questions: nobody answered, or everything was asked twice."""
        self.lost = asyncio.Event()
        self.clock: asyncio.Timeout | None = None
        self._site = site
        self._asker = asker
        self._asked: Counter[str] = Counter()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def validate_host_public_key(self, host: str, addr: str, port: int, key: Any) -> bool:
        """Called only for a key that is not the pinned one."""
        self.offered = key
        return False

    def kbdint_auth_requested(self) -> str | None:
        return "" if self._may_ask() else None

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        answers = []
        for prompt, echo in prompts:
            kind = "password" if "password" in prompt.lower() else "code"
            answer = await self.ask(kind, " ".join(f"{instructions} {prompt}".split()), not echo)
            if answer is None:
                return None
            answers.append(answer)
        return answers  # [] to the empty list with which a server says goodbye

    async def password_auth_requested(self) -> str | None:
        if not self._may_ask():
            return None
        return await self.ask("password", "Password:", secret=True)

    def _may_ask(self) -> bool:
        return not self.silent and max(self._asked.values(), default=0) < TRIES

    @property
    def asked(self) -> bool:
        return bool(self._asked)

    async def ask(self, kind: str, text: str, secret: bool) -> str | None:
        """The answer; None, and no more questions, after the second try for the same thing."""
        text = "".join(sign for sign in text if sign.isprintable())[:300]
        before = self._asked[text]
        if self.silent or before >= TRIES or self._asked.total() >= ROUNDS:
            self.silent = True
            return None
        self._asked[text] += 1
        again = "That was not accepted. " if before else ""
        question = Question(kind, self._site, f"{again}{self.where} asks: {text}", secret)
        answer = await _unhurried(self.clock, self._asker.ask(question))
        self.silent = answer is None
        return answer


async def _unhurried(clock: asyncio.Timeout | None, answer: Awaitable[str | None]) -> str | None:
    """Await a person while the network's clock stands still."""
    if clock is None:
        return await answer
    clock.reschedule(None)
    try:
        return await answer
    finally:
        clock.reschedule(asyncio.get_running_loop().time() + CONNECT_SECONDS)

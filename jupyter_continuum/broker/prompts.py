"""Questions for the person, shown by whichever face is open. Answers are never kept."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_continuum.broker.messages.events import PromptEvent, PromptGoneEvent
from jupyter_continuum.broker.messages.prompts import PromptView
from jupyter_continuum.errors import ContinuumError, Unknown
from jupyter_continuum.sites.protocols import Question

PROMPT_SECONDS = 120
"""An SSH server closes a login that is not over after two minutes."""
ANSWER_LENGTH = 4096


class Prompts:
    """The Asker of every site: one prompt a question, gone when answered or after a while."""

    def __init__(self, publish: Callable[[PromptEvent | PromptGoneEvent], None]) -> None:
        self._publish = publish
        self._open: dict[str, tuple[PromptView, asyncio.Future[str | None]]] = {}

    async def ask(self, question: Question) -> str | None:
        """The answer; None when it was refused or nobody answered in time."""
        view = PromptView(
            id=secrets.token_hex(8),
            kind=question.kind,
            site=question.site,
            text=question.text,
            secret=question.secret,
            expires=datetime.now(UTC) + timedelta(seconds=PROMPT_SECONDS),
        )
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._open[view.id] = (view, answer)
        self._publish(PromptEvent(prompt=view))
        try:
            async with asyncio.timeout(PROMPT_SECONDS):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._open[view.id]
            self._publish(PromptGoneEvent(id=view.id))

    def views(self) -> list[PromptView]:
        """Questions that wait for an answer."""
        return [view for view, _ in self._open.values()]

    async def prompts(self) -> list[PromptView]:
        return self.views()

    async def answer(self, *, id: str, value: str | None = None) -> dict[str, Any]:
        """Give the answer; None refuses. Unknown when the prompt has gone."""
        if value is not None and (not isinstance(value, str) or len(value) > ANSWER_LENGTH):
            raise ContinuumError(f"An answer is a text of at most {ANSWER_LENGTH} signs.")
        _, waiting = self._open.get(id, (None, None))
        if waiting is None or waiting.done():
            raise Unknown("That question has gone: it was answered elsewhere, or expired.")
        waiting.set_result(value)
        return {}

"""Whom a worker says it reaches is heard from somebody who may say anything."""

from __future__ import annotations

import pytest
from distributed.core import Server

from jupyter_continuum.cluster.dialling import ask


class Partner(Server):
    """Answers ``reach`` with whatever it was made with; an exception is raised."""

    def __init__(self, answer: object) -> None:
        self._answer = answer
        super().__init__({"reach": self.reach})

    async def reach(self, addresses: list[str], seconds: float) -> object:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (["tcp://a:1"], {"tcp://a:1"}),
        ([], set()),
        ([1, None, "tcp://a:1"], {"tcp://a:1"}),
        (5, None),
        ({"tcp://a:1": 1}, None),
        (RuntimeError("no"), None),
        (None, None),
    ],
)
async def test_what_a_partner_answers_is_heard_or_counts_as_silence(answer, heard):
    async with Partner(answer) as partner:
        await partner.listen("tcp://127.0.0.1")
        assert await ask(partner.address, ["tcp://a:1"], 5, {}) == heard

"""A certificate is renewed by the site's program; a script stands in for ``step``."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.messages.events import PromptEvent
from jupyter_continuum.broker.prompts import Prompts
from jupyter_continuum.broker.sites.renewing import renew_with_step
from jupyter_continuum.errors import SignInRequired
from jupyter_continuum.sites.ssh.credentials import credentials_of
from tests.sites.ssh.test_credentials import agent, login, sign  # noqa: F401  # a fixture

PAGE = "https://login.example/authorize?state=1"


class Person:
    """Answers what is asked, in turn; None refuses."""

    def __init__(self, *answers: str | None) -> None:
        self.asked: list[str] = []
        self._answers = [*answers]
        self._tasks: list[asyncio.Task[Any]] = []
        self.prompts = Prompts(self._hear)

    def _hear(self, event: Any) -> None:
        if isinstance(event, PromptEvent):
            self.asked.append(event.prompt.text)
            answering = self.prompts.answer(id=event.prompt.id, value=self._answers.pop(0))
            self._tasks.append(asyncio.create_task(answering))


def environment(folder: Path, certified: Path) -> dict[str, str]:
    """With a ``step`` that shows a page, and takes the code of its one person."""
    step = folder / "bin" / "step"
    step.parent.mkdir()
    step.write_text(
        "#!/bin/sh\n"
        f'[ "$*" = "ssh login --provisioner cineca-hpc" ] || exit 2\n'
        f"echo 'Open this page to sign in:'\necho {shlex.quote(PAGE)}\n"
        "read -r code\n"
        "[ \"$code\" = 123456 ] || { echo 'the code is wrong' >&2; exit 1; }\n"
        f"exec ssh-add -q {shlex.quote(str(certified))}\n"
    )
    step.chmod(0o700)
    return {**os.environ, "PATH": f"{step.parent}:{os.environ['PATH']}"}


@pytest.mark.usefixtures("agent")
async def test_a_new_certificate_is_in_the_agent_once_the_person_has_signed_in(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    key = sign(tmp_path, "of-step", "ada", "-V", "20260101000000Z:20960102000000Z")
    person = Person("cineca-hpc", "123456")
    await renew_with_step("leonardo", person.prompts, environment(tmp_path, key))
    assert "provisioner" in person.asked[0]
    assert PAGE in person.asked[1]
    (found,) = await credentials_of(login(use_agent=True))
    assert found.expires is not None
    assert found.expires.year == 2096
    assert person.prompts.views() == []


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ((None,), "no provisioner was named"),
        (("--help",), "no provisioner was named"),
        (("cineca-hpc", "654321"), "the code is wrong"),
        (("cineca-hpc", None), "got no certificate"),
    ],
)
async def test_what_is_refused_renews_nothing_and_says_so(
    tmp_path: Path,
    answers: tuple[str | None, ...],
    said: str,
) -> None:
    key = sign(tmp_path, "of-step", "ada")
    person = Person(*answers)
    with pytest.raises(SignInRequired, match=said):
        await renew_with_step("leonardo", person.prompts, environment(tmp_path, key))


async def test_without_the_program_it_says_where_it_is_from(tmp_path: Path) -> None:
    with pytest.raises(SignInRequired, match="`step` is not installed"):
        await renew_with_step("leonardo", Person().prompts, {"PATH": str(tmp_path)})

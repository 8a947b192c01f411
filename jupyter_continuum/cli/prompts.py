"""Answers, at the terminal, what the broker wants to know from the person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.lines import Message
from jupyter_continuum.cli.terminal import ask, interactive, note
from jupyter_continuum.errors import Unknown


def call_with_person(method: str, /, *, trust_host_key_of: str = "", **params: Any) -> Any:
    """Call the broker; what it asks meanwhile is asked here."""
    answer = Prompts(trust_host_key_of=trust_host_key_of)
    with open_broker() as broker:
        broker.call("subscribe")
        return broker.call(method, on_event=answer, **params)


class Prompts:
    """Takes events, asks each prompt once, and forwards every other event."""

    def __init__(
        self,
        *,
        trust_host_key_of: str = "",
        others: Callable[[Message], None] | None = None,
    ) -> None:
        self._trusted = trust_host_key_of
        self._others = others
        self._seen: set[str] = set()

    def __call__(self, event: Message) -> None:
        if event.get("kind") == "prompt":
            self._ask_once(event["prompt"])
        elif self._others is not None:
            self._others(event)

    def _ask_once(self, prompt: Message) -> None:
        if prompt["id"] in self._seen:
            return
        self._seen.add(prompt["id"])
        if prompt["kind"] == "host-key" and prompt["site"] == self._trusted:
            note(f"{prompt['site']}: {prompt['text']} Trusted, as you said --yes.")
            self._answer(prompt, "yes")
        elif interactive():
            self._answer(prompt, self._from_person(prompt))
        else:
            note(
                f"{prompt['site']} wants you: {prompt['text']} There is no terminal to ask at; "
                "answer in JupyterLab or run `jupyter continuum connect` in a terminal."
            )

    def _from_person(self, prompt: Message) -> str:
        # A newline in the site's own words must not look like a second question.
        text = " ".join(str(prompt["text"]).split())
        text += " (yes/no)" if prompt["kind"] == "host-key" else ""
        return ask(f"{prompt['site']}: {text}", secret=bool(prompt["secret"]))

    def _answer(self, prompt: Message, value: str) -> None:
        try:
            # A second conversation: the first one is busy waiting for its answer.
            call_broker("answer", id=prompt["id"], value=value)
        except Unknown:
            note("That was answered elsewhere, or too late.")

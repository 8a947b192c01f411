"""A cluster for the time of a run: what the run launches ends with it, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.lines import Message
from jupyter_continuum.broker.waiting import wait_for_workers
from jupyter_continuum.errors import ContinuumError, Unknown
from jupyter_continuum.runs.choosing import Launch, Use
from jupyter_continuum.runs.hold import holding
from jupyter_continuum.runs.signals import ended_by_signals

Tell = Callable[[str], None]
Others = Callable[[Message], None]


@contextmanager
def cluster_for(use: Use, *, tell: Tell, others: Others | None = None) -> Iterator[str]:
    """Name of a cluster with at least one worker; ``tell`` hears what is waited for.

    The broker's events about other things go to ``others``; left out, its questions are told.
    """
    others = others or _Questions(tell)
    with ended_by_signals(), ExitStack() as stack:
        if isinstance(use, str):
            if "/" not in use:  # one of somebody else's has no group that we could wait for
                wait_for_workers(use, 1, tell=tell, others=others)
            yield use
            return
        name = _launch(use, tell, others)
        try:
            stack.enter_context(holding(name))
            wait_for_workers(name, 1, tell=tell, others=others)
            yield name
        finally:
            _end(name, tell)


def _launch(wanted: Launch, tell: Tell, others: Others) -> str:
    """Launch, in a thread: the broker goes on with it when this process is interrupted."""
    launched: Future[str] = Future()

    def launch() -> None:
        try:
            with open_broker() as broker:
                broker.call("subscribe")
                view = broker.call(
                    "launch",
                    on_event=others,
                    plan=wanted.plan,
                    held=True,
                    accept=list(wanted.accept),
                )
            launched.set_result(view["name"])
        except BaseException as error:
            launched.set_exception(error)

    threading.Thread(target=launch, daemon=True).start()
    try:
        return launched.result()
    except KeyboardInterrupt:
        with suppress(ContinuumError):  # it was refused: there is nothing to end
            _end(launched.result(), tell)
        raise


def _end(name: str, tell: Tell) -> None:
    tell(f"{name}: is being ended, with all its jobs.")
    try:
        call_broker("stop", name=name)
    except Unknown:
        return  # somebody else has stopped it
    except ContinuumError as error:
        tell(str(error))  # and not raised: how the notebook ended weighs more


class _Questions:
    """Tells, once each, what the broker wants to know from a person."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told: set[str] = set()

    def __call__(self, event: Message) -> None:
        if event.get("kind") != "prompt" or event["prompt"]["id"] in self._told:
            return
        prompt = event["prompt"]
        self._told.add(prompt["id"])
        text = " ".join(str(prompt["text"]).split())
        self._tell(
            f"{prompt['site']} wants you: {text} Answer in JupyterLab, or run "
            f"`jupyter continuum connect {prompt['site']}` in a terminal."
        )

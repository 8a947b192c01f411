from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.client import call_broker, connect_broker, open_broker
from jupyter_continuum.broker.lines import PROTOCOL, decode, encode, result_of
from jupyter_continuum.broker.start import dial, log_path, socket_path
from jupyter_continuum.errors import BrokerError, ContinuumError, PlanRefused, Unknown

Answer = Callable[[dict[str, Any]], list[dict[str, Any]]]


def answers(request: dict[str, Any]) -> list[dict[str, Any]]:
    """A broker in ten lines: what it says to one request."""
    number = request["id"]
    match request["method"]:
        case "version":
            return [{"id": number, "result": {"protocol": PROTOCOL, "pid": os.getpid()}}]
        case "echo":
            return [{"id": number, "result": request["params"]}]
        case "busy":
            return [{"event": {"n": 1}}, {"event": {"n": 2}}, {"id": number, "result": "done"}]
        case _:
            error = {"kind": "Unknown", "message": f"No {request['method']}."}
            return [{"id": number, "error": error}]


def listen(answer: Answer) -> socket.socket:
    """Serve one conversation after the other on the broker's socket, in a thread."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(socket_path()))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    messages = answer(json.loads(line))
                    for message in messages:
                        connection.sendall(encode(message))
                    if not messages or b'"hang-up"' in line:
                        break

    threading.Thread(target=serve, daemon=True).start()
    return listener


@pytest.fixture
def listening(state: Path) -> Iterator[None]:
    with closing(listen(answers)) as listener:
        yield
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.usefixtures("listening")
def test_a_call_returns_what_the_broker_answered() -> None:
    assert call_broker("echo", text="naïve ☃\n", number=3) == {"text": "naïve ☃\n", "number": 3}


@pytest.mark.usefixtures("listening")
def test_an_error_is_raised_as_its_own_kind() -> None:
    with pytest.raises(Unknown, match=r"No cheese\."):
        call_broker("cheese")


@pytest.mark.usefixtures("listening")
def test_events_during_a_call_wait_for_events() -> None:
    with open_broker() as broker:
        assert broker.call("busy") == "done"
        events = broker.events()
        assert [next(events), next(events)] == [{"n": 1}, {"n": 2}]


@pytest.mark.usefixtures("listening")
def test_events_during_a_call_go_to_who_asked_for_them() -> None:
    seen: list[dict[str, Any]] = []
    with open_broker() as broker:
        broker.call("busy")
        assert broker.call("busy", on_event=seen.append) == "done"
    assert seen == [{"n": 1}, {"n": 2}] * 2


@pytest.mark.usefixtures("listening")
def test_a_broker_that_hangs_up_is_an_error_and_not_a_wait() -> None:
    with open_broker() as broker:
        broker.call("echo", word="hang-up")
        with pytest.raises(BrokerError, match="ended the conversation"):
            broker.call("echo")


@pytest.mark.usefixtures("state")
def test_one_that_is_just_ending_is_followed_by_the_next() -> None:
    without_a_word = iter([[]])
    with closing(listen(lambda asked: next(without_a_word, answers(asked)))) as listener:
        assert call_broker("echo", n=1) == {"n": 1}
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.usefixtures("listening")
async def test_async_calls_overlap_and_each_gets_its_own_answer() -> None:
    async with connect_broker() as broker:
        calls = [broker.call("echo", n=n) for n in range(50)]
        assert await asyncio.gather(*calls) == [{"n": n} for n in range(50)]


@pytest.mark.usefixtures("listening")
async def test_async_errors_and_events_arrive() -> None:
    async with connect_broker() as broker:
        with pytest.raises(Unknown, match="No cheese"):
            await broker.call("cheese")
        assert await broker.call("busy") == "done"
        events = broker.events()
        assert await anext(events) == {"n": 1}


@pytest.mark.usefixtures("listening")
async def test_a_cancelled_call_leaves_the_conversation_usable() -> None:
    async with connect_broker() as broker:
        call = asyncio.create_task(broker.call("echo", n=1))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await broker.call("echo", n=2) == {"n": 2}


@pytest.mark.usefixtures("listening")
async def test_async_calls_fail_when_the_broker_hangs_up() -> None:
    async with connect_broker() as broker:
        await broker.call("echo", word="hang-up")
        with pytest.raises(BrokerError):
            await broker.call("echo")
        with pytest.raises(BrokerError):
            await anext(broker.events())


def test_another_protocol_is_refused_with_what_to_do(state: Path) -> None:
    newer = {"protocol": PROTOCOL + 1, "pid": 4711}
    listener = listen(lambda request: [{"id": request["id"], "result": newer}])
    with closing(listener), pytest.raises(BrokerError, match="kill 4711"):
        call_broker("sites")
    listener.close()


def test_without_starting_no_broker_is_an_error(state: Path) -> None:
    with pytest.raises(BrokerError, match="No broker runs"):
        dial(start=False)


def test_a_broker_that_dies_at_once_is_told_with_its_last_words(
    state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho first; echo the reason >&2; exit 3\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(BrokerError, match=r"ended at once: the reason\."):
        dial(start=True)
    assert stat.S_IMODE(log_path().stat().st_mode) == 0o600


def test_many_faces_at_once_start_one_broker(broker: Any) -> None:
    ask = (
        "from jupyter_continuum.broker.client import call_broker;"
        "print(call_broker('version')['pid'])"
    )
    call_broker("shutdown")
    faces = [
        subprocess.Popen([sys.executable, "-c", ask], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({face.communicate()[0] for face in faces}) == 1
    assert [face.returncode for face in faces] == [0] * 4


@pytest.mark.parametrize("line", [b"{", b"[1]", b"3", b"\xff\n"])
def test_a_line_that_is_no_message_is_an_error(line: bytes) -> None:
    with pytest.raises(BrokerError):
        decode(line)


def test_an_error_of_unknown_kind_is_still_one_of_ours() -> None:
    with pytest.raises(ContinuumError, match="odd"):
        result_of({"error": {"kind": "SystemExit", "message": "odd"}})
    with pytest.raises(PlanRefused):
        result_of({"error": {"kind": "PlanRefused", "message": "no"}})

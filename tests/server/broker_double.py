"""What stands in for the broker where only the way to it is tested: it records and answers."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


class BrokerDouble:
    """Speaks the broker's protocol on a Unix socket, from threads."""

    def __init__(self, path: Path) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        self.errors: dict[str, tuple[str, str]] = {}
        self.subscribed = threading.Event()
        self.conversations = 0
        self.holding = threading.Event()
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._sockets: list[socket.socket] = []
        self._subscribers: list[Any] = []
        self._lock = threading.Lock()
        double = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                double._converse(self.request, self.rfile, self.wfile)

        self._server = socketserver.ThreadingUnixStreamServer(str(path), Conversation)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def reset(self) -> None:
        self.calls.clear()
        self.answers.clear()
        self.errors.clear()

    def emit(self, event: dict[str, Any]) -> None:
        """Send an event to everybody who has subscribed; who asks is told the same from then on."""
        with self._lock:
            self._keep(event)
            for stream in self._subscribers:
                _write(stream, {"event": event})

    @property
    def subscribers(self) -> int:
        with self._lock:
            return len(self._subscribers)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Answer nothing before the end of the block."""
        self.holding.clear()
        self._may_answer.clear()
        try:
            yield
        finally:
            self._may_answer.set()

    def hang_up(self) -> None:
        """End every conversation, as a broker that is killed does."""
        with self._lock:
            sockets, self._sockets, self._subscribers = self._sockets, [], []
        for connection in sockets:
            with suppress(OSError):  # the face hung up first
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.hang_up()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _keep(self, event: dict[str, Any]) -> None:
        for kind, key in (("site", "id"), ("cluster", "name")):
            known = self.answers.get(f"{kind}s", [])
            if event["kind"] == kind:
                new = event[kind]
                known = [new if each[key] == new[key] else each for each in known]
                self.answers[f"{kind}s"] = known
            elif event["kind"] == f"{kind}-gone":
                known = [each for each in known if each[key] != event[key]]
                self.answers[f"{kind}s"] = known

    def _converse(self, connection: socket.socket, incoming: Any, outgoing: Any) -> None:
        with self._lock:
            self.conversations += 1
            self._sockets.append(connection)
        with suppress(OSError):  # the conversation was ended
            for line in incoming:
                self._answer(json.loads(line), outgoing)

    def _answer(self, request: dict[str, Any], stream: Any) -> None:
        method, number = request["method"], request["id"]
        if method == "version":
            _write(stream, {"id": number, "result": {"protocol": 1, "version": "0", "pid": 1}})
            return
        if not self._may_answer.is_set():
            self.holding.set()
            self._may_answer.wait(30)
        with self._lock:
            if method == "subscribe":
                self._subscribers.append(stream)
                self.subscribed.set()
                _write(stream, {"id": number, "result": {}})
                return
            self.calls.append((method, request["params"]))
            if method in self.errors:
                kind, message = self.errors[method]
                _write(stream, {"id": number, "error": {"kind": kind, "message": message}})
            else:
                _write(stream, {"id": number, "result": self.answers.get(method, {})})


def _write(stream: Any, message: dict[str, Any]) -> None:
    with suppress(OSError, ValueError):  # the face went away
        stream.write(json.dumps(message).encode() + b"\n")

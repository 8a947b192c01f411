"""What stands in for the broker where only the way to it is tested: it records and answers."""

from __future__ import annotations

import json
import socketserver
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any


class BrokerDouble:
    """Speaks the broker's protocol on a Unix socket, from a thread."""

    def __init__(self, path: Path) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        self.errors: dict[str, tuple[str, str]] = {}
        self.subscribed = threading.Event()
        self._streams: list[Any] = []
        self._lock = threading.Lock()
        double = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    double._answer(json.loads(line), self.wfile)

        self._server = socketserver.ThreadingUnixStreamServer(str(path), Conversation)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def reset(self) -> None:
        self.calls.clear()
        self.answers.clear()
        self.errors.clear()

    def emit(self, event: dict[str, Any]) -> None:
        """Send an event to everybody who has subscribed."""
        with self._lock:
            for stream in self._streams:
                _write(stream, {"event": event})

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: dict[str, Any], stream: Any) -> None:
        method, number = request["method"], request["id"]
        with self._lock:
            if method == "version":
                _write(stream, {"id": number, "result": {"protocol": 1, "version": "0", "pid": 1}})
                return
            if method == "subscribe":
                self._streams.append(stream)
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
    with suppress(OSError):  # the face went away
        stream.write(json.dumps(message).encode() + b"\n")

from __future__ import annotations

import json
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from jupyter_continuum.server.app import SCHEMA_ID
from jupyter_continuum.server.routes import BASE
from tests.server.broker_double import BrokerDouble
from tests.server.jupyter_process import TOKEN, JupyterServer


async def subscribe(server: JupyterServer) -> WebSocketClientConnection:
    """JupyterLab's own event socket."""
    url = f"ws://127.0.0.1:{server.port}/api/events/subscribe"
    return await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {TOKEN}"}))


async def next_of(socket: WebSocketClientConnection, kind: str) -> dict[str, Any]:
    while (text := await socket.read_message()) is not None:
        message = json.loads(text)
        if message["schema_id"] == SCHEMA_ID and message["kind"] == kind:
            return dict(message)
    raise AssertionError("the event socket was closed")


async def test_a_change_reaches_the_event_socket(
    server: JupyterServer, broker: BrokerDouble
) -> None:
    socket = await subscribe(server)
    server.ask("GET", f"{BASE}/sites")
    assert broker.subscribed.wait(10)
    broker.emit({"kind": "site", "site": {"id": "a", "state": "ready"}})
    assert (await next_of(socket, "site"))["site"] == {"id": "a", "state": "ready"}
    socket.close()


async def test_a_prompt_is_announced_with_its_question_alone(
    server: JupyterServer, broker: BrokerDouble
) -> None:
    socket = await subscribe(server)
    server.ask("GET", f"{BASE}/sites")
    assert broker.subscribed.wait(10)
    prompt = {"id": "p", "kind": "code", "site": "a", "text": "Code?", "value": "hunter2"}
    broker.emit({"kind": "prompt", "prompt": prompt})
    event = await next_of(socket, "prompt")
    assert event["prompt"] == {"id": "p", "kind": "code", "site": "a", "text": "Code?"}
    assert "hunter2" not in server.log.read_text()
    socket.close()

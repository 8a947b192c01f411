"""Dask's pages under Jupyter: who may look, what crosses to them, and what never does."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

from jupyter_continuum.server.address import base_url, dashboard_link
from jupyter_continuum.server.dashboard import DASHBOARD
from jupyter_continuum.server.relayed import location_under, target_of
from tests.server.broker_double import BrokerDouble
from tests.server.jupyter_process import TOKEN, JupyterServer

PAGES = "/jupyter-continuum/clusters/main/dashboard"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Echo(RequestHandler):
    """Answers with what it was asked, and tries to reach further than it should."""

    def get(self) -> None:
        self.set_header("Set-Cookie", "stolen=1")
        self.set_header("X-Anything", "1")
        self.set_header("Connection", "X-Anything")
        self.finish({"uri": self.request.uri, "headers": dict(self.request.headers)})


class Away(RequestHandler):
    def get(self) -> None:
        self.redirect("/status")


class OfWorker(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Security-Policy", "sandbox")
        self.finish("<script>1</script>")


class EchoSocket(WebSocketHandler):
    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        self.asked = subprotocols
        return "bokeh"

    def open(self) -> None:
        headers = dict(self.request.headers)
        self.write_message(json.dumps({"protocols": self.asked, "headers": headers}))

    def on_message(self, message: str | bytes) -> None:
        if message == "end":
            self.close()
        else:
            self.write_message(message, binary=isinstance(message, bytes))


@pytest.fixture(scope="module")
def pages() -> Iterator[Path]:
    """A server on a Unix socket, in a thread with a loop of its own."""
    folder = tempfile.TemporaryDirectory(prefix="jc-")
    path = Path(folder.name) / "dashboard.sock"
    up, loop = threading.Event(), asyncio.new_event_loop()
    ending = asyncio.Event()

    async def serve() -> None:
        rules = [(r"/away", Away), (r"/worker/.*", OfWorker), (r"/status/ws", EchoSocket)]
        server = HTTPServer(Application([*rules, (r"/.*", Echo)]))
        server.add_socket(bind_unix_socket(str(path)))
        up.set()
        await ending.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert up.wait(10)
    yield path
    loop.call_soon_threadsafe(ending.set)
    thread.join()
    loop.close()
    folder.cleanup()


@pytest.fixture
def shown(broker: BrokerDouble, pages: Path) -> BrokerDouble:
    broker.answers["dashboard"] = {"socket": str(pages)}
    return broker


def get(
    server: JupyterServer, path: str, *, token: str | None = TOKEN, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["Authorization"] = f"token {token}"
    try:
        connection.request("GET", path, headers=sent)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


async def talk(
    server: JupyterServer, *, token: str | None = TOKEN, **headers: str
) -> tuple[dict[str, Any], list[str | bytes | None]]:
    """What the server beyond saw of us, and its echo of text, bytes and an end."""
    sent = {"Authorization": f"token {token}"} if token else {}
    request = HTTPRequest(
        f"ws://127.0.0.1:{server.port}{PAGES}/status/ws?token={TOKEN if token else ''}&a=1",
        headers=sent | headers,
    )
    connection = await websocket_connect(request, subprotocols=["bokeh", "session"])
    seen = json.loads(str(await connection.read_message()))
    echo = []
    for message in ("text", b"bytes", "end"):
        await connection.write_message(message, binary=isinstance(message, bytes))
        echo.append(await connection.read_message())
    connection.close()
    return seen, echo


def test_a_page_comes_through_without_what_opened_jupyter(
    server: JupyterServer, shown: BrokerDouble
) -> None:
    status, headers, body = get(
        server, f"{PAGES}/status?a=1&token={TOKEN}", Cookie="secret=1", Accept="text/html"
    )
    seen = json.loads(body)
    assert status == 200
    assert seen["uri"] == "/status?a=1"
    assert seen["headers"]["Accept"] == "text/html"
    assert not {"Cookie", "Authorization", "Origin"} & set(seen["headers"])
    assert TOKEN not in body.decode()
    assert not {"X-Anything", "Connection"} & set(headers)
    assert "stolen" not in str(headers)
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert shown.calls == [("dashboard", {"name": "main"})]


def test_a_policy_of_the_page_is_kept(server: JupyterServer, shown: BrokerDouble) -> None:
    assert get(server, f"{PAGES}/worker/w/main")[1]["Content-Security-Policy"] == "sandbox"


def test_redirects_stay_below_the_address(server: JupyterServer, shown: BrokerDouble) -> None:
    assert get(server, f"{PAGES}/away")[1]["Location"] == f"{PAGES}/status"
    assert get(server, PAGES)[1]["Location"] == f"{PAGES}/status"


@pytest.mark.parametrize("path", ["", "/", "/status", "/static/js/bokeh.min.js", "/status/ws"])
@pytest.mark.parametrize("token", [None, "another-token"])
def test_nobody_sees_a_page_without_the_token(
    server: JupyterServer, shown: BrokerDouble, path: str, token: str | None
) -> None:
    status, headers, _ = get(server, PAGES + path, token=token)
    assert status == 403 or (status == 302 and headers["Location"].startswith("/login"))
    assert shown.calls == []


def test_who_may_only_look_sees_pages(read_only_server: JupyterServer, shown: BrokerDouble) -> None:
    assert get(read_only_server, f"{PAGES}/status")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_are_for_looking_alone(
    server: JupyterServer, shown: BrokerDouble, method: str
) -> None:
    assert server.ask(method, f"{PAGES}/api/v1/retire_workers", {})[0] in (403, 405)
    assert shown.calls == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "iframe"},
    ],
)
def test_a_page_of_another_site_cannot_read_or_embed_with_the_cookie(
    server: JupyterServer, shown: BrokerDouble, headers: dict[str, str]
) -> None:
    cookies = server.login_cookies()
    assert get(server, f"{PAGES}/status", token=None, Cookie=cookies)[0] == 200
    shown.calls.clear()
    assert get(server, f"{PAGES}/status", token=None, Cookie=cookies, **headers)[0] == 403
    assert shown.calls == []


async def test_a_socket_comes_through_without_what_opened_jupyter(
    server: JupyterServer, shown: BrokerDouble
) -> None:
    seen, echo = await talk(server, Cookie="secret=1")
    assert echo == ["text", b"bytes", None]
    assert seen["protocols"] == ["bokeh", "session"]
    assert not {"Cookie", "Authorization", "Origin"} & set(seen["headers"])
    assert TOKEN not in json.dumps(seen)


async def test_who_may_only_look_has_sockets(
    read_only_server: JupyterServer, shown: BrokerDouble
) -> None:
    assert (await talk(read_only_server))[1] == ["text", b"bytes", None]


@pytest.mark.parametrize("token", [None, "another-token"])
def test_nobody_has_a_socket_without_the_token(
    server: JupyterServer, shown: BrokerDouble, token: str | None
) -> None:
    assert get(server, f"{PAGES}/status/ws", token=token, **UPGRADE)[0] == 403
    assert shown.calls == []


def test_a_page_of_another_site_has_no_socket(server: JupyterServer, shown: BrokerDouble) -> None:
    asked = UPGRADE | {"Cookie": server.login_cookies(), "Origin": "https://elsewhere.example"}
    assert get(server, f"{PAGES}/status/ws", token=None, **asked)[0] == 403


def test_a_cluster_that_shows_nothing_is_said(
    server: JupyterServer, broker: BrokerDouble, tmp_path: Path
) -> None:
    broker.errors["dashboard"] = ("Unknown", "There is no cluster 'main'.")
    assert get(server, f"{PAGES}/status")[0] == 404
    broker.errors.clear()
    broker.answers["dashboard"] = {"socket": str(tmp_path / "gone.sock")}
    assert get(server, f"{PAGES}/status")[0] == 502


def test_every_handler_is_tried_here() -> None:
    tried = [f"{PAGES}{path}" for path in ("", "/status/ws", "/status")]
    for (pattern, _), path in zip(DASHBOARD, tried, strict=True):
        assert re.fullmatch(pattern, path)


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ("/status", "/x/status"),
        ("status", "status"),
        ("info/main/workers.html", "info/main/workers.html"),
        ("//elsewhere.example/", ""),
        ("https://elsewhere.example/", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_a_redirect_leads_nowhere_else(location: str, found: str) -> None:
    assert location_under("/x/", location) == found


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("info/task/('x', 1).html", "info/task/%28%27x%27%2C%201%29.html"),
        ("a?b#c%", "a%3Fb%23c%25"),
        ("a\r\nHost: x\x00é", "a%0D%0AHost%3A%20x%00%C3%A9"),
    ],
)
def test_a_target_is_a_path(path: str, target: str) -> None:
    assert target_of(path, "") == target


def test_a_link_in_a_notebook_leads_to_its_own_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "jpserver-7.json").write_text(json.dumps({"base_url": "/lab-a/"}))
    link = dashboard_link({"JPY_PARENT_PID": "7"}).format(port="main")
    assert link == "/lab-a/jupyter-continuum/clusters/main/dashboard/status"
    hub = {"JPY_PARENT_PID": "7", "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}
    assert base_url(hub) == "/user/ada/"
    for elsewhere in ({}, {"JPY_PARENT_PID": "8"}, {"JPY_PARENT_PID": "../7"}):
        shown = dashboard_link(elsewhere).format(port="main")
        assert shown == "jupyter continuum dashboard main"

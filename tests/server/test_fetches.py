"""Who may bring a file of a site here, to which folders, and what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.server.fetches import FETCHES
from jupyter_continuum.server.routes import BASE
from tests.server.broker_double import BrokerDouble
from tests.server.jupyter_process import JupyterServer
from tests.server.test_events import next_of, subscribe
from tests.server.test_sweeps import NO_FILES

FETCH = f"{BASE}/sites/lumi/fetch"
WANTED = {"path": "/scratch/run/x.zip", "folder": "work"}

EVERY = [
    ("POST", FETCH, WANTED),
    ("GET", f"{BASE}/fetches", None),
    ("DELETE", f"{BASE}/fetches/one", None),
]


def view(server: JupyterServer, target: str = "work/x.zip", **more: Any) -> dict[str, Any]:
    at = (server.root / target).resolve()
    about = {"id": "one", "site": "lumi", "path": "/scratch/run/x.zip", "target": str(at)}
    return about | {"state": "running", "reason": "", "done": 0, "total": None} | more


@pytest.fixture
def work(server: JupyterServer) -> Path:
    folder = server.root / "work"
    folder.mkdir(exist_ok=True)
    return folder.resolve()


def test_a_fetch_goes_to_a_folder_of_the_file_browser(
    server: JupyterServer, broker: BrokerDouble, work: Path
) -> None:
    broker.answers["start_fetching"] = view(server)
    status, answer = server.ask("POST", FETCH, WANTED | {"force": True})
    assert (status, answer["result"]["target"]) == (200, "work/x.zip")
    sent = {"site": "lumi", "path": WANTED["path"], "destination": str(work), "force": True}
    assert broker.calls == [("start_fetching", sent)]
    server.ask("POST", FETCH, {"path": "x", "folder": "", "force": "yes"})
    assert broker.calls[1][1]["force"] is False
    assert broker.calls[1][1]["destination"] == str(server.root.resolve())


def test_only_what_comes_to_its_own_files_is_told_and_can_be_stopped(
    server: JupyterServer, broker: BrokerDouble
) -> None:
    elsewhere = view(server) | {"id": "other", "target": "/elsewhere/x.zip"}
    broker.answers["fetches"] = [view(server, done=5, total=10), elsewhere]
    status, answer = server.ask("GET", f"{BASE}/fetches")
    assert (status, answer["result"]) == (
        200,
        [view(server, done=5, total=10) | {"target": "work/x.zip"}],
    )
    assert server.ask("DELETE", f"{BASE}/fetches/other")[0] == 404
    assert server.ask("DELETE", f"{BASE}/fetches/one") == (200, {"result": {}})
    stopped = {"path": "/scratch/run/x.zip", "destination": view(server)["target"]}
    assert [call for call in broker.calls if call[0] != "fetches"] == [("stop_fetching", stopped)]


@pytest.mark.parametrize(
    ("folder", "status"),
    [
        *((folder, 404) for folder in ("..", "a/../..", "work\\x", "x\0", ".ssh", "./x", "none")),
        ("out", 400),
        ("out/deeper", 400),
    ],
)
def test_nothing_is_written_outside(
    server: JupyterServer, broker: BrokerDouble, tmp_path: Path, folder: str, status: int
) -> None:
    (server.root / ".ssh").mkdir(exist_ok=True)
    (tmp_path / "deeper").mkdir()
    out = server.root / "out"
    out.unlink(missing_ok=True)
    out.symlink_to(tmp_path)
    assert server.ask("POST", FETCH, WANTED | {"folder": folder})[0] == status
    assert broker.calls == []


def test_what_the_file_browser_would_hide_is_refused(
    server: JupyterServer, broker: BrokerDouble, work: Path
) -> None:
    status, answer = server.ask("POST", FETCH, WANTED | {"path": "/home/ada/.bashrc"})
    assert (status, answer["message"][:28]) == (400, ".bashrc would be hidden here")
    assert broker.calls == []


def test_a_file_that_is_here_has_its_own_word(
    server: JupyterServer, broker: BrokerDouble, work: Path
) -> None:
    broker.errors["start_fetching"] = ("AlreadyHere", "x.zip is there already.")
    answer = server.ask("POST", FETCH, WANTED)
    assert answer == (409, {"message": "x.zip is there already.", "kind": "AlreadyHere"})


@pytest.mark.parametrize(("method", "path", "body"), EVERY)
@pytest.mark.parametrize("token", [None, "another-token"])
def test_nobody_comes_in_without_the_token(
    server: JupyterServer,
    broker: BrokerDouble,
    method: str,
    path: str,
    body: Any,
    token: str | None,
) -> None:
    assert server.ask(method, path, body, token=token)[0] == 403
    assert broker.calls == []


@pytest.mark.parametrize(("method", "path", "body"), EVERY)
def test_another_page_can_do_nothing_with_the_cookie_alone(
    server: JupyterServer, broker: BrokerDouble, method: str, path: str, body: Any
) -> None:
    headers = {"Cookie": server.login_cookies(), "Origin": "https://elsewhere.example"}
    assert server.ask(method, path, body, token=None, headers=headers)[0] in (403, 404)
    assert broker.calls == []


def test_who_may_only_look_sees_what_comes_and_brings_nothing(
    read_only_server: JupyterServer, broker: BrokerDouble
) -> None:
    broker.answers["fetches"] = [view(read_only_server)]
    status, answer = read_only_server.ask("GET", f"{BASE}/fetches")
    assert (status, len(answer["result"])) == (200, 1)
    broker.calls.clear()
    for method, path, body in (EVERY[0], EVERY[2]):
        assert read_only_server.ask(method, path, body)[0] == 403
    assert broker.calls == []


def test_who_may_write_no_file_brings_none(
    jupyter_data: Path, broker: BrokerDouble, tmp_path: Path
) -> None:
    server = JupyterServer(tmp_path / "home", jupyter_data, config=NO_FILES)
    try:
        assert server.ask("POST", FETCH, WANTED | {"folder": ""})[0] == 403
        assert server.ask("POST", f"{BASE}/sites/lumi/files", {"path": ""})[0] == 200
    finally:
        server.close()
    assert [method for method, _ in broker.calls] == ["files"]


def test_every_route_is_tried_here() -> None:
    verbs = {"get", "put", "post", "patch", "delete"}
    assert {verb.upper() for _, one in FETCHES for verb in one.__dict__.keys() & verbs} == {
        method for method, _, _ in EVERY
    }
    assert len(FETCHES) == len(EVERY)


async def test_how_far_it_is_reaches_the_event_socket_without_a_path(
    server: JupyterServer, broker: BrokerDouble
) -> None:
    socket = await subscribe(server)
    server.ask("GET", f"{BASE}/fetches")
    assert broker.subscribed.wait(10)
    event = {"kind": "fetch", "id": "one", "state": "running", "done": 5, "total": 10}
    broker.emit(event | {"id": "other", "name": "/elsewhere/private.zip"})
    broker.emit(event | {"name": view(server, "work/private.zip")["target"]})
    told = await next_of(socket, "fetch")
    assert {key: told[key] for key in event} == event
    assert "name" not in told
    assert "private.zip" not in server.log.read_text()
    socket.close()

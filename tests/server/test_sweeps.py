"""Who may look at a sweep's folder, and at which folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from jupyter_continuum.server.routes import BASE
from jupyter_continuum.server.sweeps import SWEEPS
from tests.runs.sweep_folder import make, record
from tests.server.jupyter_process import JupyterServer

NO_FILES = """
from jupyter_server.auth import Authorizer

class NoFiles(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "contents"

c.ServerApp.authorizer_class = NoFiles
"""


def path_of(folder: str, **more: str) -> str:
    query = "".join(f"&{name}={quote(value)}" for name, value in more.items())
    return f"{BASE}/sweep?path={quote(folder, safe='')}{query}"


def put_sweep(server: JupyterServer, name: str) -> Path:
    folder = server.log.parent / name
    make(folder, {"n": [1, 2]})
    record(folder, 1, {"n": 1}, at=1_700_000_000)
    return folder


def test_a_sweep_is_told_whole_and_then_what_is_new(server: JupyterServer) -> None:
    folder = put_sweep(server, "deep/a b-sweep")
    status, answer = server.ask("GET", path_of("deep/a b-sweep"))
    assert status == 200
    assert [row["status"] for row in answer["result"]["rows"]] == ["completed", "waiting"]
    since = answer["result"]["since"]
    record(folder, 2, {"n": 2})
    status, answer = server.ask("GET", path_of("/deep/a b-sweep/", since=since))
    assert [row["run"] for row in sorted(answer["result"]["rows"], key=lambda it: it["run"])] == [
        1,
        2,
    ]


def test_there_is_one_route_and_all_of_it_is_tried_here() -> None:
    (route,) = SWEEPS
    assert (route[0], route[1].__dict__.keys() & {"get", "put", "post", "patch", "delete"}) == (
        f"{BASE}/sweep",
        {"get"},
    )


@pytest.mark.parametrize("token", [None, "another-token"])
def test_nobody_looks_without_the_token(server: JupyterServer, token: str | None) -> None:
    put_sweep(server, "x-sweep")
    assert server.ask("GET", path_of("x-sweep"), token=token)[0] == 403


def test_who_may_read_may_look(read_only_server: JupyterServer) -> None:
    put_sweep(read_only_server, "x-sweep")
    assert read_only_server.ask("GET", path_of("x-sweep"))[0] == 200


@pytest.fixture
def server_without_files(jupyter_data: Path, tmp_path: Path) -> Iterator[JupyterServer]:
    """A server whose user may do everything but look at files."""
    running = JupyterServer(tmp_path / "home", jupyter_data, config=NO_FILES)
    yield running
    running.close()


def test_who_may_not_see_files_sees_no_sweep(server_without_files: JupyterServer) -> None:
    put_sweep(server_without_files, "x-sweep")
    assert server_without_files.ask("GET", path_of("x-sweep"))[0] == 403


def test_another_page_cannot_look_with_the_cookie_alone(server: JupyterServer) -> None:
    put_sweep(server, "x-sweep")
    headers = {"Cookie": server.login_cookies(), "Origin": "https://elsewhere.example"}
    assert server.ask("GET", path_of("x-sweep"), token=None, headers=headers)[0] in (403, 404)


@pytest.mark.parametrize(
    "where", ["../out-sweep", "a/../../out-sweep", "..\\out-sweep", "x\0", ".hidden-sweep", "./x"]
)
def test_what_the_file_browser_does_not_show_is_not_found(
    server: JupyterServer, where: str
) -> None:
    put_sweep(server, "../out-sweep")
    put_sweep(server, ".hidden-sweep")
    assert server.ask("GET", path_of(where))[0] == 404


def test_a_folder_of_something_else_says_so(server: JupyterServer) -> None:
    status, answer = server.ask("GET", path_of("config"))
    assert status == 404
    assert answer == {
        "message": "config holds no sweep: sweep.json cannot be read.",
        "kind": "Unknown",
    }


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "1" * 21, "²"])
def test_since_has_to_be_what_was_said_before(server: JupyterServer, since: str) -> None:
    put_sweep(server, "x-sweep")
    assert server.ask("GET", path_of("x-sweep", since=since))[0] == 400

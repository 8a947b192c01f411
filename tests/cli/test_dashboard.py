"""``jupyter continuum dashboard``: for the first browser that opens it, and nobody else."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cli.commands import COMMAND, SECONDS, connect_lab, continuum


@pytest.fixture(scope="module")
def address(shared_broker: Any) -> Iterator[str]:
    """Of a real cluster's dashboard; the command ends with Ctrl-C."""
    connect_lab()
    launched = continuum("launch", "--on", "lab/cpu", "--name", "span", "--no-wait")
    assert launched.status == 0, launched.err
    showing = subprocess.Popen(
        [*COMMAND, "dashboard", "span"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert showing.stdout is not None
    lines = iter(showing.stdout.readline, "")
    yield next(line.strip() for line in lines if line.startswith("http"))
    showing.send_signal(signal.SIGINT)
    _, said = showing.communicate(timeout=SECONDS)
    assert showing.returncode == 130
    assert "the cluster goes on" in said
    assert continuum("stop", "span").status == 0


@pytest.fixture(scope="module")
def visit(address: str) -> tuple[str, str]:
    """Folder and cookie of the browser that was first."""
    assert get(address, "/?token=x")[0] == 403
    status, headers, body = get(address, f"/?{urlsplit(address).query}")
    assert status == 200
    cookie = headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    found = re.search(r"url=(/[\w-]+)/status", body.decode())
    assert found is not None
    assert f"Path={found[1]}" in cookie.split("; ")
    return found[1], cookie.split(";")[0]


def get(address: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def test_the_status_page_and_what_it_needs_are_shown(address: str, visit: tuple[str, str]) -> None:
    folder, cookie = visit
    status, _, body = get(address, f"{folder}/status", Cookie=cookie)
    assert status == 200
    scripts = re.findall(r'src="(static/js/[^"]+)"', body.decode())
    assert scripts
    for script in scripts:
        assert get(address, f"{folder}/{script}", Cookie=cookie)[0] == 200
    assert get(address, f"{folder}/info/main/workers.html", Cookie=cookie)[0] == 200


def test_the_token_opens_it_once(address: str, visit: tuple[str, str]) -> None:
    assert get(address, f"/?{urlsplit(address).query}")[0] == 403


@pytest.mark.parametrize("path", ["status", "status/ws", "eventstream"])
def test_nothing_is_shown_without_the_cookie(
    address: str, visit: tuple[str, str], path: str
) -> None:
    folder, cookie = visit
    assert get(address, f"{folder}/{path}")[0] == 403
    assert get(address, f"{folder}/{path}", Cookie="continuum=x")[0] == 403
    assert get(address, f"{folder}/{path}", Cookie=cookie, Host="elsewhere.example")[0] == 403


def test_a_page_of_another_site_has_no_socket(address: str, visit: tuple[str, str]) -> None:
    folder, cookie = visit
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Cookie": cookie,
        "Origin": "https://elsewhere.example",
    }
    assert get(address, f"{folder}/status/ws", **upgrade)[0] == 403


def test_an_unknown_cluster_is_named(shared_broker: Any) -> None:
    ran = continuum("dashboard", "nowhere")
    assert ran.status == 1
    assert "no cluster 'nowhere'" in ran.err

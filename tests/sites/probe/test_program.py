"""The program that travels, run as a job runs it: by a bare Python, with a folder."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_continuum.sites import probe
from jupyter_continuum.sites.announcements import parse_agent
from jupyter_continuum.sites.probe.facts import Facts, is_measured, read_facts
from tests.free_port import free_port

NONCE, TOKEN = "a1" * 16, "b2" * 32
SECONDS = 60


def told(**changes: object) -> dict[str, object]:
    return {
        "nonce": NONCE,
        "token": TOKEN,
        "listen": "unix",
        "outbound": {"host": "127.0.0.1", "port": free_port()},
        "login": [],
        "python": sys.executable,
        "seconds": SECONDS,
    } | changes


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="jcp-") as made:
        yield Path(made)


@contextmanager
def running(
    folder: Path, asked: dict[str, object], **environment: str
) -> Iterator[subprocess.Popen[str]]:
    (folder / "probe.py").write_text(probe.program())
    (folder / "join-0.json").write_text(json.dumps(asked))
    with (folder / "job.log").open("w") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", probe.command(sys.executable, str(folder))],
            stdout=log,
            stderr=log,
            text=True,
            env={"PATH": os.environ["PATH"], **environment},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def found(folder: Path, asked: dict[str, object], **environment: str) -> tuple[Facts, str]:
    """Let the program measure; what it found and all it printed."""
    with running(folder, asked, **environment):
        said(folder, "measured")
    log = (folder / "job.log").read_text()
    facts, odd = read_facts(log, NONCE)
    assert not odd, log
    assert "fault" not in log, log
    return facts, log


def said(folder: Path, field: str) -> None:
    """Wait until the program has printed ``field``."""

    async def wait() -> None:
        async with asyncio.timeout(SECONDS):
            while f"{NONCE} {field} " not in (folder / "job.log").read_text():
                await asyncio.sleep(0.05)

    asyncio.run(wait())


def visit(folder: Path, words: str, payload: bytes = b"", *, token: str = TOKEN) -> bytes:
    """Knock at the program's door; all that comes back."""
    with socket.socket(socket.AF_UNIX) as guest:
        guest.settimeout(20)
        guest.connect(str(folder / "g0.sock"))
        guest.sendall(f"{token} {words}\n".encode() + payload)
        guest.shutdown(socket.SHUT_WR)
        parts = []
        try:
            while part := guest.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            parts.append(b"")
    return b"".join(parts)


@contextmanager
def server(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Says ``answer`` to everybody, at once; keeps what it is told."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    guest, _ = listener.accept()
                except OSError:
                    return
                with guest:
                    if answer.startswith(b"HTTP"):
                        heard.append(guest.recv(4096))
                    guest.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_the_text_is_python_3_6() -> None:
    ast.parse(probe.program(), feature_version=(3, 6))
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(ast.parse(probe.program()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if isinstance(node, ast.Import)
    }
    assert imported <= set(sys.stdlib_module_names)


def test_it_finds_what_this_machine_has(folder: Path) -> None:
    facts, log = found(folder, told(), TMPDIR=str(folder))
    assert facts.node == os.uname().nodename
    assert facts.architecture == os.uname().machine
    assert facts.glibc == os.confstr("CS_GNU_LIBC_VERSION").split()[1]
    assert facts.pythons[0].path == sys.executable
    assert facts.pythons[0].version == ".".join(map(str, sys.version_info[:3]))
    assert facts.disks[0].path == str(folder)
    assert facts.disks[0].free_bytes > 0
    assert facts.outbound.outcome == "refused"
    assert facts.proxies == ()
    assert facts.outbound_by_proxy is None
    assert is_measured(log, NONCE)
    assert TOKEN not in log
    assert not (folder / "join-0.json").exists()


def test_a_proxy_is_asked_with_its_password_which_is_told_to_nobody_else(folder: Path) -> None:
    with server(b"HTTP/1.1 200 Connection established\r\n\r\n") as (port, heard):
        proxy = f"http://ada:h%40ck@127.0.0.1:{port}"
        facts, log = found(folder, told(), HTTPS_PROXY=proxy, no_proxy="localhost")
    assert facts.proxies[0].model_dump() == {"name": "HTTPS_PROXY", "address": f"127.0.0.1:{port}"}
    assert facts.outbound_by_proxy.outcome == "connected"
    assert b"Proxy-Authorization: Basic YWRhOmhAY2s=" in heard[0]
    for secret in ("ada", "h%40ck", "h@ck", "YWRhOmhAY2s="):
        assert secret not in log


def test_a_proxy_that_turns_away_is_told_with_its_status(folder: Path) -> None:
    with server(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as (port, _):
        facts, _ = found(folder, told(), https_proxy=f"127.0.0.1:{port}")
    assert facts.outbound_by_proxy.status == 407
    assert facts.outbound_by_proxy.outcome == "turned away"


def test_a_password_is_not_said_to_a_proxy_that_does_not_prove_its_name(folder: Path) -> None:
    with server(b"") as (port, heard):
        facts, _ = found(folder, told(), https_proxy=f"https://ada:hack@127.0.0.1:{port}")
    assert facts.outbound_by_proxy.outcome == "somebody else"
    assert b"YWRhOmhhY2s=" not in b"".join(heard)


def test_a_socks_proxy_is_named_and_not_spoken_to(folder: Path) -> None:
    with server(b"HTTP/1.1 200 OK\r\n\r\n") as (port, heard):
        facts, _ = found(folder, told(), ALL_PROXY=f"socks5://ada:hack@127.0.0.1:{port}")
    assert [each.name for each in facts.proxies] == ["ALL_PROXY"]
    assert facts.outbound_by_proxy is None
    assert heard == []


def test_a_proxy_variable_that_is_no_address_is_not_one(folder: Path) -> None:
    facts, _ = found(folder, told(), https_proxy="http://x:99999999/", HTTP_PROXY="http://[::")
    assert facts.proxies == ()


def test_a_login_node_is_one_that_speaks_ssh(folder: Path) -> None:
    with server(b"SSH-2.0-OpenSSH_9.2\r\n") as (ssh, _), server(b"220 smtp here\r\n") as (mail, _):
        login = [{"host": "127.0.0.1", "port": port} for port in (ssh, mail)]
        facts, _ = found(folder, told(login=login))
    assert [each.outcome for each in facts.login] == ["connected", "somebody else"]


def test_a_name_that_nobody_knows_is_no_name(folder: Path) -> None:
    target = {"host": "nobody.invalid", "port": 443}
    facts, _ = found(folder, told(outbound=target))
    assert facts.outbound.outcome == "no name"


def test_the_door_echoes_for_who_has_the_token(folder: Path) -> None:
    payload = os.urandom(60_000)
    with running(folder, told()):
        said(folder, "endpoints")
        assert visit(folder, "echo", payload) == payload
        assert visit(folder, "echo", payload, token="c3" * 32) == b""
        announced = (folder / "agent-0.json").read_bytes()
    agent = parse_agent(announced, job="jc-probe-x-00000001", folder=str(folder))
    assert agent.endpoints[0].path == str(folder / "g0.sock")


def test_the_door_dials_the_login_node_back_and_no_one_else(folder: Path) -> None:
    with server(NONCE.encode()) as (ours, _), server(b"hello") as (other, _):
        login = [{"host": "127.0.0.1", "port": 1}]
        with running(folder, told(login=login)):
            said(folder, "endpoints")
            assert json.loads(visit(folder, f"dial {ours}"))["outcome"] == "connected"
            assert json.loads(visit(folder, f"dial {other}"))["outcome"] == "somebody else"
            assert visit(folder, "dial 10.0.0.1:80") == b""


def test_it_ends_by_itself_when_nobody_comes(folder: Path) -> None:
    with running(folder, told(seconds=2)) as process:
        assert process.wait(20) != 0


def test_the_next_interpreter_is_taken_where_the_profiles_is_missing(folder: Path) -> None:
    line = probe.command("/nowhere/python", str(folder))
    (folder / "probe.py").write_text("print('ran')")
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "ran\n")


def test_a_node_without_python_is_said_to_have_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "INTERPRETERS", ("no-such-python3",))
    line = probe.command("/nowhere/python", str(folder))
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, f"{probe.NO_PYTHON}\n")

"""A pytest plugin for ``upstream.sh``: each of distributed's comm tests, as it stands and by relay.

For the second, addresses that name ``tcp://`` or ``tls://`` become ``relay://``, between a hub
and a gateway that run beside the tests; the tests' own certificates are used. What is about
another transport, or about IP addresses, does not apply, and says why.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import distributed.utils_test as upstream
import pytest
from record import save

from jupyter_continuum.relay.comm import RelayListener
from jupyter_continuum.relay.handshake import link_key

WAYS = ("as it stands", "relay")
ABOUT_IP = "it is about IP addresses and host names, which relay addresses do not hold"
ABOUT_INPROC = "it is about inproc"
ABOUT_TCP = "it looks inside the TCP backend, or replaces a part of it"
ABOUT_SOCKETS = "it is about another transport"
REASONS = {
    r"test_(parse_host_port|unparse_host_port|get_address_host|resolve_address)": ABOUT_IP,
    r"test_get_local_address_for|test_getaddrinfo": ABOUT_IP,
    r"test_\w+_ipv6": ABOUT_IP,
    r"test_inproc": ABOUT_INPROC,
    r"test_(tcp|tls)_specific|test_tcp_listener_does_not_call": ABOUT_TCP,
    r"test_(retry_connect|handshake_slow_comm|stop_listener_during)": ABOUT_TCP,
    r"test_get_stream_address|test_do_not_share|test_share_buffer": ABOUT_TCP,
}
HOST = "far.0"


@pytest.fixture(scope="session")
def between() -> Iterator[dict[str, dict[str, str]]]:
    """A hub and a gateway, and what a process beside each must know."""
    key = link_key("upstream").hex()
    with tempfile.TemporaryDirectory(prefix="jc-") as name:
        folder = Path(name)
        module = [sys.executable, "-P", "-m", "jupyter_continuum.relay.hub", name]
        hub = subprocess.Popen(module, stdout=subprocess.PIPE)
        script = [sys.executable, str(Path(__file__).with_name("relay.py")), "--role", "gateway"]
        gate = subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        asked = {"role": "gateway", "site": "far", "agent": "0", "key": key, "folder": name}
        assert hub.stdout is not None
        assert gate.stdin is not None
        assert gate.stdout is not None
        gate.stdin.write(json.dumps(asked).encode() + b"\n")
        gate.stdin.flush()
        hub.stdout.readline()
        gate.stdout.readline()
        _let_in(folder, key)
        shared = {"direct-host": ""}
        for each in ("far", "home"):
            (folder / each).mkdir()
        yield {
            "far": {
                **shared, "exchange": f"{name}/far.gate", "site": "far", "agent": "0",
                "direct-dir": f"{name}/far",
            },
            "home": {
                **shared, "exchange": f"{name}/hub.sock", "site": "home", "agent": "client",
                "direct-dir": f"{name}/home",
            },
        }  # fmt: skip
        for process in (gate, hub):
            process.terminate()
            process.wait()
            process.stdout.close()
        gate.stdin.close()


def _let_in(folder: Path, key: str) -> None:
    import socket

    control = socket.socket(socket.AF_UNIX)
    control.connect(str(folder / "hub.ctl"))
    lines = control.makefile("rw")
    orders = [
        {"do": "dial", "agent": HOST, "path": f"{folder}/far.link", "key": key},
        {"do": "grant", "agent": HOST, "grant": {}},
    ]
    for order, awaited in zip(orders, ("join", ""), strict=True):
        lines.write(json.dumps(order) + "\n")
        lines.flush()
        while awaited and json.loads(lines.readline())["on"] != awaited:
            continue
    time.sleep(0.2)  # the hub writes no line about a grant
    lines.close()
    control.close()


@pytest.fixture(autouse=True, params=WAYS)
def over(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    name = request.node.originalname
    if name == "test_register_backend_entrypoint":
        pytest.skip("its child process would have to import the test, which is not installed")
    if request.param == "as it stands":
        yield
        return
    reason = next((why for pattern, why in REASONS.items() if re.match(pattern, name)), "")
    if reason or not request.module.__name__.endswith("test_comms"):
        pytest.skip(reason or ABOUT_SOCKETS)
    where = request.getfixturevalue("between")
    _by_relay(request.module, where, monkeypatch)
    yield


def _address(given: str) -> str:
    """The relay address in the place of a TCP one; a port that was asked for is kept."""
    scheme, _, rest = given.rpartition("://")
    if scheme not in ("", "tcp", "tls"):
        return given
    port = rest.rpartition(":")[2] if re.search(r":\d+$", rest) else ""
    return f"relay://{HOST}{':' + port if port else ''}"


def _by_relay(module: Any, where: dict[str, dict[str, str]], patch: pytest.MonkeyPatch) -> None:
    real_listen, real_connect = module.listen, module.connect

    def listen(address: str, handler: Any, **given: Any) -> Any:
        given.setdefault("ssl_context", upstream.get_server_ssl_context())
        return real_listen(_address(address), handler, **given)

    def connect(address: str, *words: Any, **given: Any) -> Any:
        given.setdefault("ssl_context", upstream.get_client_ssl_context())
        given["extra_conn_args"] = {"relay": where["home"]}
        return real_connect(_address(address), *words, **given)

    def named(host: str, port: int | None = None) -> Any:
        """What the tests ask of an address that was bound."""

        def check(rest: str) -> None:
            bound, _, number = rest.rpartition(":")
            assert bound == HOST
            assert port in (None, int(number))

        return check

    async def start(listener: RelayListener) -> None:
        # The tests put dask's configuration back to what it was when they begin.
        with dask.config.set({"continuum.relay": where["far"]}):
            await real_start(listener)

    real_start = RelayListener.start
    patch.setattr(RelayListener, "start", start)
    patch.setattr(module, "listen", listen)
    patch.setattr(module, "connect", connect)
    for name in ("tcp_eq", "tls_eq"):
        patch.setattr(module, name, named)
    for name, helper in list(vars(module).items()):
        if not inspect.iscoroutinefunction(helper) or name.startswith("test_"):
            continue
        if next(iter(inspect.signature(helper).parameters), "") in ("addr", "listen_addr"):
            patch.setattr(module, name, _with_address(helper))


def _with_address(helper: Any) -> Any:
    @functools.wraps(helper)
    def called(address: str, *words: Any, **given: Any) -> Any:
        return helper(_address(address), *words, **given)

    return called


# The outcome of each -----------------------------------------------------------------------

_outcomes: dict[str, dict[str, str]] = {}


def pytest_configure(config: pytest.Config) -> None:
    certificates = config.rootpath / "distributed" / "tests"

    def get_cert(name: str) -> str:
        return str(certificates / name)  # an installed distributed has none

    upstream.get_cert = get_cert


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name, _, words = report.nodeid.rpartition("::")[2].partition("[")
    way = next((way for way in WAYS if way in words), WAYS[0])
    rest = words.replace(way, "").strip("-]").replace("--", "-")
    outcome = report.outcome
    if report.skipped and isinstance(report.longrepr, tuple):
        outcome = f"does not apply: {report.longrepr[2].removeprefix('Skipped: ')}"
    elif report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        outcome = f"failed: {crash.message.splitlines()[0][:200] if crash else 'see its output'}"
    if report.when == "call" or report.outcome != "passed":
        file = report.nodeid.rpartition("::")[0].rpartition("/")[2]
        kept = _outcomes.setdefault(f"{file}::{name}" + (f"[{rest}]" if rest else ""), {})
        kept[way] = outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    commit = subprocess.run(
        ["git", "-C", str(session.config.rootpath), "log", "-1", "--format=%H %cs"],
        capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    totals: dict[str, dict[str, int]] = {way: {} for way in WAYS}
    for outcomes in _outcomes.values():
        for way, outcome in outcomes.items():
            word = outcome.partition(":")[0]
            totals[way][word] = totals[way].get(word, 0) + 1
    results = {"commit": commit, "totals": totals, "outcomes": _outcomes}
    print(f"\n{json.dumps(totals)}\nkept in {save('upstream', results)}")

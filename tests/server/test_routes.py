from __future__ import annotations

from typing import Any

import pytest

from jupyter_continuum.server.routes import BASE, ROUTES
from tests.server.broker_double import BrokerDouble
from tests.server.jupyter_process import JupyterServer

PLAN = {"groups": [{"offer": "a/cpu", "jobs": 2}]}

LOOKS: list[tuple[str, str, tuple[str, dict[str, Any]]]] = [
    ("GET", "/sites", ("sites", {"retired": False})),
    ("GET", "/sites?retired=1", ("sites", {"retired": True})),
    ("GET", "/sites/lumi/associations", ("associations", {"site": "lumi"})),
    ("GET", "/clusters", ("clusters", {})),
    ("GET", "/clusters/my-cluster", ("cluster", {"name": "my-cluster"})),
    (
        "GET",
        "/clusters/my-cluster/logs?group=a&lines=20",
        ("logs", {"name": "my-cluster", "group": "a", "lines": 20}),
    ),
    ("GET", "/prompts", ("prompts", {})),
    ("GET", "/rank?by=wait", ("rank", {"by": "wait"})),
    ("GET", "/policy", ("policy", {})),
    ("GET", "/claims?offer=a/b", ("claims", {"offer": "a/b"})),
    ("GET", "/datasets", ("datasets", {})),
]

DEEDS: list[tuple[str, str, Any, tuple[str, dict[str, Any]]]] = [
    ("POST", "/sites/lumi/refresh", {}, ("refresh", {"site": "lumi"})),
    ("POST", "/sites/lumi/renew", {}, ("renew", {"site": "lumi"})),
    ("POST", "/sites/lumi/files", {"path": "/x"}, ("files", {"site": "lumi", "path": "/x"})),
    ("POST", "/draft", {"site": "lumi"}, ("draft", {"site": "lumi"})),
    ("POST", "/connect", {"profile": {"site": "a"}}, ("connect", {"profile": {"site": "a"}})),
    ("POST", "/disconnect", {"site": "a"}, ("disconnect", {"site": "a"})),
    (
        "POST",
        "/plan",
        {"plan": PLAN, "foretell": True},
        ("dry_run", {"plan": PLAN, "foretell": True}),
    ),
    ("POST", "/clusters", {"plan": PLAN}, ("launch", {"plan": PLAN})),
    ("DELETE", "/clusters/c", None, ("stop", {"name": "c"})),
    (
        "POST",
        "/clusters/c/scale",
        {"group": "a", "jobs": 3},
        ("scale", {"name": "c", "group": "a", "jobs": 3}),
    ),
    ("POST", "/clusters/c/access", {}, ("open_access", {"name": "c"})),
    ("DELETE", "/clusters/c/access", None, ("end_access", {"name": "c"})),
    ("POST", "/sites/a/probe", {"offer": "a/b"}, ("probe", {"site": "a", "offer": "a/b"})),
    ("DELETE", "/sites/a/probe", None, ("cancel_probe", {"site": "a"})),
    ("POST", "/prompts/p-1", {"value": "123456"}, ("answer", {"id": "p-1", "value": "123456"})),
    ("POST", "/prompts/p-1", {"value": None}, ("answer", {"id": "p-1", "value": None})),
    ("POST", "/audit", {"site": "a", "end": True}, ("audit", {"site": "a", "end": True})),
]

EVERY = [(method, path, None) for method, path, _ in LOOKS] + [
    (method, path, body) for method, path, body, _ in DEEDS
]


@pytest.mark.parametrize(("method", "path", "call"), LOOKS)
def test_looking_is_forwarded(
    server: JupyterServer,
    broker: BrokerDouble,
    method: str,
    path: str,
    call: tuple[str, dict[str, Any]],
) -> None:
    broker.answers[call[0]] = [{"id": "x"}]
    assert server.ask(method, BASE + path) == (200, {"result": [{"id": "x"}]})
    assert broker.calls == [call]


@pytest.mark.parametrize(("method", "path", "body", "call"), DEEDS)
def test_doing_is_forwarded(
    server: JupyterServer,
    broker: BrokerDouble,
    method: str,
    path: str,
    body: Any,
    call: tuple[str, dict[str, Any]],
) -> None:
    assert server.ask(method, BASE + path, body) == (200, {"result": {}})
    assert broker.calls == [call]


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
    assert server.ask(method, BASE + path, body, token=token)[0] == 403
    assert broker.calls == []


@pytest.mark.parametrize(("method", "path", "body"), EVERY)
def test_who_may_only_look_can_do_nothing(
    read_only_server: JupyterServer, broker: BrokerDouble, method: str, path: str, body: Any
) -> None:
    status, _ = read_only_server.ask(method, BASE + path, body)
    if method == "GET":
        assert status == 200
    else:
        assert status == 403
        assert broker.calls == []


@pytest.mark.parametrize(("method", "path", "body"), [it for it in EVERY if it[0] != "GET"])
def test_another_page_cannot_act_with_the_cookie_alone(
    server: JupyterServer, broker: BrokerDouble, method: str, path: str, body: Any
) -> None:
    headers = {"Cookie": server.login_cookies(), "Origin": "https://elsewhere.example"}
    status, _ = server.ask(method, BASE + path, body, token=None, headers=headers)
    assert status in (403, 404)
    assert broker.calls == []


def test_every_route_is_tried_here() -> None:
    patterns = {pattern for pattern, _ in ROUTES}
    tried = {_pattern_of(BASE + path.partition("?")[0], patterns) for _, path, _ in EVERY}
    assert tried == patterns


def _pattern_of(path: str, patterns: set[str]) -> str:
    import re

    return next(pattern for pattern in patterns if re.fullmatch(pattern, path))


@pytest.mark.parametrize(
    "name",
    ["..", "../sites", "%2e%2e", "a%2fb", "a/../b", "A", "a_b", "-a", "a" * 41, "a%0a", "a;b", "é"],
)
def test_a_name_out_of_grammar_is_not_found(
    server: JupyterServer, broker: BrokerDouble, name: str
) -> None:
    from urllib.parse import quote

    path = f"{BASE}/clusters/{quote(name, safe='/%;')}"
    for method, rest in (("DELETE", ""), ("GET", "/logs"), ("POST", "/scale")):
        assert server.ask(method, path + rest, {} if method == "POST" else None)[0] in (404, 405)
    assert broker.calls == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Unknown", 404),
        ("PlanRefused", 409),
        ("AlreadyHere", 409),
        ("SubmitRefused", 409),
        ("SiteUnreachable", 409),
        ("SignInRequired", 409),
        ("HostKeyChanged", 409),
        ("RelayError", 409),
        ("CatalogueError", 422),
        ("BrokerError", 503),
        ("ContinuumError", 400),
    ],
)
def test_a_refusal_keeps_its_sentence_and_kind(
    server: JupyterServer, broker: BrokerDouble, kind: str, status: int
) -> None:
    broker.errors["launch"] = (kind, "It cannot be. Do this instead.")
    answer = server.ask("POST", f"{BASE}/clusters", {"plan": PLAN})
    assert answer == (status, {"message": "It cannot be. Do this instead.", "kind": kind})


@pytest.mark.parametrize("body", [None, [], "text", {"plan": PLAN, "more": 1}])
def test_a_body_of_another_shape_is_refused(
    server: JupyterServer, broker: BrokerDouble, body: Any
) -> None:
    status, answer = server.ask("POST", f"{BASE}/clusters", body)
    assert status == 400
    assert answer["message"]
    assert broker.calls == []


@pytest.mark.parametrize("lines", ["-1", "many", "100000", "1e3", "²"])
def test_lines_of_a_log_have_to_be_a_number(
    server: JupyterServer, broker: BrokerDouble, lines: str
) -> None:
    from urllib.parse import quote

    path = f"{BASE}/clusters/c/logs?lines={quote(lines)}"
    assert server.ask("GET", path)[0] == 400
    assert broker.calls == []


def test_an_answer_to_a_prompt_is_logged_nowhere(
    server: JupyterServer, broker: BrokerDouble
) -> None:
    secret = "hunter2-of-the-test"
    server.ask("POST", f"{BASE}/prompts/p", {"value": secret})
    broker.errors["answer"] = ("Unknown", "No such prompt.")
    server.ask("POST", f"{BASE}/prompts/p", {"value": secret})
    server.ask("POST", f"{BASE}/prompts/p", {"value": secret, "more": secret})
    assert [call[1]["value"] for call in broker.calls] == [secret, secret]
    assert secret not in server.log.read_text()

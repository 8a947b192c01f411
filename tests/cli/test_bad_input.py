from __future__ import annotations

from typing import Any

import pytest

from tests.cli.commands import connect_lab, continuum


@pytest.fixture(scope="module")
def site(shared_broker: Any) -> str:
    return connect_lab()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("launch", "--on", "nowhere/cpu"), "nowhere"),
        (("launch", "--on", "lab/gpu"), "lab/gpu"),
        (("launch", "--on", "lab/cpu", "--nodes", "99"), "node"),
        (("launch", "--on", "lab/cpu", "--walltime", "100000"), "walltime"),
        (("launch", "--on", "lab/cpu", "--name", "No Good"), "name: It takes lower-case"),
        (("offers", "--site", "lap"), "Did you mean lab"),
        (("offers", "--country", "Finland"), "two letters"),
        (("list", "nothing"), "nothing"),
        (("stop", "nothing"), "nothing"),
        (("stop",), "Which cluster"),
        (("scale", "nothing", "lab", "3"), "nothing"),
        (("logs", "nothing"), "nothing"),
        (("connect",), "Which site"),
        (("connect", "Bad Name", "--kind", "local"), "site"),
        (("connect", "bad", "--host", "x;reboot", "--yes"), "ssh.host"),
        (("connect", "bad", "--emulated", "nodes=many"), "emulated.nodes"),
        (("connect", "gone", "--host", "127.0.0.1", "--port", "9", "--yes"), "gone"),
        (("prepare",), "Which site"),
        (("prepare", "local"), "needs no preparing"),
        (("prepare", "lab", "--directory", "/nowhere/at/all/$x"), "shell sign"),
        (("prepare", "lab", "--with", "not a name"), "is not a package"),
        (("prepare", "--recipe", "oci", "--directory", "/nowhere"), "is no folder"),
        (("demo", "--notebook", "/none.ipynb"), "/none.ipynb"),
        (("demo", "--html", "pages"), "--headless"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_a_status(
    site: str, words: tuple[str, ...], said: str
) -> None:
    ran = continuum(*words)
    assert ran.status == 1
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    assert said in ran.err

"""What an agent says of itself is read as from a stranger."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_continuum.sites.announcements import parse_agent

SAID = {"protocol": 1, "rank": 0, "node": "n1", "endpoints": [{"host": "n1", "port": 4000}]}


def read(**changes: Any) -> str:
    text = json.dumps(SAID | changes)
    return parse_agent(text, job="jc-a-b-0", folder="/w/jobs/jc-a-b-0").trouble


def test_what_keeps_it_from_dialling_is_heard() -> None:
    assert read() == ""
    assert read(trouble="the proxy wants a name.") == "the proxy wants a name."


@pytest.mark.parametrize(
    "trouble", ["two\nlines", "\x1b[2J", "x" * 401, 7, None, ["a"], "right-to-left \u202e"]
)
def test_what_steers_a_terminal_or_floods_it_is_not(trouble: object) -> None:
    with pytest.raises(ValueError, match="not one line of text"):
        read(trouble=trouble)

from __future__ import annotations

from typing import Any

import pytest

from jupyter_continuum.cli.arguments import parse
from jupyter_continuum.cli.draft import merge, parse_emulated, parse_jump
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.sites.profile import Profile


def draft(*words: str, **known: Any) -> dict[str, Any]:
    return merge(known, parse(["connect", "lab", *words]), user="ada")


def test_flags_alone_make_a_profile() -> None:
    found = draft(
        *("--host", "login.example.org", "--port", "2222", "--user", "byron"),
        *("--key", "/keys/id", "--jump", "gate.example.org", "--jump", "ada@hop:2200"),
        *("--account", "proj", "--qos", "long", "--work-directory", "/scratch/ada"),
    )
    profile = Profile.model_validate({**found, "site": "lab"})
    assert profile.kind == "slurm"
    assert not profile.terms_accepted
    assert draft("--accept-terms")["terms_accepted"]
    assert profile.ssh is not None
    assert profile.ssh.user == "byron"
    assert [(jump.user, jump.host, jump.port) for jump in profile.ssh.jump] == [
        ("ada", "gate.example.org", 22),
        ("ada", "hop", 2200),
    ]


def test_a_flag_beats_what_is_known_and_the_rest_stays() -> None:
    known = {"kind": "slurm", "ssh": {"host": "a", "user": "b", "host_key": "ssh-ed25519 AA"}}
    found = draft("--port", "77", **known)
    assert found["ssh"] == {"host": "a", "user": "b", "host_key": "ssh-ed25519 AA", "port": 77}


def test_another_host_is_not_trusted_by_the_key_of_the_old_one() -> None:
    known = {"kind": "slurm", "ssh": {"host": "a", "user": "b", "host_key": "ssh-ed25519 AA"}}
    assert "host_key" not in draft("--host", "c", **known)["ssh"]


def test_no_agent_is_a_word_of_the_login() -> None:
    assert draft("--host", "a", "--no-agent")["ssh"]["use_agent"] is False


def test_emulated_alone_says_what_kind_of_site_it_is() -> None:
    found = draft("--emulated", "queue_seconds=5,country=NO")
    assert found == {"kind": "emulated", "emulated": {"queue_seconds": "5", "country": "NO"}}
    assert parse_emulated("") == {}


@pytest.mark.parametrize("text", ["@", "host:", "a@b:ssh", ""])
def test_a_jump_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ContinuumError, match="USER@HOST"):
        parse_jump(text, user="ada")


def test_an_emulated_word_without_value_is_told() -> None:
    with pytest.raises(ContinuumError, match="KEY=VALUE"):
        parse_emulated("fast")

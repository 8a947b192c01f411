"""Only who knows the key gets in, and both ends agree on the link they go on with."""

from __future__ import annotations

import json

import pytest

from jupyter_continuum.errors import RelayError
from jupyter_continuum.relay.handshake import (
    Greeting,
    gateway_answer,
    gateway_hello,
    hub_answer,
    hub_check,
    link_key,
)

KEY = link_key("token")
AGENT = "lumi.1a2b3c4d"


def shake(*, hub_session="", hub_received=0, session="", received=0, key=KEY, agent=AGENT):
    """What gateway and hub make of each other."""
    nonce, hello = gateway_hello()
    transcript, line = hub_answer(
        hello, key=KEY, agent=AGENT, session=hub_session, received=hub_received
    )
    there, line = gateway_answer(
        line, key=key, agent=agent, nonce=nonce, session=session, received=received
    )
    return there, hub_check(line, key=KEY, agent=AGENT, transcript=transcript)


def test_a_first_link_starts_at_nothing():
    there, here = shake()
    assert there.session == here.session != ""
    assert there.received == here.received == 0


def test_a_link_that_both_know_is_resumed():
    there, here = shake(hub_session="s", hub_received=7, session="s", received=9)
    assert (there, here) == (Greeting("s", 7), Greeting("s", 9))


@pytest.mark.parametrize(("hub", "gateway"), [("s", ""), ("", "s"), ("s", "t")])
def test_a_link_that_one_end_does_not_know_starts_afresh(hub, gateway):
    there, here = shake(hub_session=hub, hub_received=7, session=gateway, received=9)
    assert there == here
    assert here.session not in ("", hub, gateway)
    assert here.received == 0


def test_a_hub_without_the_key_is_refused():
    with pytest.raises(RelayError, match="without knowing its key"):
        shake(key=link_key("another"))


def test_a_hub_that_means_another_agent_is_refused():
    with pytest.raises(RelayError, match="but this is"):
        shake(agent="lumi.ffffffff")


def test_what_answers_without_the_key_is_refused():
    _, hello = gateway_hello()
    transcript, _ = hub_answer(hello, key=KEY, agent=AGENT, session="", received=0)
    line = json.dumps({"session": "s", "received": 0, "proof": "0" * 64}).encode()
    with pytest.raises(RelayError, match="does not know the key of its job"):
        hub_check(line, key=KEY, agent=AGENT, transcript=transcript)


def test_a_replayed_answer_of_the_hub_is_refused():
    _, hello = gateway_hello()
    _, line = hub_answer(hello, key=KEY, agent=AGENT, session="", received=0)
    fresh, _ = gateway_hello()
    with pytest.raises(RelayError, match="without knowing its key"):
        gateway_answer(line, key=KEY, agent=AGENT, nonce=fresh, session="", received=0)


def test_a_mirror_is_refused():
    _, hello = gateway_hello()
    transcript, line = hub_answer(hello, key=KEY, agent=AGENT, session="", received=0)
    with pytest.raises(RelayError, match="does not know the key of its job"):
        hub_check(line, key=KEY, agent=AGENT, transcript=transcript)


@pytest.mark.parametrize("field", ["session", "received", "agent", "nonce"])
def test_no_word_of_the_hub_can_be_changed_on_the_way(field):
    nonce, hello = gateway_hello()
    _, line = hub_answer(hello, key=KEY, agent=AGENT, session="s", received=1)
    changed = {**json.loads(line), field: 2 if field == "received" else "other"}
    with pytest.raises(RelayError):
        gateway_answer(
            json.dumps(changed).encode(),
            key=KEY,
            agent=AGENT,
            nonce=nonce,
            session="s",
            received=0,
        )


@pytest.mark.parametrize("line", [b"", b"[]", b"[" * 4000, b"\xff\xfe", b'"x"', b"SSH-2.0-x"])
def test_another_language_is_one_sentence(line):
    with pytest.raises(RelayError, match="does not speak the relay's language"):
        hub_answer(line, key=KEY, agent=AGENT, session="", received=0)


def test_another_version_is_told():
    with pytest.raises(RelayError, match=r"speaks relay version 2.*Install the same"):
        hub_answer(b'{"relay": 2, "nonce": ""}', key=KEY, agent=AGENT, session="", received=0)

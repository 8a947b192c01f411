"""How two ends of a link prove that they know the link's key, before the first frame.

    gateway -> hub   {"relay": 1, "nonce": G}
    hub -> gateway   {"relay": 1, "nonce": H, "agent": A, "session": S, "received": n, "proof": P1}
    gateway -> hub   {"session": S', "received": m, "proof": P2}

One JSON object a line, at most MAX_LINE bytes. ``S`` names the link that the hub wants to go
on with ("" for a new one), ``n`` and ``m`` are the bytes of it that each end has; when
``S' != S`` the gateway started afresh and every stream of the old link is gone. The proofs bind
both nonces, the roles and all that was said, so neither a replay nor a mirror gets in. The key
is made from the join token and never sent.

Where the agent dials out, it has to be let in at the broker's front door before that:

    front door -> agent   {"relay": 1, "nonce": D}
    agent -> front door   {"nonce": A, "proof": P}
    front door -> agent   {"held": true}                    and, once the hub wants the pipe,
    front door -> agent   {"go": true}                      from here on it is the pipe
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from jupyter_continuum.errors import RelayError

VERSION = 1
MAX_LINE = 4096


def link_key(token: str) -> bytes:
    """The key of a job's link, from its join token."""
    return hmac.digest(token.encode(), b"link", hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Greeting:
    """What each end says of the link it wants."""

    session: str
    received: int
    """Bytes of the link that the other end has."""


def gateway_hello() -> tuple[str, bytes]:
    """The gateway's nonce, and the first line."""
    nonce = secrets.token_hex(16)
    return nonce, _line({"relay": VERSION, "nonce": nonce})


def hub_answer(
    hello: bytes, *, key: bytes, agent: str, session: str, received: int
) -> tuple[str, bytes]:
    """The transcript to check the gateway's proof with, and the second line."""
    message = _read(hello)
    if message.get("relay") != VERSION:
        raise RelayError(
            f"The gateway of {agent} speaks relay version {message.get('relay')!r}, this side "
            f"{VERSION}. Install the same jupyter-continuum on both sides."
        )
    nonce = secrets.token_hex(16)
    transcript = json.dumps([str(message.get("nonce")), nonce, agent, session, received])
    return transcript, _line(
        {
            "relay": VERSION,
            "nonce": nonce,
            "agent": agent,
            "session": session,
            "received": received,
            "proof": _proof(key, "hub", transcript),
        }
    )


def gateway_answer(
    answer: bytes, *, key: bytes, agent: str, nonce: str, session: str, received: int
) -> tuple[Greeting, bytes]:
    """What the hub wants, and the third line; RelayError when it does not know the key.

    ``session`` and ``received`` are of the link that the gateway holds, "" and 0 for none.
    """
    message = _read(answer)
    asked, count = message.get("session"), message.get("received")
    transcript = json.dumps([nonce, message.get("nonce"), message.get("agent"), asked, count])
    if not _same(message.get("proof"), _proof(key, "hub", transcript)):
        raise RelayError("Somebody dialled this gateway without knowing its key.")
    if message.get("agent") != agent or not isinstance(asked, str) or not _is_count(count):
        raise RelayError(f"The hub dialled {message.get('agent')!r}, but this is {agent}.")
    resumed = bool(session) and asked == session
    if not resumed:
        session, received, count = secrets.token_hex(8), 0, 0
    reply = json.dumps([transcript, session, received])
    line = _line({"session": session, "received": received, "proof": _proof(key, "gateway", reply)})
    return Greeting(session, count), line


def hub_check(line: bytes, *, key: bytes, agent: str, transcript: str) -> Greeting:
    """The link that the gateway offers; RelayError when it does not know the key."""
    message = _read(line)
    session, received = message.get("session"), message.get("received")
    reply = json.dumps([transcript, session, received])
    if not _same(message.get("proof"), _proof(key, "gateway", reply)):
        raise RelayError(f"What answered for {agent} does not know the key of its job.")
    if not isinstance(session, str) or not _is_count(received):
        raise RelayError(f"The gateway of {agent} sent no link session.")
    return Greeting(session, received)


def door_challenge() -> tuple[str, bytes]:
    """The front door's nonce, and its line."""
    nonce = secrets.token_hex(16)
    return nonce, _line({"relay": VERSION, "nonce": nonce})


def caller_answer(challenge: bytes, *, key: bytes, cluster: str, agent: str) -> bytes:
    """What an agent says to a front door. RelayError when that is none of this version."""
    message = _read(challenge)
    if message.get("relay") != VERSION or not isinstance(message.get("nonce"), str):
        raise RelayError("What was dialled is not the front door of a broker of this version.")
    nonce = secrets.token_hex(16)
    transcript = json.dumps([message["nonce"], nonce, cluster, agent])
    return _line({"nonce": nonce, "proof": _proof(key, "caller", transcript)})


def caller_check(line: bytes, *, key: bytes, cluster: str, agent: str, nonce: str) -> None:
    """RelayError when whoever answered does not know the key; ``nonce`` is the challenge's."""
    message = _read(line)
    transcript = json.dumps([nonce, message.get("nonce"), cluster, agent])
    if not _same(message.get("proof"), _proof(key, "caller", transcript)):
        raise RelayError(f"Somebody called as {agent} without knowing the key of its job.")


def door_says(word: Literal["held", "go"]) -> bytes:
    """The line by which the front door says so."""
    return _line({word: True})


def is_door_word(line: bytes, word: Literal["held", "go"]) -> bool:
    return _read(line).get(word) is True


def _proof(key: bytes, role: str, transcript: str) -> str:
    return hmac.new(key, f"{role}:{transcript}".encode(), hashlib.sha256).hexdigest()


def _same(given: Any, wanted: str) -> bool:
    # A lone surrogate, which JSON can hold, cannot be encoded at all.
    return isinstance(given, str) and given.isascii() and hmac.compare_digest(given, wanted)


def _is_count(given: Any) -> TypeGuard[int]:
    return type(given) is int and given >= 0  # True is an int, too


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _read(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise RelayError("The other end of the link does not speak the relay's language.")
    return message

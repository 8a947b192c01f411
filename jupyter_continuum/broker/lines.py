"""One JSON object a line: how bytes on the broker's socket become messages, and back.

Nothing but the standard library, so that a face pays for no more than it uses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jupyter_continuum.errors import FAMILY, BrokerError, ContinuumError

PROTOCOL = 1
"""Raised whenever an older face could misread a message."""

LIMIT = 64 * 1024 * 1024
"""Bytes in one line; a cluster of 10,000 workers takes about 4 MiB."""

Message = dict[str, Any]  # the wire's values are whatever JSON holds


def encode(message: Mapping[str, Any]) -> bytes:
    """One line, its end included."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The object of one line; BrokerError for anything else."""
    try:
        message = json.loads(line)
    except ValueError as error:
        raise BrokerError(
            f"The broker's socket carried a line that is not JSON ({error}). "
            "Run `jupyter continuum doctor`."
        ) from error
    if not isinstance(message, dict):
        raise BrokerError(
            "The broker's socket carried a line that is not an object. "
            "Run `jupyter continuum doctor`."
        )
    return message


def result_of(answer: Message) -> Any:
    """The result that an answer carries, or its error, raised as the member of the family."""
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    kind = FAMILY.get(str(error.get("kind")), ContinuumError)
    raise kind(str(error.get("message") or "The broker gave no reason. See its log."))

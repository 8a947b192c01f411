"""What of a run's parameters may be a secret, and is left out of its record. Pure."""

from __future__ import annotations

import re
from typing import Any

SECRET = re.compile(
    r"(?i)passw(or)?d|passphrase|secret|credential|(^|_)token$|(api|access|private|account)_?key"
)
WITH_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")
LEFT_OUT = "(left out: it may be a secret)"


def open_part(value: Any) -> Any:  # whatever JSON holds
    """``value`` without what its name or form says is a secret."""
    if isinstance(value, dict):
        return {
            name: LEFT_OUT if SECRET.search(str(name)) else open_part(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [open_part(each) for each in value]
    return LEFT_OUT if isinstance(value, str) and WITH_PASSWORD.search(value) else value

"""Names of clients' leaves: each says after how many ends of all access it was given.

Leaves of workers and of the scheduler have names without a full stop before ``client``.
"""

from __future__ import annotations

import re
import secrets

_CLIENT = re.compile(r"[a-z0-9-]+\.client-(?:([0-9]{1,9})-)?[0-9a-f]{8}")
"""Those without a number were given by an earlier version."""


def client_leaf(cluster: str, generation: int) -> str:
    """A name for the leaf of another client, let in after ``generation`` ends of access."""
    return f"{cluster}.client-{generation}-{secrets.token_hex(4)}"


def generation_of(leaf: str) -> int | None:
    """After how many ends of access this leaf was given; None: it is no client's."""
    found = _CLIENT.fullmatch(leaf)
    return None if found is None else int(found[1] or 0)

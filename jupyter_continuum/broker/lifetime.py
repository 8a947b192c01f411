"""How long a broker, and with it the sessions and clusters of a person, can live."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Lifetime = Literal["machine", "container"]

HUBS = ("JUPYTERHUB_SERVICE_PREFIX", "BINDER_LAUNCH_HOST")
"""Variables that a Hub or Binder gives to the servers it starts."""
MARKS = (".dockerenv", "run/.containerenv")
"""Files that container engines put into every container."""


def lifetime(environment: Mapping[str, str], root: Path = Path("/")) -> Lifetime:
    """``container`` in one that a Hub or Binder made, and will remove with all that runs in it."""
    in_pod = "KUBERNETES_SERVICE_HOST" in environment
    contained = in_pod or any((root / mark).exists() for mark in MARKS)
    served = any(name in environment for name in HUBS)
    return "container" if contained and served else "machine"

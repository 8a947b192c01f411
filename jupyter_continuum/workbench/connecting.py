"""Logging in at a site."""

from __future__ import annotations

from typing import Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.rows import Record


def connect(site: str, *, kind: str = "slurm", **fields: Any) -> Record:
    """Log in at ``site`` and save the profile; ``fields`` are those of a Profile.

    A code or a host key is asked for in JupyterLab's panel: a kernel cannot ask in private.
    """
    from jupyter_continuum.broker.sites.profiles import checked_profile

    profile = checked_profile({"site": site, "kind": kind, **fields})
    view: Record = call_broker("connect", profile=profile.model_dump(mode="json"))
    return view

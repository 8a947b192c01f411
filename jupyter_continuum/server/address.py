"""Where the browser of a notebook sees what its own Jupyter server shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def dashboard_link(environment: Mapping[str, str]) -> str:
    """The template of a link to a cluster's dashboard, as ``distributed.dashboard.link`` takes it.

    ``{port}`` becomes the cluster's name (see ``ContinuumScheduler``). Without a Jupyter server
    it is the command that shows the dashboard.
    """
    base = base_url(environment)
    if base is None:
        return "jupyter continuum dashboard {port}"
    base = base.replace("{", "{{").replace("}", "}}")
    return f"{base.rstrip('/')}/jupyter-continuum/clusters/{{port}}/dashboard/status"


def base_url(environment: Mapping[str, str]) -> str | None:
    """The path of the Jupyter server that started this kernel; None where there is none."""
    told = environment.get("JUPYTERHUB_SERVICE_PREFIX")
    parent = environment.get("JPY_PARENT_PID", "")
    return told or (_base_url_of(parent) if parent.isdecimal() else None)


def _base_url_of(server_pid: str) -> str | None:
    from jupyter_core.paths import jupyter_runtime_dir

    try:
        about = json.loads(
            (Path(jupyter_runtime_dir()) / f"jpserver-{server_pid}.json").read_text()
        )
    except (OSError, ValueError):
        return None  # the kernel was started by something else, or its server has ended
    found = about.get("base_url")
    return found if isinstance(found, str) else None

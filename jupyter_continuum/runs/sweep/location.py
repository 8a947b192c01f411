"""Where the kernels of a sweep are to be, looked at before anything is launched."""

from __future__ import annotations

from typing import Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.choosing import Use
from jupyter_continuum.runs.notebook import listed


def check_site(at: str, use: Use, language: str) -> None:
    """RunError unless kernels of ``language`` can be on workers of ``SITE`` or ``SITE/GROUP``."""
    if language != "python":
        raise RunError(
            f"--at {at}: the kernels there are those of the worker environment, which is Python, "
            f"and this notebook wants {language}. Leave --at out."
        )
    if isinstance(use, str) and "/" in use:
        raise RunError(f"--at {at}: {use} is run by others, and its workers take tasks alone.")
    if isinstance(use, str):
        groups_at(at, call_broker("cluster", name=use)["groups"])
        return
    sites = sorted({str(group.get("offer", "")).partition("/")[0] for group in use.plan["groups"]})
    if (site := at.partition("/")[0]) not in sites:
        raise RunError(f"--at {at}: the sweep has no workers there, but at {listed(site, sites)}.")


def groups_at(at: str, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of a cluster's groups that are meant. RunError for none."""
    site, _, group = at.partition("/")
    found = [each for each in groups if each["site"] == site and group in ("", each["name"])]
    if not found:
        there = sorted({f"{each['site']}/{each['name']}" for each in groups})
        raise RunError(f"--at {at}: the cluster has no workers there, but at {listed(at, there)}.")
    return found

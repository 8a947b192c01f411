"""Which module does what: each is imported only when its command runs."""

from __future__ import annotations

import importlib
from argparse import Namespace

HOME = {
    "sites": "listings",
    "offers": "listings",
    "list": "listings",
    "datasets": "listings",
    "files": "files",
    "fetch": "files",
    "connect": "connect",
    "disconnect": "connect",
    "prepare": "prepare",
    "launch": "launch",
    "scale": "clusters",
    "logs": "clusters",
    "access": "clusters",
    "audit": "clusters",
    "stop": "clusters",
    "record": "record",
    "address": "address",
    "dashboard": "dashboard",
    "rbac": "rbac",
    "run": "run",
    "sweep": "sweep",
    "demo": "demo",
    "teach": "teach",
    "fault": "fault",
    "doctor": "doctor",
}


def run(options: Namespace) -> int:
    """Run the command that ``options`` name; its exit status."""
    module = importlib.import_module(f"jupyter_continuum.cli.{HOME[options.command]}")
    function = getattr(module, {"list": "clusters"}.get(options.command, options.command))
    status: int = function(options)
    return status

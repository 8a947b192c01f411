"""``address``: where workers of sites dial out to, shown, set and forgotten."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.terminal import print_json, say
from jupyter_continuum.errors import ContinuumError

NONE = "No address is configured, so workers are dialled; none of them can dial out to you."


def address(options: Namespace) -> int:
    wanted = _wanted(options)
    if options.forget:
        if options.url or wanted:
            raise ContinuumError("--forget goes alone: `jupyter continuum address --forget`.")
        call_broker("forget_address")
        found = None
    elif options.url:
        found = call_broker("set_address", address={"url": options.url, **wanted})
    elif wanted:
        raise ContinuumError("Name the address too, as in wss://vm.example.org:8443.")
    else:
        found = call_broker("address")
    if options.json:
        print_json(found)
    else:
        say(address_text(found) if found else NONE)
    return 0


def address_text(found: dict[str, Any]) -> str:
    """The address as a person reads it."""
    where = " and ".join(filter(None, (found["listen"], found["socket"])))
    lines = [
        f"{found['url']}: {found['reason'] or 'listens'}",
        f"  here        {where}",
        f"  certificate {found['certificate'] or 'of the proxy in front'}",
        f"  agents      {found['agents']} wait there",
    ]
    return "\n".join(lines)


def _wanted(options: Namespace) -> dict[str, Any]:
    """What was said beside the URL."""
    said = {
        "listen": options.listen,
        "certificate": _absolute(options.certificate),
        "key": _absolute(options.key),
        "plain_behind_proxy": options.plain_behind_proxy,
    }
    return {name: value for name, value in said.items() if value}


def _absolute(path: str | None) -> str | None:
    # The broker works in another folder.
    return os.path.abspath(os.path.expanduser(path)) if path else None

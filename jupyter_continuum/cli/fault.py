"""``fault``: let something go wrong at an imitated site, now."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.terminal import print_json, say
from jupyter_continuum.errors import ContinuumError

FIELDS = ("queue_seconds", "max_walltime_minutes", "delay_ms", "rate_mbit", "for_seconds")


def fault(options: Namespace) -> int:
    asked = fields_of(options)
    if options.over and asked:
        raise ContinuumError("Say either --over or what goes wrong, not both.")
    view = call_broker("fault", site=options.site, fault=asked or None, over=options.over)
    if options.json:
        print_json(view)
    else:
        say(f"{view['id']}: {view['state']}. {view['reason']}".rstrip())
    return 0


def fields_of(options: Namespace) -> dict[str, Any]:
    """The fault that the options describe; empty when they describe none."""
    given = {name: getattr(options, name) for name in FIELDS}
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return fields | {name: True for name in ("down", "away") if getattr(options, name)}

"""From the words of the command line to the fields of a Profile. Pure."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from jupyter_continuum.cli.kubernetes_draft import is_kubernetes, merge_kubernetes
from jupyter_continuum.errors import ContinuumError

Draft = dict[str, Any]  # fields of a Profile, to be checked by it

_LOGIN = ("host", "port", "user", "key", "certificate", "host_key")
_PLAIN = (
    *("kind", "name", "account", "qos", "work_directory", "python", "prologue", "carrier"),
    "terms_accepted",
)


def merge(
    draft: Mapping[str, Any],
    options: Namespace,
    *,
    user: str,
    environment: Mapping[str, str] = os.environ,
) -> Draft:
    """``draft`` with everything that was said on the command line put over it."""
    merged: Draft = dict(draft)
    merged |= {key: getattr(options, key) for key in _PLAIN if getattr(options, key) is not None}
    if is_kubernetes(merged, options):
        merged["kind"] = options.kind or "kubernetes"
        site = merge_kubernetes(merged.get("kubernetes"), options, environment)
        return merged | {"kubernetes": site}
    login = {key: getattr(options, key) for key in _LOGIN if getattr(options, key) is not None}
    if options.no_agent:
        login["use_agent"] = False
    if options.jump:
        login["jump"] = [parse_jump(text, user=user) for text in options.jump]
    if login:
        before = merged.get("ssh") or {}
        if before.get("host") != login.get("host", before.get("host")):
            before = {key: value for key, value in before.items() if key != "host_key"}
        merged["ssh"] = {**before, **login}
        merged["ssh"].setdefault("user", user)
    if options.emulated is not None:
        merged["emulated"] = parse_emulated(options.emulated)
    return merged | {"kind": merged.get("kind") or kind_of(merged)}


def kind_of(draft: Mapping[str, Any]) -> str:
    """What a draft without a kind can only mean."""
    return "emulated" if draft.get("emulated") is not None else "slurm"


def parse_jump(text: str, *, user: str) -> Draft:
    """``user@host:port``; ``user`` when none is given."""
    named, _, rest = text.rpartition("@")
    host, colon, port = rest.partition(":")
    if not host or (colon and not port.isdecimal()):
        raise ContinuumError(f"--jump {text}: write USER@HOST or USER@HOST:PORT.")
    return {"host": host, "user": named or user} | ({"port": int(port)} if colon else {})


def parse_emulated(text: str) -> Draft:
    """``queue_seconds=5,country=NO`` as fields of an EmulatedSite; "" leaves all as they are."""
    fields: Draft = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ContinuumError(f"--emulated {text}: {part!r} is not KEY=VALUE.")
        fields[key.strip()] = value.strip()
    return fields

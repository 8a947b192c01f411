"""What is known of a person's side of a site before anything is asked."""

from __future__ import annotations

import getpass
import os
import re
from datetime import date
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.messages.sites import CandidateView, DraftView
from jupyter_continuum.broker.sites.candidates import Candidate, candidates_of
from jupyter_continuum.catalogue import Site, shown
from jupyter_continuum.sites.profile import Profile

Fields = dict[str, Any]  # of a Profile, to be checked by it


def draft_of(id: str, site: Site | None, saved: Profile | None, today: date) -> DraftView:
    """The profile as it is saved, or what the catalogue says of a login there."""
    fields = _fields(site, today)
    if saved is not None:
        fields = saved.model_dump(mode="json", exclude_defaults=True)
    view = DraftView(site=id, user=getpass.getuser(), profile=fields)
    if site is not None:
        view.access = shown(site.access_protocol, today) or ""
        view.terms = shown(site.terms, today) or ""
        view.docs = shown(site.docs, today) or shown(site.web_portal, today) or ""
    return view


def candidate_views() -> list[CandidateView]:
    """What the person has described to another program on this machine."""
    return [_view(each) for each in candidates_of(Path.home(), getpass.getuser(), os.environ)]


def _fields(site: Site | None, today: date) -> Fields:
    if site is None:
        return {}
    if site.kind == "cloud":
        return {"kind": "kubernetes"}
    hosts = shown(site.login_hosts, today)
    host = hosts[0] if hosts else ""
    port = shown(site.ssh_port, today)
    login = {"host": host} | ({"port": port} if port else {})
    return {"kind": "slurm"} | ({"ssh": login} if host else {})


def _view(candidate: Candidate) -> CandidateView:
    return CandidateView(
        site=site_name(candidate.name),
        source=candidate.source,
        name=candidate.name,
        text=candidate.text,
        profile=dict(candidate.profile),
        reason=candidate.reason,
    )


def site_name(name: str) -> str:
    """What a site may be called that another program calls ``name``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")

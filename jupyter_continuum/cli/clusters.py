"""``scale``, ``logs``, ``access``, ``audit`` and ``stop``: what one does to a running cluster."""

from __future__ import annotations

from argparse import Namespace

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.rows import (
    CLIENT_HEAD,
    ORPHAN_HEAD,
    PLACE_HEAD,
    access_text,
    client_row,
    orphan_row,
    place_row,
)
from jupyter_continuum.cli.listings import cluster_text
from jupyter_continuum.cli.prompts import call_with_person
from jupyter_continuum.cli.terminal import print_json, say
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.table import as_text


def scale(options: Namespace) -> int:
    cluster = call_broker("scale", name=options.name, group=options.group, jobs=options.jobs)
    if options.json:
        print_json(cluster)
    else:
        say(cluster_text(cluster, with_workers=False))
    return 0


def logs(options: Namespace) -> int:
    found = call_with_person("logs", name=options.name, group=options.group, lines=options.lines)
    if options.json:
        print_json(found)
        return 0
    for job, text in found.items():
        say(f"==> {job} <==")
        say(text.rstrip() or "(nothing yet)")
    if not found:
        say("No job has started yet. `jupyter continuum list` says what each group waits for.")
    return 0


def access(options: Namespace) -> int:
    cluster = call_broker(options.method, name=options.name)
    found = cluster["access"]
    if options.json:
        print_json(found)
        return 0
    if found["clients"]:
        say(as_text(CLIENT_HEAD, map(client_row, found["clients"])))
    else:
        say("No client is connected.")
    say(as_text(PLACE_HEAD, map(place_row, found["places"])))
    say(access_text(cluster))
    return 0


def audit(options: Namespace) -> int:
    found = call_with_person("audit", site=options.site, end=options.end)
    if options.json:
        print_json(found)
    elif not found:
        say("Nothing is left over at any connected site.")
    else:
        say(as_text(ORPHAN_HEAD, map(orphan_row, found)))
        if not options.end:
            say("`jupyter continuum audit --end` ends them.")
    return 0


def stop(options: Namespace) -> int:
    names = list(options.names)
    if options.all:
        names = [cluster["name"] for cluster in call_broker("clusters")]
    elif not names:
        raise ContinuumError(
            "Which cluster? Name it, or say --all; `jupyter continuum list` names them."
        )
    for name in names:
        call_with_person("stop", name=name)
        say(f"{name}: stopped; nothing of it is left at any site.")
    return 0

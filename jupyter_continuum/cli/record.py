"""``record``: what a cluster was and did, as files, or as JSON."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.terminal import print_json, say
from jupyter_continuum.table import as_text

HEAD = ("CLUSTER", "ID", "STATE", "FROM", "TO")


def record(options: Namespace) -> int:
    if not options.name:
        return _list(options)
    from jupyter_continuum.runs.record.asking import record_of
    from jupyter_continuum.runs.record.files import write_record

    found = record_of(options.name)
    if options.json:
        print_json(found.model_dump(mode="json"))
        return 0
    written = write_record(found, Path(options.output or found.cluster.name))
    say(f"Record: {written.json}")
    say(f"As a page: {written.html}")
    return 0


def _list(options: Namespace) -> int:
    found = call_broker("records")
    if options.json:
        print_json(found)
    elif found:
        say(
            as_text(
                HEAD, ((r["name"], r["id"], r["state"], r["started"], r["ended"]) for r in found)
            )
        )
    else:
        say("There is no record yet. `jupyter continuum launch --on SITE/OFFER` starts a cluster.")
    return 0

"""``files`` and ``fetch``: what lies at a site, and how it comes here."""

from __future__ import annotations

import sys
from argparse import Namespace

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.rows import FILE_HEAD, bytes_text, file_row
from jupyter_continuum.cli.terminal import note, print_json, say
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.table import as_text
from jupyter_continuum.workbench.site_files import fetch as bring


def files(options: Namespace) -> int:
    found = call_broker("files", site=options.site, path=options.path)
    if options.json:
        print_json(found)
    elif found["files"]:
        say(as_text(FILE_HEAD, map(file_row, found["files"])))
    else:
        say(f"{options.site}: nothing lies there.")
    if found["more"]:
        note(f"{options.site}: there are more than the {len(found['files'])} that are listed.")
    return 0


def fetch(options: Namespace) -> int:
    site, colon, path = options.source.partition(":")
    if not (site and colon and path):
        raise ContinuumError(
            f"{options.source}: say SITE:PATH, as in lumi:/scratch/run/result.zip. "
            "`jupyter continuum files SITE` lists what there is."
        )
    shown = sys.stderr.isatty() and not options.json
    came = bring(
        site, path, options.destination, force=options.force, progress=_show if shown else None
    )
    if shown:
        print(file=sys.stderr)
    if options.json:
        print_json({"path": str(came), "bytes": came.stat().st_size})
    else:
        say(f"{came}: {bytes_text(came.stat().st_size)}.")
    return 0


def _show(done: int, total: int) -> None:
    share = done / total if total else 1
    line = f"{share:4.0%}  {bytes_text(done)} of {bytes_text(total)}"
    print(f"\r{line:<40}", end="", file=sys.stderr, flush=True)

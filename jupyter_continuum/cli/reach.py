"""``doctor SITE``: a probe at one site, and the table of what works there."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.lines import Message
from jupyter_continuum.broker.rows import REACH_HEAD, Record, reach_row
from jupyter_continuum.cli.prompts import Prompts
from jupyter_continuum.cli.terminal import note, print_json, say
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.table import as_text


def probe(options: Namespace) -> int:
    """Measure and show; 0 when workers can be reached in some way."""
    with open_broker() as broker:
        broker.call("subscribe")
        answer = Prompts(others=Progress(options.site, note))
        try:
            found = broker.call(
                "probe",
                on_event=answer,
                site=options.site,
                offer=options.offer,
                wait_minutes=options.wait,
                outbound=options.outbound_target,
            )
        except KeyboardInterrupt:
            # A second conversation: the first one waits for the probe's answer.
            note("\nStopping; the probe's job is being removed.")
            call_broker("cancel_probe", site=options.site)
            raise
    if found is None:
        raise ContinuumError(f"{options.site}: the probe was cancelled from elsewhere.")
    if options.json:
        print_json(found)
    else:
        say(table(found))
    return 0 if found["reachable"] else 1


def table(found: Record) -> str:
    """Rows, then what does not work and why, then the carrier that is in use."""
    reasons = [
        f"{row['what']}: {row['reason']}"
        for row in found["rows"]
        if row["verdict"] in {"fails", "unknown"} and row["reason"]
    ]
    return "\n".join(
        (
            f"{found['offer']}, measured on {found['node'] or 'a node'}",
            as_text(REACH_HEAD, map(reach_row, found["rows"])),
            "",
            *reasons,
            "",
            found["chosen"],
        )
    )


class Progress:
    """Says how far the probe of one site is, whenever that has changed."""

    def __init__(self, site: str, tell: Callable[[str], None]) -> None:
        self._site = site
        self._tell = tell
        self._shown = ""

    def __call__(self, event: Message) -> None:
        if event.get("kind") != "site" or event["site"]["id"] != self._site:
            return
        text = str(event["site"].get("probing") or "")
        if text and text != self._shown:
            self._tell(f"{self._site}: {text}")
        self._shown = text

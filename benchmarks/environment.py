"""What comparing a site's environment costs a launch, and how long building one takes.

    python benchmarks/environment.py [--rounds 11] [--skip-prepare]

Needs the real Slurm rig of ``tests/rig`` (as root): ``siteb`` is behind a link of 20 ms there and
back and 200 Mbit/s, and reaches no network.

*Asked*: the question of a first launch, over a session that is open, in turns with a command
that does nothing. *Remembered*: a whole dry run whose answer is known, in turns with one of
this machine alone, which is never asked. *Prepare*: from the command to an environment in its
place, wheels made here and carried.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from record import save, spread

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.environments.installed import report_of
from jupyter_continuum.cli.clearing import end_everything
from jupyter_continuum.cli.playground import playground
from jupyter_continuum.sites.ssh.transport import SshTransport

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tests.rig.fixtures import profile, ssh_login
from tests.rig.rig import running
from tests.rig.site import SlurmSite
from tests.rig.worker_environment import worker_python


class Nobody:
    """Asked nothing, as the key and the host key are known."""

    async def ask(self, question: object) -> None:
        raise AssertionError(question)


async def asked(site: SlurmSite, python: Path, rounds: int) -> dict[str, Any]:
    transport = SshTransport(ssh_login(site), site.spec.name, Nobody(), print, print)
    await transport.connect()
    question, nothing = [], []
    try:
        for _ in range(rounds):
            began = time.monotonic()
            assert (await report_of(transport, str(python), "")).value
            question.append(time.monotonic() - began)
            began = time.monotonic()
            await transport.run("true")
            nothing.append(time.monotonic() - began)
    finally:
        await transport.close()
    return {"question_seconds": spread(question), "nothing_seconds": spread(nothing)}


def remembered(site: SlurmSite, python: Path, rounds: int) -> dict[str, Any]:
    call_broker("connect", profile=profile(site, python).model_dump(mode="json"))
    known, never = [], []
    for offer, times in (
        ("siteb/cpu", []),
        *((("siteb/cpu", known), ("local/cores", never)) * rounds),
    ):
        began = time.monotonic()
        call_broker("dry_run", plan={"groups": [{"offer": offer}]})
        times.append(time.monotonic() - began)
    return {"known_seconds": spread(known), "never_asked_seconds": spread(never)}


def prepared(site: SlurmSite) -> dict[str, Any]:
    asked = profile(site, Path("/usr/bin/python3")).model_dump(mode="json")
    call_broker("connect", profile=asked)
    began = time.monotonic()
    view = call_broker("prepare", site="siteb")
    seconds = time.monotonic() - began
    return {"seconds": round(seconds, 1)} | {
        key: view[key] for key in ("way", "packages", "carried_bytes")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--skip-prepare", action="store_true")
    options = parser.parse_args()
    python = worker_python()
    with running() as rig, playground():
        site = rig.sites["siteb"]
        try:
            results = {
                "asked": asyncio.run(asked(site, python, options.rounds)),
                "remembered": remembered(site, python, options.rounds),
            }
            if not options.skip_prepare:
                results["prepare"] = prepared(site)
        finally:
            end_everything()
    print(results)
    print(save("environment", results))


if __name__ == "__main__":
    main()

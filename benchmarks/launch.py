"""Whether one slow or dead site delays another, and what the relay and broker add to a start.

    python benchmarks/launch.py [--rounds 3]

Needs the real Slurm rig of ``tests/rig`` (as root) and, for the second part, dask-jobqueue.

*Independence*: three emulated sites whose queues take 5, 20 and 40 s, each launched alone and
then all at once beside a Slurm site whose slurmctld is frozen; seconds until each site has
accepted the job. *First worker*: one Slurm site over SSH, from the launch to the first worker
that the scheduler knows, in turns with ``dask_jobqueue.SLURMCluster`` on the login node. Our
broker is up and signed in; dask-jobqueue's time is told twice: from before the import of Dask,
which our face does without, and from after it, as in a notebook that has imported it before.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from record import save, spread

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.clearing import end_everything
from jupyter_continuum.cli.playground import playground
from jupyter_continuum.errors import Unknown

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tests.rig.fixtures import profile
from tests.rig.rig import running
from tests.rig.site import SlurmSite
from tests.rig.worker_environment import worker_python

QUEUES = {"quick": 5, "busy": 20, "crowded": 40}
FROZEN = "sitea"
LOOK_SECONDS = 0.02
LONGEST_SECONDS = 120
WORKER = {"cpus_per_worker": 1, "memory_gb_per_worker": 1}


def connect(site: SlurmSite, python: Path) -> None:
    for name, seconds in QUEUES.items():
        emulated = {"queue_seconds": seconds, "country": "NO"}
        asked = {"site": name, "kind": "emulated", "python": sys.executable, "emulated": emulated}
        call_broker("connect", profile=asked)
    asked = profile(site, python).model_dump(mode="json")
    call_broker("connect", profile=asked)


@contextmanager
def launching(sites: Iterable[str], offers: dict[str, str]) -> Iterator[tuple[str, float]]:
    """Launch, and meanwhile: the cluster's name, and when it was asked for.

    The call returns once the scheduler runs, while sites are asked from the first moment on:
    so it waits in a thread of its own.
    """
    name = f"bench-{secrets.token_hex(4)}"
    groups = [{"offer": offers[site], "name": site, **WORKER} for site in sites]
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        launch = pool.submit(call_broker, "launch", plan={"name": name, "groups": groups})
        yield name, began
        launch.result()


def groups_of(name: str) -> list[dict[str, Any]]:
    """The cluster's groups; none before the broker knows it."""
    try:
        found: list[dict[str, Any]] = call_broker("cluster", name=name)["groups"]
    except Unknown:
        return []
    return found


def accepted(
    sites: Iterable[str], offers: dict[str, str], wanted: set[str]
) -> tuple[str, dict[str, float]]:
    """Seconds from the launch until each of the wanted sites has given its job an id."""
    found: dict[str, float] = {}
    with launching(sites, offers) as (name, began):
        while set(found) < wanted and time.monotonic() - began < LONGEST_SECONDS:
            for group in groups_of(name):
                if any(worker["job_id"] for worker in group["workers"]):
                    found.setdefault(group["name"], time.monotonic() - began)
            time.sleep(LOOK_SECONDS)
    if set(found) < wanted:
        raise RuntimeError(f"no job id from {wanted - set(found)} in {LONGEST_SECONDS} s")
    return name, found


def stop(name: str) -> None:
    call_broker("stop", name=name)


def first_worker(offers: dict[str, str]) -> float:
    """Seconds from the launch to the first worker, of ours."""
    with launching([FROZEN], offers) as (name, began):
        while not any(group["workers_ready"] for group in groups_of(name)):
            if time.monotonic() - began > LONGEST_SECONDS:
                raise RuntimeError(f"no worker after {LONGEST_SECONDS} s")
            time.sleep(LOOK_SECONDS)
        seconds = time.monotonic() - began
    stop(name)
    return seconds


def first_worker_of_jobqueue(site: SlurmSite, python: Path) -> dict[str, float]:
    """The same with a scheduler that the workers can dial, in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--jobqueue", str(python)],
        env={**os.environ, **site.daemons.environment},
        check=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def jobqueue(python: str) -> dict[str, float]:
    """In that process: seconds to the first worker, from before and after the import."""
    began = time.monotonic()
    from dask_jobqueue import SLURMCluster

    imported = time.monotonic()

    with SLURMCluster(
        queue="cpu",
        cores=1,
        memory="1GB",
        processes=1,
        walltime="00:10:00",
        python=python,
        interface="lo",
        worker_extra_args=["--no-dashboard"],
        scheduler_options={"dashboard_address": "127.0.0.1:0"},
        local_directory="/tmp",
        log_directory="/tmp",
        n_workers=1,
    ) as cluster:
        while not cluster.scheduler_info["workers"]:
            if time.monotonic() - began > LONGEST_SECONDS:
                raise RuntimeError(f"no worker after {LONGEST_SECONDS} s")
            time.sleep(LOOK_SECONDS)
        now = time.monotonic()
        return {"with_import": now - began, "imported": now - imported}


def independence(site: SlurmSite, offers: dict[str, str], rounds: int) -> dict[str, Any]:
    alone: dict[str, list[float]] = {name: [] for name in QUEUES}
    together: dict[str, list[float]] = {name: [] for name in QUEUES}
    for _ in range(rounds):
        for site_name in QUEUES:
            name, found = accepted([site_name], offers, {site_name})
            alone[site_name].append(found[site_name])
            stop(name)
        site.freeze()
        try:
            name, found = accepted([FROZEN, *QUEUES], offers, set(QUEUES))
        finally:
            site.thaw()
        for site_name, seconds in found.items():
            together[site_name].append(seconds)
        stop(name)
    return {
        name: {
            "queue_seconds": QUEUES[name],
            "accepted_alone_s": spread(alone[name]),
            "accepted_beside_frozen_s": spread(together[name]),
            "later_s": spread([b - a for a, b in zip(alone[name], together[name], strict=True)]),
        }
        for name in QUEUES
    }


def compare(site: SlurmSite, python: Path, offers: dict[str, str], rounds: int) -> dict[str, Any]:
    ours, plain = [], []
    for _ in range(rounds):
        ours.append(first_worker(offers))
        plain.append(first_worker_of_jobqueue(site, python))
    return {"jupyter_continuum_s": spread(ours)} | {
        f"dask_jobqueue_{kind}": {
            "seconds": spread([each[kind] for each in plain]),
            "ratio": spread([a / b[kind] for a, b in zip(ours, plain, strict=True)]),
        }
        for kind in ("with_import", "imported")
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--jobqueue", metavar="PYTHON", help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.jobqueue:
        print(json.dumps(jobqueue(asked.jobqueue)))
        return
    rounds = asked.rounds
    python = worker_python()  # before the playground: the site's user has to read it
    with running() as rig, playground():
        site = rig.sites[FROZEN]
        try:
            connect(site, python)
            offers = {name: f"{name}/cpu" for name in (*QUEUES, FROZEN)}
            results: dict[str, Any] = {"rounds": rounds}
            results["first_worker"] = compare(site, python, offers, rounds)
            print(json.dumps(results, indent=1), flush=True)
            results["independence"] = independence(site, offers, rounds)
        finally:
            end_everything()
    print(json.dumps(results, indent=1))
    print(f"kept in {save('launch', results)}", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Whether one slow or dead site delays another, and what the relay and broker add to a start.

    python benchmarks/launch.py [--rounds 3]

Needs the real Slurm rig of ``tests/rig`` (as root) and, for the second part, dask-jobqueue.

*Independence*: three emulated sites whose queues take 5, 20 and 40 s, each launched alone and
then all at once beside a Slurm site whose slurmctld is frozen; seconds until each site has
accepted the job. *First worker*: one Slurm site over SSH, from the launch to the first worker
that the scheduler knows, in turns with ``dask_jobqueue.SLURMCluster`` on the login node; both
begin with a process that has not imported Dask, and our broker is up and signed in.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from record import save, spread

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.demo import end_everything
from jupyter_continuum.cli.playground import playground

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


def launched(sites: Iterable[str], offers: dict[str, str]) -> tuple[str, float]:
    """Name of a cluster on these sites, and when it was asked for."""
    groups = [{"offer": offers[site], "name": site, **WORKER} for site in sites]
    began = time.monotonic()
    view = call_broker("launch", plan={"groups": groups})
    return view["name"], began


def accepted(
    sites: Iterable[str], offers: dict[str, str], wanted: set[str]
) -> tuple[str, dict[str, float]]:
    """Seconds from the launch until each of the wanted sites has given its job an id."""
    name, began = launched(sites, offers)
    found: dict[str, float] = {}
    while set(found) < wanted and time.monotonic() - began < LONGEST_SECONDS:
        for group in call_broker("cluster", name=name)["groups"]:
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
    name, began = launched([FROZEN], offers)
    while not call_broker("cluster", name=name)["groups"][0]["workers_ready"]:
        if time.monotonic() - began > LONGEST_SECONDS:
            raise RuntimeError(f"no worker after {LONGEST_SECONDS} s")
        time.sleep(LOOK_SECONDS)
    seconds = time.monotonic() - began
    stop(name)
    return seconds


def first_worker_of_jobqueue(site: SlurmSite, python: Path) -> float:
    """The same with a scheduler that the workers can dial, in a fresh process as ours is."""
    done = subprocess.run(
        [sys.executable, __file__, "--jobqueue", str(python)],
        env={**os.environ, **site.daemons.environment},
        check=True,
        stdout=subprocess.PIPE,
    )
    return float(done.stdout)


def jobqueue(python: str) -> float:
    """In that process: seconds from the import to the first worker."""
    began = time.monotonic()
    from dask_jobqueue import SLURMCluster

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
        return time.monotonic() - began


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
    return {
        "jupyter_continuum_s": spread(ours),
        "dask_jobqueue_s": spread(plain),
        "ratio": spread([a / b for a, b in zip(ours, plain, strict=True)]),
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--jobqueue", metavar="PYTHON", help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.jobqueue:
        print(jobqueue(asked.jobqueue))
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

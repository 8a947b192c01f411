"""One array in three places: means and covariances over this machine, a Slurm site and pods.

    python benchmarks/three_sites.py [--rounds 3]

Needs the real Slurm rig and the real Kubernetes of ``tests/rig`` (as root). ``siteb`` is behind
walls and a wide link of 20 ms and 200 Mbit/s; pods have no route to anybody. Each site holds four
chunks of one array, made where they stay; a dask.array expression reduces all of them.

The samples are integers below 2**12, as of a 12-bit converter, in float64: every product and every
partial sum of ROWS of them is an integer below 2**53, so it is exact in whatever order it is added.
Sums and products have to be those of NumPy on one machine to the bit, and so have the means and
covariances that follow from them by one formula.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from distributed import Client, get_task_stream, wait
from kubernetes import LONGEST_SECONDS, profile
from record import save, spread

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.clearing import end_everything
from jupyter_continuum.cli.playground import playground
from jupyter_continuum.table import as_text
from jupyter_continuum.workbench import Cluster, launch

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tests.rig.fixtures import profile as slurm_profile
from tests.rig.kubernetes.images import worker_image
from tests.rig.kubernetes.rig import running as running_kubernetes
from tests.rig.rig import running as running_slurm
from tests.rig.worker_environment import worker_python

NAME = "span"
GROUPS = {"local": "local/cores", "siteb": "siteb/cpu", "kube": "kube/cpu"}
CHUNKS, ROWS, COLUMNS = 12, 100_000, 32
LARGEST = 2**12
REPORT_SECONDS = 3
assert CHUNKS * ROWS * LARGEST**2 < 2**53


def samples(number: int) -> np.ndarray:
    """The chunk of this number, wherever it is asked for."""
    values = np.random.default_rng(number).integers(0, LARGEST, (ROWS, COLUMNS))
    return values.astype(np.float64)


def moments(total: np.ndarray, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and covariances from column sums and the matrix of products."""
    count = CHUNKS * ROWS
    return total / count, (products - np.outer(total, total) / count) / (count - 1)


def crossed(cluster: Cluster) -> dict[tuple[str, str], int]:
    """Bytes so far, by the link that the hub counted them on."""
    return {(link["source"], link["target"]): link["bytes"] for link in cluster.view["links"]}


def settled(cluster: Cluster) -> dict[tuple[str, str], int]:
    """The same, with all that was done before: the hub reports once a second.

    Heartbeats go on, so it never stands still.
    """
    time.sleep(REPORT_SECONDS)
    return crossed(cluster)


def scatter(client: Client, cluster: Cluster) -> list[Any]:  # futures
    places = [cluster.addresses[site][0] for site in GROUPS]
    parts = [
        client.submit(samples, number, workers=[places[number % len(places)]], pure=False)
        for number in range(CHUNKS)
    ]
    wait(parts, timeout=LONGEST_SECONDS)
    return parts


def reduce(client: Client, parts: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    chunks = [da.from_delayed(part, (ROWS, COLUMNS), np.float64) for part in parts]
    x = da.concatenate(chunks)
    total, products = client.compute([x.sum(axis=0), x.T @ x], sync=True)
    return np.asarray(total), np.asarray(products)


def site_of(address: str) -> str:
    """``siteb`` of ``relay://siteb.1a2b3c4d:1``."""
    return address.partition("://")[2].partition(".")[0]


def where_they_lie(client: Client, parts: list[Any]) -> dict[str, int]:
    """How many chunks each site holds."""
    holders = client.who_has(parts).values()
    return dict(Counter(site_of(address) for addresses in holders for address in addresses))


def same(one: Iterable[np.ndarray], other: Iterable[np.ndarray]) -> bool:
    """To the bit."""
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def measure(client: Client, cluster: Cluster, rounds: int) -> dict[str, Any]:
    whole = np.concatenate([samples(number) for number in range(CHUNKS)])
    parts = scatter(client, cluster)
    seconds, alone, correct, crossings = [], [], [], []
    tasks = Counter[str]()
    for _ in range(rounds):
        before = settled(cluster)
        with get_task_stream(client) as stream:
            began = time.perf_counter()
            found = reduce(client, parts)
            seconds.append(time.perf_counter() - began)
        after = settled(cluster)
        tasks.update(site_of(task["worker"]) for task in stream.data)
        crossings.append({link: after[link] - before.get(link, 0) for link in after})
        began = time.perf_counter()
        expected = whole.sum(axis=0), whole.T @ whole
        alone.append(time.perf_counter() - began)
        correct.append(same(found, expected) and same(moments(*found), moments(*expected)))
    return {
        "same_to_the_bit": all(correct),
        "chunks_by_site": where_they_lie(client, parts),
        "chunk_bytes": ROWS * COLUMNS * 8,
        "tasks_by_site": dict(tasks),
        "seconds": spread(seconds),
        "numpy_on_one_machine_s": spread(alone),
        "crossed_in_all_bytes": spread([sum(each.values()) for each in crossings]),
        "crossed_bytes": {
            f"{source} to {target}": spread([each[source, target] for each in crossings])
            for source, target in sorted(crossings[-1])
        },
    }


def show(results: dict[str, Any]) -> None:
    chunks, tasks = results["chunks_by_site"], results["tasks_by_site"]
    rows = [(site, count, tasks.get(site, 0)) for site, count in chunks.items()]
    print(as_text(("SITE", "CHUNKS", "TASKS"), rows))
    links = results["crossed_bytes"].items()
    print(as_text(("LINK", "BYTES"), [(link, f"{bytes['median']:,.0f}") for link, bytes in links]))
    print(json.dumps(results, indent=1))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=3)
    rounds = words.parse_args().rounds
    python = worker_python()  # before the playground: the site's user has to read it
    with running_slurm() as rig, running_kubernetes() as kubernetes, playground():
        image = kubernetes.load(worker_image())
        pods = profile(kubernetes.access.kubeconfig("restricted"), image)
        try:
            call_broker("connect", profile=pods)
            call_broker(
                "connect",
                profile=slurm_profile(rig.sites["siteb"], python).model_dump(mode="json"),
            )
            groups = [{"offer": offer, "name": site} for site, offer in GROUPS.items()]
            cluster = launch({"name": NAME, "groups": groups}, wait=True)
            with cluster.get_client() as client:
                results = {"rounds": rounds, **measure(client, cluster, rounds)}
        finally:
            end_everything()
    show(results)
    if not results["same_to_the_bit"]:
        sys.exit("The result is not that of one machine.")
    print(f"kept in {save('three_sites', results)}", file=sys.stderr)


if __name__ == "__main__":
    main()

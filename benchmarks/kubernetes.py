"""How soon a pod's worker is usable, and how soon a cluster of pods has grown.

    python benchmarks/kubernetes.py [--rounds 9]

Needs the real Kubernetes of ``tests/rig/kubernetes`` (as root, with its Dask operator). All that
is compared runs in turns, in one image, each agent or worker with one CPU of quota, beside one
worker of the same kind that idles; every cluster and its scheduler are up before. Pods of ours
and of the operator do not fit on the node together: after three rounds of one, three of the other.

*Usable*: from the first line of the container's command (a shell that notes ``/proc/uptime``,
10 ms, and becomes the interpreter) until the scheduler has added the worker, by its own event log.
Ours is a pod at a Kubernetes site of a real broker, as somebody bound to the shipped Role alone:
the pod is seen, its gateway dialled by port-forward, the join granted, the worker started. Bare is
the same image in a chroot with the same quota: no kubelet, no API, no broker; its gateway's own
socket is dialled within 50 ms of its being there, and its join granted by the tests' stand-in.

*Grown*: from ``scale`` to two workers until the scheduler has added the second: ours, and
``dask_kubernetes.operator.KubeCluster`` with the real operator on the same node. Its scheduler is
a pod; ours is on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from distributed import Client
from record import save, spread

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.clearing import end_everything
from jupyter_continuum.cli.playground import playground
from jupyter_continuum.workbench import attach

sys.path.append(str(Path(__file__).resolve().parent.parent))
from bare_agent import BareAgents, bare_agents

from tests.rig.daemons import RigError
from tests.rig.kubernetes.cluster import Cluster
from tests.rig.kubernetes.dask_operator import DaskOperator
from tests.rig.kubernetes.images import WORKER, worker_image
from tests.rig.kubernetes.oci import Image, layer
from tests.rig.kubernetes.rig import running

NAME, SITE = "bench", "kube"
AT_A_TIME = 3
"""Rounds of ours before as many of the operator's."""
COMPARED = "compared"
"""The name of the KubeCluster."""
LONGEST_SECONDS = 120
LOOK_SECONDS = 0.1
PROGRAM = f"/{WORKER}/bin/began"
BEGAN = "began at"
NOTE = f"""\
#!/bin/sh
read -r up idle </proc/uptime
echo "{BEGAN} $up"
exec /{WORKER}/bin/python "$@"
"""


def noting_image(folder: Path) -> Image:
    """The worker image with an interpreter that tells when it began."""
    plain = worker_image()
    program = folder / "content" / PROGRAM.lstrip("/")
    program.parent.mkdir(parents=True)
    program.write_text(NOTE)
    program.chmod(0o755)
    layer(folder / "content", folder / "began.tar")
    layers = (*plain.layers, folder / "began.tar")
    return replace(plain, name=f"{plain.name}-began", layers=layers)


def profile(kubeconfig: Path, image: str, python: str = "python") -> dict[str, Any]:
    """A site of one-CPU pods, as JSON."""
    offer = {"name": "cpu", "image": image, "cpus": 1, "memory_gb": 0.8, "python": python}
    where = {"context": "rig", "kubeconfig": str(kubeconfig), "offers": [offer]}
    return {"site": SITE, "kind": "kubernetes", "kubernetes": where}


async def met(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    async with asyncio.timeout(LONGEST_SECONDS):
        while not await condition():
            await asyncio.sleep(LOOK_SECONDS)


async def addresses(client: Client) -> set[str]:
    return set((await client.scheduler.identity(n_workers=-1))["workers"])


async def added(client: Client, before: set[str]) -> float:
    """Seconds of the epoch when the scheduler added the one worker that was not there."""
    await client.wait_for_workers(len(before) + 1, timeout=LONGEST_SECONDS)
    (new,) = await addresses(client) - before
    events = await client.get_events(new)
    return float(next(when for when, event in events if event["action"] == "add-worker"))


def began(log: str) -> float:
    """Seconds of the epoch when the container's command began."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    line = next(line for line in log.splitlines() if line.startswith(BEGAN))
    return booted + float(line.removeprefix(BEGAN))


@dataclass(frozen=True, slots=True)
class Pods:
    """Our cluster of one pod, through the broker."""

    client: Client
    kubernetes: Cluster

    async def grow(self) -> tuple[float, float]:
        """Seconds from the call, and from the pod's begin, to the second worker; then one again."""
        before, jobs = await addresses(self.client), set(await self._logs())
        called = time.time()
        await ask("scale", name=NAME, group=SITE, jobs=2)
        there = await added(self.client, before)
        logs = await self._logs()
        (job,) = set(logs) - jobs
        await ask("scale", name=NAME, group=SITE, jobs=1)
        await met(self._one_is_left, "the second pod does not leave")
        return there - called, there - began(logs[job])

    async def _logs(self) -> dict[str, str]:
        return dict(await ask("logs", name=NAME, group=SITE, lines=1000))

    async def _one_is_left(self) -> bool:
        return len(await addresses(self.client)) == 1 and len(await self._pods()) == 1

    async def _pods(self) -> list[str]:
        here = f"--namespace={self.kubernetes.access.namespace}"
        found = await asyncio.to_thread(self.kubernetes.kubectl.get, "pods", here)
        names = (pod["metadata"]["name"] for pod in found["items"])
        return [name for name in names if name.startswith("jc-")]


async def ask(method: str, **fields: Any) -> Any:
    """The broker's answer; the loop goes on meanwhile."""
    return await asyncio.to_thread(call_broker, method, **fields)


@asynccontextmanager
async def pods(kubernetes: Cluster, image: str) -> AsyncIterator[Pods]:
    asked = profile(kubernetes.access.kubeconfig("restricted"), image, PROGRAM)
    await ask("connect", profile=asked)
    group = {"offer": f"{SITE}/cpu", "name": SITE, "cpus_per_worker": 1, "walltime_minutes": 60}
    await ask("launch", plan={"name": NAME, "groups": [group]})
    try:
        async with attach(NAME).get_client(asynchronous=True) as client:
            await client.wait_for_workers(1, timeout=LONGEST_SECONDS)
            yield Pods(client, kubernetes)
    finally:
        await ask("stop", name=NAME)


async def grow_bare(agents: BareAgents) -> float:
    """Seconds from the agent's begin to its worker, which is then ended."""
    before = await addresses(agents.client)
    job = await agents.submit()
    there = await added(agents.client, before)
    started = began(await agents.log(job))
    await agents.end(job)
    await met(lambda: is_alone(agents.client), "the second bare worker does not leave")
    return there - started


async def is_alone(client: Client) -> bool:
    return len(await addresses(client)) == 1


@dataclass(frozen=True, slots=True)
class Operator:
    """``kube_cluster.py`` on the node."""

    process: asyncio.subprocess.Process

    async def grow(self) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        return float((await self.heard())["seconds"])

    async def heard(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(2 * LONGEST_SECONDS):
            line = await self.process.stdout.readline()
        if not line:
            raise RigError("KubeCluster has ended; its words are above.")
        found: dict[str, Any] = json.loads(line)
        return found


@asynccontextmanager
async def kube_cluster(operator: DaskOperator) -> AsyncIterator[Operator]:
    kubernetes = operator.cluster
    script = Path(__file__).with_name("kube_cluster.py")
    environment = {**os.environ, **kubernetes.spec.environment()}
    process = await asyncio.create_subprocess_exec(
        *(*kubernetes.node.inside(), str(operator.python), "-P", "-W", "ignore", str(script)),
        *(kubernetes.access.namespace, operator.image),
        env=environment | {"KUBECONFIG": str(kubernetes.kubectl.kubeconfig)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        theirs = Operator(process)
        await theirs.heard()
        yield theirs
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await asyncio.to_thread(operator.delete, COMPARED)


@dataclass(slots=True)
class Times:
    """Seconds of each round."""

    usable: list[float] = field(default_factory=list)
    bare_usable: list[float] = field(default_factory=list)
    grown: list[float] = field(default_factory=list)
    operator_grown: list[float] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)

    def forget(self) -> None:
        for each in fields(self):
            getattr(self, each.name).clear()

    def results(self) -> dict[str, Any]:
        return {
            "rounds": len(self.usable),
            "load": spread(self.loads),
            "usable": {
                "pod_s": spread(self.usable),
                "bare_agent_s": spread(self.bare_usable),
                "ratio": ratio(self.usable, self.bare_usable),
            },
            "grown": {
                "jupyter_continuum_s": spread(self.grown),
                "kube_cluster_s": spread(self.operator_grown),
                "ratio": ratio(self.grown, self.operator_grown),
            },
            "each_round": {
                each.name: [round(value, 2) for value in getattr(self, each.name)]
                for each in fields(self)
            },
        }

    async def take(
        self, agents: BareAgents, kubernetes: Cluster, operator: DaskOperator, rounds: int
    ) -> None:
        """So many rounds of ours and the bare agent in turns, then of the operator."""
        async with pods(kubernetes, operator.image) as ours:
            for _ in range(rounds):
                called, seen = await ours.grow()
                self.grown.append(called)
                self.usable.append(seen)
                self.bare_usable.append(await grow_bare(agents))
                self.loads.append(os.getloadavg()[0])
        async with kube_cluster(operator) as theirs:
            for _ in range(rounds):
                self.operator_grown.append(await theirs.grow())
        for each in fields(self):
            told = " ".join(f"{value:6.2f}" for value in getattr(self, each.name))
            print(f"{each.name:<15}{told}", file=sys.stderr, flush=True)


async def compare(kubernetes: Cluster, image: Image, rounds: int) -> dict[str, Any]:
    """Kept after every few rounds: on a busy machine they take minutes."""
    operator = DaskOperator(kubernetes, await asyncio.to_thread(kubernetes.load, image))
    await asyncio.to_thread(operator.start)
    times = Times()
    async with bare_agents(image, PROGRAM, kubernetes.spec.name) as agents:
        await agents.submit()
        await agents.client.wait_for_workers(1, timeout=LONGEST_SECONDS)
        await times.take(agents, kubernetes, operator, 1)
        times.forget()  # the first of each read the image from the disk
        for done in range(0, rounds, AT_A_TIME):
            await times.take(agents, kubernetes, operator, min(AT_A_TIME, rounds - done))
            print(f"kept in {save('kubernetes', times.results())}", file=sys.stderr, flush=True)
    return times.results()


def ratio(ours: list[float], theirs: list[float]) -> dict[str, float]:
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=9)
    rounds = words.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="jc-began-") as folder:
        image = noting_image(Path(folder))
        with running() as kubernetes, playground():
            if not isinstance(kubernetes, Cluster):
                raise RigError("The node must be of our own: the bare agent runs beside it.")
            try:
                results = asyncio.run(compare(kubernetes, image, rounds))
            finally:
                end_everything()
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

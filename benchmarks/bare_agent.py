"""The worker agent of an image without Kubernetes: a chroot, a CPU limit, and nothing else.

What stands around it is what the tests of a cluster use: a hub and a scheduler, and no broker.
"""

from __future__ import annotations

import shlex
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from distributed import Client

from jupyter_continuum.sites.emulation import EmulatedSite
from jupyter_continuum.sites.here.conditions import Conditions
from jupyter_continuum.sites.here.emulated import EmulatedLauncher
from jupyter_continuum.sites.protocols import Endpoint
from tests.cluster.conftest import Home, started_home
from tests.rig.daemons import RigError
from tests.rig.kubernetes.oci import Image

SITE = "bare"
PERIOD_MICROSECONDS = 100_000
"""kubelet's own: with a quota of as much, it is one CPU."""
KUBEPODS_SHARES = 2048
"""What kubelet gives all pods together on a machine with two CPUs."""
CPU = Path("/sys/fs/cgroup/cpu")
ENTER = """\
#!/bin/sh
group={group}/$$
mkdir "$group"
echo {period} >"$group/cpu.cfs_period_us"
echo {period} >"$group/cpu.cfs_quota_us"
echo $$ >"$group/cgroup.procs"
exec unshare --mount --propagation private sh -c '
mount --bind {folder} {root}{folder} && mount -t proc proc {root}/proc &&
mount --rbind /dev {root}/dev && exec chroot {root} {environment} {program} "$@"' enter "$@"
"""


@dataclass(frozen=True, slots=True)
class Gate:
    """The gateway's own socket."""

    path: Path

    async def close(self) -> None:
        """It is the gateway's."""


class Straight:
    """A way to agents that is none: their gateways listen on this machine."""

    async def forward(self, endpoint: Endpoint, path: Path) -> Gate:
        return Gate(Path(endpoint.path))

    async def close(self) -> None:
        """Nothing was opened."""


@dataclass(frozen=True, slots=True)
class BareAgents:
    """Agents of one cluster, each in the image's file system with one CPU."""

    home: Home
    client: Client
    program: Path
    """Enters the image and runs there what follows."""

    async def submit(self) -> str:
        """The job that runs one agent with one worker."""
        number = len(self.home.joins)
        return str(await self.home.submit(SITE, number=number, python=str(self.program)))

    async def end(self, job: str) -> None:
        """The latest."""
        launcher, _ = self.home.sites[SITE]
        await launcher.cancel([job])
        await launcher.forget([job])
        # As a broker does: else its streams wait for minutes, should it have had to be killed.
        self.home.order(do="drop", agent=self.home.agents[-1])

    async def log(self, job: str) -> str:
        return str(await self.home.log(SITE, job))


@asynccontextmanager
async def bare_agents(image: Image, program: str, cgroup: str) -> AsyncIterator[BareAgents]:
    """``program`` is the image's interpreter; ``cgroup`` a group that somebody else removes."""
    group = CPU / cgroup / SITE
    if not group.parent.exists():
        raise RigError(f"{group.parent} is not there: the bare agent is limited by cgroup v1.")
    group.mkdir()
    (group / "cpu.shares").write_text(str(KUBEPODS_SHARES))
    async with started_home() as home:
        root = home.folder / "image"
        for layer in image.layers:
            with tarfile.open(layer) as tar:
                tar.extractall(root, filter="fully_trusted")
        (root / home.folder.relative_to("/")).mkdir(parents=True)
        variables = (f"{name}={value}" for name, value in image.environment.items())
        script = home.folder / "enter"
        script.write_text(
            ENTER.format(
                group=group,
                period=PERIOD_MICROSECONDS,
                folder=home.folder,
                root=root,
                environment=shlex.join(["/usr/bin/env", *variables]),
                program=program,
            )
        )
        script.chmod(0o700)
        settings = EmulatedSite(queue_seconds=0, nodes=8)
        launcher = EmulatedLauncher(Conditions(settings, SITE), home.folder / SITE)
        home.sites[SITE] = (launcher, Straight())
        async with home.client() as client:
            yield BareAgents(home, client, script)

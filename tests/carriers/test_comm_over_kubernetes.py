"""The comm contract over the relay, on port-forwards of a real Kubernetes API."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from jupyter_continuum.sites.kubernetes.launcher import KubernetesTransport
from jupyter_continuum.sites.profile import KubernetesSite, PodFlavour
from jupyter_continuum.sites.protocols import Agent, Endpoint
from tests.carriers.comm_contract import RelayCommTests
from tests.free_port import free_port
from tests.rig.daemons import wait_until
from tests.rig.kubernetes.cluster import Cluster

pytestmark = pytest.mark.kubernetes

PORT = 7790
BACK = """
import asyncio, sys
async def copy(reader, writer):
    try:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
async def serve(reader, writer):
    far_reader, far_writer = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[3]))
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass(frozen=True)
class WayBack:
    """A pod that passes on what arrives at its 127.0.0.1 to a door of this machine."""

    pod: str
    door: tuple[str, int]


@pytest.fixture(scope="module")
def way_back(kubernetes: Cluster, kubernetes_image: str) -> Iterator[WayBack]:
    """On the node's own network: the pods' has no route to this machine, as it should."""
    name, namespace = f"back-{secrets.token_hex(4)}", kubernetes.access.namespace
    door = kubernetes.spec.outside_address, free_port(kubernetes.spec.outside_address)
    container = {
        "name": "back",
        "image": kubernetes_image,
        "command": ["python", "-c", BACK, door[0], str(door[1]), str(PORT)],
    }
    kubernetes.kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "hostNetwork": True,
                "terminationGracePeriodSeconds": 0,
                "containers": [container],
            },
        }
    )
    phase = ("get", "pod", name, f"--namespace={namespace}", "--output=jsonpath={.status.phase}")
    try:
        wait_until(lambda: kubernetes.kubectl.run(*phase) == "Running", "The pod waits", 60)
        yield WayBack(name, door)
    finally:
        kubernetes.kubectl.run("delete", "pod", name, f"--namespace={namespace}", "--force")


class TestRelayOverKubernetes(RelayCommTests):
    @pytest.fixture
    async def reach(self, restricted: Path, kubernetes_image: str, way_back: WayBack):
        offer = PodFlavour(name="cpu", image=kubernetes_image)
        site = KubernetesSite(context="rig", kubeconfig=str(restricted), offers=(offer,))
        transport = KubernetesTransport(site, "kube")
        await transport.connect()
        async with AsyncExitStack() as stack:

            async def reach(gateway, endpoint: Endpoint):
                server = await asyncio.start_server(
                    lambda reader, writer: pass_on(reader, writer, endpoint), *way_back.door
                )
                stack.callback(server.close)
                agent = Agent("jc-t", 0, "n0", (Endpoint(host=way_back.pod, port=PORT),))
                return transport.carriers[0], agent

            yield reach
        await transport.close()


async def pass_on(reader, writer, endpoint: Endpoint) -> None:
    far_reader, far_writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the other direction has ended it
    finally:
        writer.close()

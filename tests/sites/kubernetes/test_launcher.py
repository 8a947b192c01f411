"""Pods of a real cluster, as somebody who is bound to the shipped Role alone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
from pathlib import Path

import pytest

from jupyter_continuum.errors import SignInRequired, SiteError, SiteUnreachable, SubmitRefused
from jupyter_continuum.sites.kubernetes.launcher import KubernetesLauncher, KubernetesTransport
from jupyter_continuum.sites.kubernetes.pod import FOLDER, PORT
from jupyter_continuum.sites.profile import KubernetesSite, PodFlavour
from jupyter_continuum.sites.protocols import Agent, Endpoint, JobRequest, JobState
from jupyter_continuum.sites.testing import (
    RANK,
    STAY,
    CarrierTests,
    LauncherTests,
    TransportTests,
    announced,
    echoed,
    settled,
)
from tests.rig.kubernetes.cluster import Cluster

pytestmark = pytest.mark.kubernetes

ECHO = f"""exec python -c '
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
socketserver.ThreadingTCPServer.daemon_threads = True
server = socketserver.ThreadingTCPServer(("127.0.0.1", {PORT}), Echo)
print("listens", flush=True)
server.serve_forever()
'
"""


def where(kubeconfig: Path, image: str, **changes: object) -> KubernetesSite:
    """The namespace of the tests, with an offer of CPUs and one of GPUs."""
    small = {"image": image, "cpus": 1, "memory_gb": 0.5}
    offers = (PodFlavour(name="cpu", **small), PodFlavour(name="gpu", gpus=2, **small))
    values = {"context": "rig", "kubeconfig": str(kubeconfig), "offers": offers}
    return KubernetesSite(**(values | changes))


class StubLauncher(KubernetesLauncher):
    """A pod runs shell lines instead of the agent, named by its interpreter."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.stubs: dict[str, str] = {}

    def manifest(self, request: JobRequest):
        pod = super().manifest(request)
        if lines := self.stubs.get(request.python):
            (container,) = pod["spec"]["containers"]
            container["command"] = ["/bin/sh", "-c", lines, "stub", FOLDER]
            pod["spec"]["terminationGracePeriodSeconds"] = 1
        return pod


@pytest.fixture
async def transport(restricted: Path, kubernetes_image: str):
    transport = KubernetesTransport(where(restricted, kubernetes_image), "kube")
    await transport.connect()
    yield transport
    await transport.close()


@pytest.fixture
def launcher(transport: KubernetesTransport) -> StubLauncher:
    return StubLauncher(transport.api, transport.api.where, site="kube", owner="tests")


@pytest.fixture
def stub(launcher: StubLauncher):
    def write(lines: str) -> str:
        name = f"stub-{secrets.token_hex(4)}"
        launcher.stubs[name] = lines
        return name

    return write


class TestKubernetesTransport(TransportTests):
    @pytest.fixture
    def transport(self, transport):
        return transport


class TestKubernetesLauncher(LauncherTests):
    REFUSED = (
        *LauncherTests.REFUSED,
        {"partition": "no-such"},
        {"nodes": 2},
        {"cpus_per_worker": 64},
        {"prologue": "module load cuda"},
        {"python": "python; id"},
    )

    @pytest.fixture
    def launcher(self, launcher):
        return launcher

    @pytest.fixture
    def stub(self, stub):
        return stub

    async def test_the_ticket_is_mounted_and_then_gone(self, kubernetes, launcher, job) -> None:
        secret = b'{"token":"not for others"}'
        request = job('cat "$JC_TICKETS/join-0.json"; echo; ' + STAY, join=[secret])
        await launcher.submit(request)
        await announced(launcher, request.name, 1)
        await launcher.poll()
        left = kubernetes.kubectl.get("secrets", f"--namespace={kubernetes.access.namespace}")
        assert request.name not in {each["metadata"]["name"] for each in left["items"]}
        async with asyncio.timeout(20):
            while secret.decode() not in await launcher.log(request.name):
                await asyncio.sleep(0.1)
        (pod,) = pods(kubernetes, request.name)
        assert "not for others" not in str(pod)

    async def test_a_pod_that_somebody_deletes_takes_its_secret_along(
        self, kubernetes, launcher, job
    ) -> None:
        request = job(STAY, partition="gpu", gpus_per_worker=2)  # the node has none: it waits
        await launcher.submit(request)
        kubernetes.kubectl.run("delete", "pod", request.name, f"-n={kubernetes.access.namespace}")
        async with asyncio.timeout(30):
            while request.name in secret_names(kubernetes):
                await asyncio.sleep(0.2)

    async def test_why_a_pod_waits_is_its_reason(self, launcher, job) -> None:
        request = job(STAY, partition="gpu", gpus_per_worker=2)
        await launcher.submit(request)
        assert await reason_of(launcher, request.name, "Insufficient") == (
            "Insufficient nvidia.com/gpu"
        )

    async def test_an_image_that_is_not_there_is_its_reason(self, transport, job) -> None:
        offer = PodFlavour(name="cpu", image="localhost/no-such:1", memory_gb=0.1)
        site = transport.api.where.model_copy(update={"offers": (offer,)})
        launcher = KubernetesLauncher(transport.api, site, site="kube", owner="tests")
        request = job(STAY, python="python3")
        await launcher.submit(request)
        try:
            said = await reason_of(launcher, request.name, "localhost/no-such:1")
            assert said.startswith(("ErrImagePull: ", "ImagePullBackOff: "))
        finally:
            await launcher.cancel([request.name])
            await settled(launcher, request.name)

    async def test_a_used_up_quota_refuses_and_leaves_nothing(
        self, kubernetes: Cluster, launcher, job
    ) -> None:
        kubernetes.access.limit(pods="0")
        try:
            request = job(STAY)
            with pytest.raises(SubmitRefused, match=r"quota of namespace .* used: pods=0"):
                await launcher.submit(request)
            assert request.name not in secret_names(kubernetes)
            assert {offer.state for offer in (await launcher.poll()).offers} == {
                "out of quota (pods: 0 of 0 used)"
            }
        finally:
            kubernetes.access.unlimit()

    async def test_pods_of_others_in_the_namespace_are_nobodys_business(
        self, kubernetes, transport, launcher, job
    ) -> None:
        request = job(STAY)
        await launcher.submit(request)
        async with asyncio.timeout(60):  # looking with the launcher would remove the Secret
            while pods(kubernetes, request.name)[0]["status"]["phase"] != "Running":
                await asyncio.sleep(0.2)
        colleague = KubernetesLauncher(
            transport.api, transport.api.where, site="kube", owner="colleague"
        )
        status = await colleague.poll()
        assert request.name not in {one.name for one in status.jobs}
        assert request.name not in {agent.job for agent in await colleague.agents()}
        assert request.name in secret_names(kubernetes)

    async def test_a_pod_beyond_its_walltime_has_timed_out(self, launcher, job) -> None:
        request = job(STAY, walltime_seconds=1)
        await launcher.submit(request)
        ended = await settled(launcher, request.name)
        assert ended is not None
        assert (ended.state, ended.reason) == (JobState.FAILED, "TIMEOUT")

    async def test_what_may_not_be_read_is_said_and_not_asked_for_again(self, launcher) -> None:
        status = await launcher.poll()
        assert "cluster-reader" in status.notes["free"]
        assert all(offer.cpus_free is None for offer in status.offers)

    async def test_a_reader_of_the_cluster_sees_what_is_free(
        self, kubernetes, kubernetes_image
    ) -> None:
        site = where(kubernetes.access.kubeconfig("reader"), kubernetes_image)
        transport = KubernetesTransport(site, "kube")
        await transport.connect()
        try:
            status = await KubernetesLauncher(
                transport.api, site, site="kube", owner="tests"
            ).poll()
        finally:
            await transport.close()
        assert not status.notes
        assert all(offer.cpus_free and offer.nodes_total for offer in status.offers[:1])


class TestPodCarrier(CarrierTests):
    @pytest.fixture
    def carrier(self, transport):
        (carrier,) = transport.carriers
        return carrier

    @pytest.fixture
    async def agent(self, launcher, stub):
        name = f"jc-echo-g-{secrets.token_hex(4)}"
        lines = stub(RANK + ECHO)
        await launcher.submit(JobRequest(name=name, python=lines, join=[b"{}"], partition="cpu"))
        (agent,) = await announced(launcher, name, 1)
        async with asyncio.timeout(60):
            while "listens" not in await launcher.log(name):
                await asyncio.sleep(0.1)
        yield agent
        await launcher.cancel([name])
        await settled(launcher, name)
        await launcher.forget([name])

    @pytest.fixture
    def nobody(self):
        name = "jc-nobody-g-00000000"
        return Agent(name, 0, "node1", (Endpoint(host=name, port=PORT),))

    async def test_a_server_that_is_frozen_does_not_hold_up_the_closing(
        self, kubernetes: Cluster, carrier, agent, socket
    ) -> None:
        forward = await carrier.open(agent, socket)
        _, writer = await asyncio.open_unix_connection(socket)
        kubernetes.freeze_api()
        try:
            with contextlib.suppress(TimeoutError):
                for _ in range(200):  # until no buffer on the way has room
                    writer.write(bytes(2**20))
                    async with asyncio.timeout(1):
                        await writer.drain()
            async with asyncio.timeout(15):
                await forward.close()
        finally:
            kubernetes.thaw_api()
            writer.transport.abort()
        kubernetes.wait_for_api()
        forward = await carrier.open(agent, socket)
        assert await echoed(socket, b"hello again") == b"hello again"
        await forward.close()

    async def test_a_pod_that_does_not_listen_is_told_within_seconds(
        self, carrier, agent, socket, monkeypatch
    ) -> None:
        forward = "jupyter_continuum.sites.kubernetes.forward"
        monkeypatch.setattr(f"{forward}.LISTEN_SECONDS", 1)
        monkeypatch.setattr(f"{forward}.SILENCE_SECONDS", 30)  # however late the refusal comes
        elsewhere = Agent(agent.job, 0, agent.node, (Endpoint(host=agent.job, port=1),))
        with pytest.raises(SiteUnreachable, match="nobody listens at port 1"):
            await carrier.open(elsewhere, socket)


@pytest.mark.parametrize(
    ("account", "error", "words"),
    [
        ("invalid", SignInRequired, "does not accept the credentials"),
        ("stranger", SiteError, "no right to list pods"),
    ],
)
async def test_who_may_not_is_told_what_to_do(
    kubernetes: Cluster, kubernetes_image: str, account: str, error: type, words: str
) -> None:
    site = where(kubernetes.access.kubeconfig(account), kubernetes_image)
    with pytest.raises(error, match=words):
        await look(site)


def test_the_shipped_roles_give_no_more_than_they_say(kubernetes: Cluster) -> None:
    asked = {
        account: {
            f"{verb} {resource}": may(kubernetes, account, verb, resource)
            for verb, resource in (
                *(("create", "pods"), ("delete", "secrets"), ("get", "pods/portforward")),
                *(("get", "secrets"), ("list", "secrets"), ("create", "pods/exec")),
                *(("update", "pods"), ("create", "deployments"), ("list", "nodes")),
            )
        }
        for account in ("restricted", "reader", "stranger")
    }
    may_all = {"create pods", "delete secrets", "get pods/portforward"}
    assert {each for each, yes in asked["restricted"].items() if yes} == may_all
    assert {each for each, yes in asked["reader"].items() if yes} == may_all | {"list nodes"}
    assert not any(asked["stranger"].values())


def may(cluster: Cluster, account: str, verb: str, resource: str) -> bool:
    kind, _, part = resource.partition("/")
    words = ("auth", "can-i", verb, kind, f"--namespace={cluster.access.namespace}")
    subresource = (f"--subresource={part}",) if part else ()
    done = cluster.access.kubectl(account).attempt(*words, *subresource)
    return done.stdout.strip() == "yes"


async def test_a_token_that_ran_out_wants_the_person(
    kubernetes: Cluster, kubernetes_image: str
) -> None:
    with pytest.raises(SignInRequired, match="Renew them"):
        await look(where(kubernetes.expired(), kubernetes_image))


async def test_a_key_in_a_kubeconfig_is_left_in_no_other_file(
    kubernetes: Cluster, kubernetes_image: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    admin = where(kubernetes.kubectl.kubeconfig, kubernetes_image)
    context = kubernetes.kubectl.run("config", "current-context").strip()
    await look(admin.model_copy(update={"context": context, "namespace": "default"}))
    assert list(tmp_path.iterdir()) == []


async def test_a_server_that_is_gone_is_unreachable_and_comes_back(
    kubernetes: Cluster, transport: KubernetesTransport, launcher: StubLauncher
) -> None:
    kubernetes.kill_api()
    try:
        with pytest.raises(SiteUnreachable, match="does not answer"):
            await launcher.poll()
    finally:
        kubernetes.start_api()
        kubernetes.wait_for_api()
    assert (await launcher.poll()).offers


async def look(site: KubernetesSite) -> None:
    transport = KubernetesTransport(site, "kube")
    try:
        await transport.connect()
        await KubernetesLauncher(transport.api, site, site="kube", owner="tests").poll()
    finally:
        await transport.close()


async def reason_of(launcher: KubernetesLauncher, name: str, word: str) -> str:
    """The job's reason, once ``word`` is in it."""
    async with asyncio.timeout(120):
        while True:
            found = [job for job in (await launcher.poll()).jobs if job.name == name]
            if found and word in found[0].reason:
                return found[0].reason
            await asyncio.sleep(0.2)


def pods(cluster: Cluster, name: str) -> list[dict]:
    found = cluster.kubectl.get("pods", f"--namespace={cluster.access.namespace}")["items"]
    return [pod for pod in found if pod["metadata"]["name"] == name]


def secret_names(cluster: Cluster) -> set[str]:
    found = cluster.kubectl.get("secrets", f"--namespace={cluster.access.namespace}")["items"]
    return {each["metadata"]["name"] for each in found}

"""Transport and Launcher of a Kubernetes namespace: one pod a job, over the API alone.

What must be remembered lies in the cluster, as labels: any broker finds its pods again.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from jupyter_continuum.errors import SiteError, SubmitRefused, Unknown
from jupyter_continuum.sites.credential import Credential
from jupyter_continuum.sites.kubernetes import pod as manifests
from jupyter_continuum.sites.kubernetes.api import KubernetesApi
from jupyter_continuum.sites.kubernetes.credential import credentials_of
from jupyter_continuum.sites.kubernetes.errors import submit_refusal
from jupyter_continuum.sites.kubernetes.forward import PodCarrier
from jupyter_continuum.sites.kubernetes.offers import Holding, offers
from jupyter_continuum.sites.kubernetes.operator import (
    CLUSTER_NAME,
    GROUP,
    foreign_cluster,
    scheduler_of,
    scheduler_selector,
)
from jupyter_continuum.sites.kubernetes.status import agent_of, job_of, started
from jupyter_continuum.sites.profile import KubernetesSite, PodFlavour
from jupyter_continuum.sites.protocols import (
    Agent,
    Association,
    Carrier,
    ForeignCluster,
    Job,
    JobRequest,
    JobState,
    SiteStatus,
)

LOG_BYTES = 64 * 1024
LOG_LINES = 1000
DENIED_SECONDS = 60
"""What may not be read is asked for again after so long: rights are given while we run."""
HOLDING_SECONDS = 15
"""Between looks at quotas, nodes and the pods of others."""

Records = list[dict[str, Any]]  # JSON of the API


class KubernetesTransport:
    """The API as one user; ways to pods are its port-forwards."""

    def __init__(self, where: KubernetesSite, site: str) -> None:
        self.api = KubernetesApi(where, site)
        self._carrier = PodCarrier(self.api)

    async def connect(self) -> None:
        await self.api.connect()

    async def credentials(self) -> tuple[Credential, ...]:
        return await asyncio.to_thread(credentials_of, self.api.where, self.api.site, os.environ)

    @property
    def carriers(self) -> tuple[Carrier, ...]:
        return (self._carrier,)

    async def find_scheduler(self, name: str) -> Agent:
        """The scheduler's pod of a cluster of the Dask operator."""
        site, namespace = self.api.site, self.api.namespace
        if not CLUSTER_NAME.fullmatch(name):
            raise Unknown(f"{name!r} names no cluster of the Dask operator.")
        selector = {"labelSelector": scheduler_selector(name)}
        found = await self.api.items(self.api.path("pods"), "list pods", selector)
        agent = next((each for pod in found if (each := scheduler_of(pod, name))), None)
        if agent is None:
            raise Unknown(
                f"{site}: no scheduler of a cluster {name!r} runs in namespace {namespace!r}. "
                "`jupyter continuum list` shows what is there."
            )
        return agent

    async def close(self) -> None:
        await self._carrier.close()
        await self.api.close()


class KubernetesLauncher:
    """Pods of one namespace."""

    def __init__(self, api: KubernetesApi, where: KubernetesSite, *, site: str, owner: str) -> None:
        """``owner`` is the value of a label: pods of others in the namespace are left alone."""
        self._api = api
        self._owner = owner
        self._flavours = {flavour.name: flavour for flavour in where.offers}
        self._site = site
        self._denied: dict[str, float] = {}
        """Since when lists may not be read, by path."""
        self._holding = Holding()
        self._holding_at = float("-inf")
        self._notes: dict[str, str] = {}
        self._started: set[str] = set()
        """Jobs whose Secret is gone, because it was mounted."""
        self._cancelled: dict[str, str] = {}
        """Pods that were deleted here, with their uid, until they are forgotten."""

    # Jobs ------------------------------------------------------------------------------------

    def manifest(self, request: JobRequest) -> manifests.Manifest:
        """The Pod of the job."""
        return manifests.pod(
            request, self._flavour(request.partition), site=self._site, owner=self._owner
        )

    def script(self, request: JobRequest) -> str:
        name = manifests.check_name(request.name)
        text = yaml.safe_dump(self.manifest(request), sort_keys=False)
        return f"# With a Secret {name} that holds the one-time join ticket.\n{text}"

    def _flavour(self, name: str) -> PodFlavour:
        flavour = self._flavours.get(name) if name else next(iter(self._flavours.values()))
        if flavour is None:
            known = ", ".join(f"{self._site}/{each}" for each in self._flavours)
            raise SubmitRefused(f"{self._site} has no offer {name!r}. It has: {known}.")
        return flavour

    async def submit(self, request: JobRequest) -> Job:
        # The Secret first: a pod that misses it waits half a second and more for the next try.
        wanted, secret = self.manifest(request), manifests.secret(request, self._owner)
        await self._create("secrets", secret)
        try:
            pod = await self._create("pods", wanted)
        except SubmitRefused:
            await self._delete("secrets", request.name)
            raise
        # So that whoever deletes the pod takes the Secret along. Without the right to it, or
        # when the pod has started already, the next look removes the Secret in any case.
        path = self._api.path("secrets", request.name)
        await self._api.call("PATCH", path, body=manifests.owned_by(pod))
        job = job_of(pod)
        return job or Job(request.name, "", JobState.QUEUED)

    async def _create(self, kind: str, wanted: manifests.Manifest) -> dict[str, Any]:
        """Create it, or find it there from an earlier try that nobody answered."""
        answer = await self._api.call("POST", self._api.path(kind), body=wanted)
        if answer.ok:
            return answer.body
        if answer.reason != "AlreadyExists":
            raise submit_refusal(self._site, self._api.namespace, answer)
        if kind == "secrets":  # never read: the Role does not let us
            return {}
        found = await self._api.call("GET", self._api.path(kind, wanted["metadata"]["name"]))
        if not found.ok:
            raise self._api.refusal(found, f"get {kind}")
        return found.body

    async def cancel(self, names: Sequence[str]) -> None:
        for name in names:
            await self._delete("secrets", manifests.check_name(name))
            pod = await self._delete("pods", name)
            if pod is not None:
                self._cancelled[name] = str((pod.get("metadata") or {}).get("uid", ""))

    async def forget(self, names: Sequence[str]) -> None:
        for name in names:
            await self._delete("secrets", manifests.check_name(name))
            # Its container has ended: kubelet's tidying up, seconds to a minute, is not waited for.
            await self._delete("pods", name, gracePeriodSeconds=0)
            self._cancelled.pop(name, None)
            self._started.discard(name)

    async def _delete(self, kind: str, name: str, **params: int) -> dict[str, Any] | None:
        """What was deleted; None when there was nothing of that name."""
        answer = await self._api.call("DELETE", self._api.path(kind, name), params=params)
        if answer.code == 404:
            return None
        if not answer.ok:
            raise self._api.refusal(answer, f"delete {kind}")
        return answer.body

    async def log(self, name: str) -> str:
        path = self._api.path("pods", f"{manifests.check_name(name)}/log")
        answer = await self._api.call("GET", path, params={"tailLines": LOG_LINES})
        if not answer.ok:  # no such pod, or its container has not started
            if answer.code in (400, 404):
                return ""
            raise self._api.refusal(answer, "get pods/log")
        kept = (sign for sign in answer.text[-LOG_BYTES:] if sign.isprintable() or sign in "\n\t")
        return "".join(kept)

    async def associations(self) -> tuple[Association, ...]:
        return ()

    # Looking -----------------------------------------------------------------------------------

    async def agents(self) -> tuple[Agent, ...]:
        pods = await self._pods(resourceVersion="0")  # from the server's cache: seconds old
        return _agents(pods)

    async def poll(self) -> SiteStatus:
        pods = await self._pods()
        jobs = [job for job in map(job_of, pods) if job is not None]
        if any(job.state is JobState.QUEUED for job in jobs):
            events = await self._read("events", "list events", fieldSelector="type=Warning")
            jobs = [job for pod in pods if (job := job_of(pod, events or ()))]
        await self._remove_secrets(pods)
        await self._look_around()
        return SiteStatus(
            observed=datetime.now(UTC),
            jobs=(*jobs, *self._gone({job.name for job in jobs})),
            agents=_agents(pods),
            offers=offers(self._flavours.values(), self._holding),
            notes=dict(self._notes),
            clusters=await self._foreign_clusters(),
        )

    async def _pods(self, **params: str) -> Records:
        selector = {"labelSelector": f"{manifests.OWNER}={self._owner}"}
        return await self._api.items(self._api.path("pods"), "list pods", selector | params)

    def _gone(self, there: set[str]) -> Iterable[Job]:
        """What was cancelled here and has left."""
        for name, uid in self._cancelled.items():
            if name not in there:
                yield Job(name, uid, JobState.CANCELLED, "deleted")

    async def _remove_secrets(self, pods: Records) -> None:
        """A ticket that was mounted is needed no more."""
        for pod in pods:
            name = str(pod["metadata"]["name"])
            if started(pod) and name not in self._started and manifests.NAME.fullmatch(name):
                await self._delete("secrets", name)
                self._started.add(name)

    async def _look_around(self) -> None:
        if time.monotonic() - self._holding_at < HOLDING_SECONDS:
            return
        quotas, limits, nodes, pods = await asyncio.gather(
            self._read("resourcequotas", "list resourcequotas"),
            self._read("limitranges", "list limitranges"),
            self._read("/api/v1/nodes", "list nodes"),
            self._read("/api/v1/pods", "list pods", fieldSelector="status.phase!=Succeeded"),
        )
        self._holding, self._holding_at = Holding(quotas, limits, nodes, pods), time.monotonic()
        unread = [
            what
            for what, found in (("nodes", nodes), ("pods of other namespaces", pods))
            if found is None
        ]
        self._notes = {}
        if unread:
            self._notes["free"] = (
                f"What is free is unknown: you may not read {' and '.join(unread)}. The "
                "administrator may allow it: `jupyter continuum rbac --cluster-reader`."
            )

    async def _read(self, what: str, doing: str, **params: str) -> Records | None:
        """A list that may be denied: None then, and not asked for again for a while."""
        path = what if what.startswith("/") else self._api.path(what)
        if time.monotonic() - self._denied.get(path, float("-inf")) < DENIED_SECONDS:
            return None
        try:
            return await self._api.items(path, doing, params)
        except SiteError as error:
            if type(error) is not SiteError:  # it does not answer, or wants the person
                raise
            self._denied[path] = time.monotonic()
            return None

    async def _foreign_clusters(self) -> tuple[ForeignCluster, ...]:
        """Clusters of the Dask operator; none where it is not, or may not be read."""
        path = self._api.path("daskclusters", group=GROUP)
        found = await self._read(path, "list daskclusters")
        return tuple(each for each in map(foreign_cluster, found or ()) if each is not None)


def _agents(pods: Records) -> tuple[Agent, ...]:
    found = (agent_of(pod) for pod in pods)
    return tuple(sorted((each for each in found if each), key=lambda agent: agent.job))

"""The Secret and the Pod of one job. Pure; no manifest of a Pod holds a secret."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from jupyter_continuum.errors import SubmitRefused
from jupyter_continuum.sites import probe
from jupyter_continuum.sites.profile import PodFlavour
from jupyter_continuum.sites.protocols import JobRequest

Manifest = dict[str, Any]  # JSON, as the API takes it

NAME = re.compile(r"jc-[a-z0-9](?:[a-z0-9-]{0,117}[a-z0-9])?")
FILE = re.compile(r"[A-Za-z0-9_./+@,=-]{1,512}")
OWNER = "continuum.jupyter.org/owner"
"""The label of everything that is ours, not of a colleague in the same namespace."""
CLUSTER, GROUP, LEASE = (
    f"continuum.jupyter.org/{word}" for word in ("cluster", "group", "lease-seconds")
)
CONTAINER = "worker"
PORT = 7786
"""Of the gateway, on the pod's own 127.0.0.1: only a port-forward arrives there."""
FOLDER, TICKETS = "/run/continuum/job", "/run/continuum/tickets"
GRACE_SECONDS = 10
"""A worker hands over what it holds, then closes (``worker/agent.py``)."""
LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def check_name(name: str) -> str:
    """``name``, when it can name a Pod."""
    if not NAME.fullmatch(name):
        raise SubmitRefused(f"{name!r} cannot name a Pod. Launch again under another name.")
    return name


def secret(request: JobRequest, owner: str) -> Manifest:
    """Join documents, and the program of a probe; gone from the API once its container started."""
    files = {
        f"join-{rank}.json": base64.b64encode(document).decode()
        for rank, document in enumerate(request.join)
    }
    if request.program == "probe":
        files[probe.FILE] = base64.b64encode(probe.program().encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": check_name(request.name), "labels": labels(request, owner)},
        "type": "Opaque",
        "immutable": True,
        "data": files,
    }


def owned_by(pod: Mapping[str, Any]) -> Manifest:
    """The patch that lets the Secret of ``pod`` go with it, whoever deletes the pod."""
    meta = pod["metadata"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
    return {"metadata": {"ownerReferences": [owner]}}


def pod(request: JobRequest, flavour: PodFlavour, *, site: str, owner: str) -> Manifest:
    """The Pod of the job. SubmitRefused says what of it the offer does not give."""
    check(request, flavour, site)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": check_name(request.name), "labels": labels(request, owner)},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": request.walltime_seconds,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            # The pause process reaps what workers leave, and its age is the pod's (JC_BEGAN).
            "shareProcessNamespace": True,
            "securityContext": _pod_security(flavour),
            "nodeSelector": dict(flavour.node_selector),
            "tolerations": [
                each.model_dump(exclude_none=True, exclude_defaults=False)
                for each in flavour.tolerations
            ],
            "imagePullSecrets": [{"name": flavour.pull_secret}] if flavour.pull_secret else [],
            "containers": [_container(request, flavour)],
            "volumes": [
                {"name": "job", "emptyDir": {}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "tickets", "secret": {"secretName": request.name, "defaultMode": 0o440}},
            ],
        },
    }


def labels(request: JobRequest, owner: str) -> dict[str, str]:
    """Whose it is; values that Kubernetes would refuse are left out."""
    lease = f"{request.lease_seconds:.0f}" if request.lease_seconds else ""
    found = {CLUSTER: request.cluster, GROUP: request.group, LEASE: lease}
    kept = {key: value for key, value in found.items() if value and LABEL.fullmatch(value)}
    return {OWNER: owner} | kept


def check(request: JobRequest, flavour: PodFlavour, site: str) -> None:
    """Raise SubmitRefused where one pod of ``flavour`` cannot hold ``request``."""
    offer = f"{site}/{flavour.name}"
    if request.nodes != 1 or len(request.join) != 1:
        raise SubmitRefused(
            f"{offer}: a job is one pod, and {request.nodes} nodes were asked for. "
            "Ask for one node and more jobs."
        )
    if request.workers_per_node < 1 or request.cpus_per_worker < 1 or request.walltime_seconds < 1:
        raise SubmitRefused(f"{offer}: a job of nothing was asked for. Ask for one worker.")
    if request.prologue:
        raise SubmitRefused(
            f"{offer}: a pod runs no shell lines before its worker. Remove the prologue from the "
            "profile and put what it does into the image."
        )
    wanted = {
        "CPUs": (request.workers_per_node * request.cpus_per_worker, flavour.cpus),
        "GPUs": (request.workers_per_node * request.gpus_per_worker, flavour.gpus),
        "GB of memory": (
            request.workers_per_node * request.memory_gb_per_worker,
            flavour.memory_gb,
        ),
    }
    for what, (asked, there) in wanted.items():
        if asked > there:
            raise SubmitRefused(
                f"{offer}: {asked:g} {what} were asked for, and a pod of it has {there:g}. "
                "Ask for fewer workers per node or less per worker."
            )
    if not FILE.fullmatch(_python(request, flavour)) or _python(request, flavour).startswith("-"):
        raise SubmitRefused(f"{offer}: the interpreter {_python(request, flavour)!r} is no file.")


def _python(request: JobRequest, flavour: PodFlavour) -> str:
    """The image's interpreter; a profile that names another one for the site knows better."""
    return flavour.python if request.python == "python3" else request.python


def _container(request: JobRequest, flavour: PodFlavour) -> Manifest:
    limits = _resources(request, flavour)
    return {
        "name": CONTAINER,
        "image": flavour.image,
        "command": _command(request, flavour),
        "env": _environment(request, flavour),
        "resources": {"requests": limits, "limits": dict(limits)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "job", "mountPath": FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "tickets", "mountPath": TICKETS, "readOnly": True},
        ],
    }


def _command(request: JobRequest, flavour: PodFlavour) -> list[str]:
    python = _python(request, flavour)
    if request.program == "probe":
        return ["/bin/sh", "-c", probe.command(python, TICKETS)]
    return [python, "-m", "jupyter_continuum.worker", FOLDER]


def _resources(request: JobRequest, flavour: PodFlavour) -> dict[str, str]:
    workers = request.workers_per_node
    memory = workers * request.memory_gb_per_worker or flavour.memory_gb
    found = {"cpu": str(workers * request.cpus_per_worker), "memory": f"{int(memory * 1000)}M"}
    gpus = workers * request.gpus_per_worker
    return found | ({flavour.gpu_resource: str(gpus)} if gpus else {})


def _environment(request: JobRequest, flavour: PodFlavour) -> list[Manifest]:
    plain = {
        "JC_RANK": "0",
        "JC_TICKETS": TICKETS,
        "JC_GATEWAY": f"127.0.0.1:{PORT}",
        "JC_BEGAN": "process-1",
        "HOME": FOLDER,
        "PYTHONUNBUFFERED": "1",
    } | _devices(request, flavour)
    told = {"JC_NODE": "spec.nodeName", "JC_DIRECT_HOST": "status.podIP"}
    return [
        *({"name": name, "value": value} for name, value in plain.items()),
        *(
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in told.items()
        ),
    ]


def _devices(request: JobRequest, flavour: PodFlavour) -> dict[str, str]:
    """A container sees its own devices alone, numbered from 0, whatever they are on the node."""
    gpus = request.workers_per_node * request.gpus_per_worker
    if not gpus:
        # Images of NVIDIA ask for all devices where nobody says otherwise.
        return {"NVIDIA_VISIBLE_DEVICES": "void"}
    variable = "ROCR" if flavour.gpu_resource.startswith("amd.com/") else "CUDA"
    return {f"{variable}_VISIBLE_DEVICES": ",".join(map(str, range(gpus)))}


def _pod_security(flavour: PodFlavour) -> Manifest:
    context: Manifest = {"seccompProfile": {"type": "RuntimeDefault"}}
    if flavour.user is None:
        return context
    user = flavour.user
    return context | {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
    }

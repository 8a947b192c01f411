"""What is sent to a Kubernetes API for a job: no secret in it, nothing that was not asked for."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from jupyter_continuum.errors import SubmitRefused
from jupyter_continuum.sites.kubernetes import pod as manifests
from jupyter_continuum.sites.profile import PodFlavour, Toleration
from jupyter_continuum.sites.protocols import JobRequest

FLAVOUR = PodFlavour(name="gpu", image="example.org/team/worker:1", cpus=8, memory_gb=32, gpus=4)
REQUEST = JobRequest(
    name="jc-main-lab-0123abcd",
    cluster="c0ffee",
    group="lab",
    lease_seconds=600,
    workers_per_node=2,
    cpus_per_worker=4,
    memory_gb_per_worker=12.5,
    gpus_per_worker=2,
    walltime_seconds=1800,
    join=[b'{"token":"not for others"}'],
)


def container(**changes: object) -> dict[str, object]:
    made = manifests.pod(replace(REQUEST, **changes), FLAVOUR, site="lab", owner="0a1b")
    (found,) = made["spec"]["containers"]
    return dict(found)


def environment(found: dict[str, object]) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in found["env"]}


def test_the_ticket_is_in_the_secret_and_nowhere_in_the_pod() -> None:
    pod, secret = (
        manifests.pod(REQUEST, FLAVOUR, site="lab", owner="0a1b"),
        manifests.secret(REQUEST, "0a1b"),
    )
    assert base64.b64decode(secret["data"]["join-0.json"]) == REQUEST.join[0]
    assert "not for others" not in json.dumps(pod)
    assert base64.b64encode(REQUEST.join[0]).decode() not in json.dumps(pod)
    (volume,) = [each for each in pod["spec"]["volumes"] if "secret" in each]
    assert volume["secret"]["secretName"] == secret["metadata"]["name"] == REQUEST.name


def test_a_pod_has_what_its_workers_ask_for_and_ends_by_itself() -> None:
    spec = manifests.pod(REQUEST, FLAVOUR, site="lab", owner="0a1b")["spec"]
    assert (spec["restartPolicy"], spec["activeDeadlineSeconds"]) == ("Never", 1800)
    wanted = {"cpu": "8", "memory": "25000M", "nvidia.com/gpu": "4"}
    assert spec["containers"][0]["resources"] == {"requests": wanted, "limits": wanted}
    assert not spec["automountServiceAccountToken"]


def test_without_a_word_on_memory_a_pod_has_the_flavours() -> None:
    assert container(memory_gb_per_worker=0)["resources"]["limits"]["memory"] == "32000M"


def test_labels_say_whose_it_is_and_only_what_kubernetes_takes() -> None:
    assert manifests.labels(REQUEST, "0a1b") == {
        manifests.OWNER: "0a1b",
        manifests.CLUSTER: "c0ffee",
        manifests.GROUP: "lab",
        manifests.LEASE: "600",
    }
    odd = manifests.labels(replace(REQUEST, cluster="a/b c", group="x" * 64), "0a1b")
    assert set(odd) == {manifests.OWNER, manifests.LEASE}


def test_devices_are_numbered_as_the_container_sees_them() -> None:
    assert environment(container())["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"
    none = environment(container(gpus_per_worker=0))
    assert "CUDA_VISIBLE_DEVICES" not in none
    assert none["NVIDIA_VISIBLE_DEVICES"] == "void"
    amd = FLAVOUR.model_copy(update={"gpu_resource": "amd.com/gpu"})
    (found,) = manifests.pod(REQUEST, amd, site="lab", owner="0a1b")["spec"]["containers"]
    assert environment(found)["ROCR_VISIBLE_DEVICES"] == "0,1,2,3"
    assert found["resources"]["limits"]["amd.com/gpu"] == "4"


def test_selector_tolerations_and_pull_secret_come_from_the_offer() -> None:
    flavour = FLAVOUR.model_copy(
        update={
            "node_selector": {"nvidia.com/gpu.product": "A100"},
            "tolerations": (Toleration(key="gpu", effect="NoSchedule"),),
            "pull_secret": "mine",
            "user": 1000,
        }
    )
    spec = manifests.pod(REQUEST, flavour, site="lab", owner="0a1b")["spec"]
    assert spec["nodeSelector"] == {"nvidia.com/gpu.product": "A100"}
    assert spec["tolerations"] == [
        {"key": "gpu", "operator": "Exists", "value": "", "effect": "NoSchedule"}
    ]
    assert spec["imagePullSecrets"] == [{"name": "mine"}]
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 1000


def test_a_probe_comes_in_the_secret_and_needs_no_environment() -> None:
    asked = replace(REQUEST, program="probe")
    files = manifests.secret(asked, "0a1b")["data"]
    assert set(files) == {"join-0.json", "probe.py"}
    assert "import socket" in base64.b64decode(files["probe.py"]).decode()
    shell, option, line = container(program="probe")["command"]
    assert (shell, option) == ("/bin/sh", "-c")
    assert f"{manifests.TICKETS}/probe.py {manifests.TICKETS}" in line


def test_the_interpreter_is_the_images_unless_the_profile_names_one() -> None:
    assert container()["command"][0] == "python"
    assert container(python="/opt/conda/bin/python")["command"][0] == "/opt/conda/bin/python"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodes": 2, "join": [b"", b""]}, "one node and more jobs"),
        ({"cpus_per_worker": 5}, "10 CPUs"),
        ({"gpus_per_worker": 3}, "6 GPUs"),
        ({"memory_gb_per_worker": 17}, "34 GB of memory"),
        ({"workers_per_node": 0}, "a job of nothing"),
        ({"prologue": "module load x"}, "prologue"),
        ({"python": "python; id"}, "is no file"),
        ({"python": "--help"}, "is no file"),
        ({"name": "jc-Main"}, "cannot name a Pod"),
        ({"name": "jc-a/../b"}, "cannot name a Pod"),
    ],
)
def test_what_a_pod_cannot_have_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(SubmitRefused, match=words):
        container(**changes)

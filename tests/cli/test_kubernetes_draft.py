from __future__ import annotations

from typing import Any

import pytest
import yaml

from jupyter_continuum.broker.sites.profiles import checked_profile
from jupyter_continuum.cli import main
from jupyter_continuum.cli.arguments import parse
from jupyter_continuum.cli.draft import merge
from jupyter_continuum.cli.kubernetes_draft import parse_offer
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.sites.profile import Profile


def draft(*words: str, **known: Any) -> dict[str, Any]:
    return merge(known, parse(["connect", "lab", *words]), user="ada", environment={})


def test_context_and_image_make_a_profile_with_one_offer() -> None:
    found = draft("--context", "team@prod", "--namespace", "mine", "--image", "example.org/w:1")
    profile = Profile.model_validate({**found, "site": "lab"})
    assert profile.kind == "kubernetes"
    assert profile.ssh is None
    assert profile.kubernetes is not None
    assert (profile.kubernetes.context, profile.kubernetes.namespace) == ("team@prod", "mine")
    (offer,) = profile.kubernetes.offers
    assert (offer.name, offer.image, offer.gpus) == ("cpu", "example.org/w:1", 0)


def test_offers_say_what_a_pod_has_and_where_it_may_go() -> None:
    found = draft(
        *("--context", "prod", "--image", "w:1"),
        *("--offer", "name=cpu,cpus=8,memory=16"),
        *(
            "--offer",
            "name=gpu,gpus=2,model=A100,select=zone:a,tolerate=nvidia.com/gpu,walltime=60",
        ),
    )
    site = Profile.model_validate({**found, "site": "lab"}).kubernetes
    assert site is not None
    cpu, gpu = site.offers
    assert (cpu.cpus, cpu.memory_gb, gpu.gpus, gpu.gpu_model) == (8, 16, 2, "A100")
    assert (gpu.node_selector, gpu.max_walltime_minutes) == ({"zone": "a"}, 60)
    assert gpu.tolerations[0].key == "nvidia.com/gpu"


def test_another_image_keeps_the_offers() -> None:
    known = {"context": "prod", "offers": [{"name": "gpu", "image": "w:1", "gpus": 1}]}
    found = draft("--image", "w:2", kind="kubernetes", kubernetes=known)
    assert found["kubernetes"]["offers"] == [{"name": "gpu", "image": "w:2", "gpus": 1}]


def test_the_kubeconfig_of_the_environment_is_remembered() -> None:
    words = parse(["connect", "lab", "--context", "c", "--image", "w:1"])
    found = merge({}, words, user="ada", environment={"KUBECONFIG": "/a/one:/b/two"})
    assert found["kubernetes"]["kubeconfig"] == "/a/one:/b/two"


@pytest.mark.parametrize(
    ("text", "words"),
    [("gpus", "is not KEY=VALUE"), ("gpus=two", "is not a number"), ("colour=red", "There are: ")],
)
def test_an_offer_that_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(ContinuumError, match=words):
        parse_offer(text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"context": "a b"}, "context"),
        ({"context": "$(id)"}, "context"),
        ({"namespace": "Team"}, "namespace"),
        ({"kubeconfig": "a;b"}, "kubeconfig"),
        ({"offers": []}, "offers"),
        ({"offers": [{"name": "x", "image": "w:1 --privileged"}]}, "image"),
        ({"offers": [{"name": "x", "image": "w:1", "gpus": -1}]}, "gpus"),
        ({"offers": [{"name": "x", "image": "w:1"}] * 2}, "the same name"),
        ({"offers": [{"name": "x", "image": "w:1", "node_selector": {"a": "$(id)"}}]}, "node_sel"),
    ],
)
def test_a_site_that_makes_no_sense_is_refused(changes: dict[str, Any], words: str) -> None:
    site = {"context": "prod", "offers": [{"name": "x", "image": "w:1"}], **changes}
    with pytest.raises(ContinuumError, match=words):
        checked_profile({"site": "lab", "kind": "kubernetes", "kubernetes": site})


@pytest.mark.parametrize("kind", ["slurm", "kubernetes"])
def test_a_kind_and_its_fields_belong_together(kind: str) -> None:
    site = {"context": "prod", "offers": [{"name": "x", "image": "w:1"}]}
    with pytest.raises(ContinuumError, match="names its context"):
        checked_profile(
            {"site": "lab", "kind": kind, "kubernetes": None if kind == "kubernetes" else site}
        )


@pytest.mark.parametrize(
    ("words", "kind", "resources"),
    [
        ([], "Role", {"pods", "pods/log", "pods/portforward", "secrets"}),
        (["--cluster-reader"], "ClusterRole", {"nodes", "pods"}),
    ],
)
def test_rbac_prints_what_an_administrator_applies(
    capsys: pytest.CaptureFixture[str], words: list[str], kind: str, resources: set[str]
) -> None:
    assert main(["rbac", *words]) == 0
    role = yaml.safe_load(capsys.readouterr().out)
    assert role["kind"] == kind
    named = {each for rule in role["rules"] for each in rule["resources"]}
    assert resources <= named
    writing = {"create", "patch", "update", "delete"}
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
    assert not verbs & {"*", "update", "watch"}
    assert kind == "Role" or not verbs & writing

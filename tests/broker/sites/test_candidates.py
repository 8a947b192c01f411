from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from jupyter_continuum.broker.sites.candidates import (
    candidates_of,
    jobqueue_candidates,
    kubernetes_candidates,
    ssh_candidates,
)
from jupyter_continuum.broker.sites.ssh_config import parse_ssh_config, read_ssh_config
from jupyter_continuum.errors import CatalogueError
from jupyter_continuum.sites.profile import Profile

HOME = Path("/home/ada")

SSH_CONFIG = """
    # comment
    Include elsewhere
    Host lumi  leonardo
        User lovelace
        IdentityFile ~/.ssh/%h-key
    Host lumi
        HostName=lumi.csc.fi
        Port 2022
        User never-reached
    Host jump-*  !jump-secret *.example.org
        User byron
    Host inner
        HostName inner.example.org
        ProxyJump gate,other@hop.example.org:2200
        IdentityFile "~/my keys/id"
        IdentityAgent none
    Host gate
        HostName %h.example.org
    Match host inner exec "false"
        Port 9
    Host *
        User default
"""


def logins(text: str = SSH_CONFIG) -> dict[str, dict[str, object]]:
    config = parse_ssh_config(dedent(text))
    return {each: config.login(each, home=HOME, user="ada") for each in config.aliases}


def test_hosts_named_in_full_are_found_once_and_patterns_are_not() -> None:
    assert list(logins()) == ["lumi", "leonardo", "inner", "gate"]


def test_the_first_value_that_matches_counts() -> None:
    assert logins()["lumi"] == {
        "host": "lumi.csc.fi",
        "port": 2022,
        "user": "lovelace",
        "key": "/home/ada/.ssh/lumi.csc.fi-key",
    }


def test_jumps_are_resolved_through_the_same_file() -> None:
    assert logins()["inner"] == {
        "host": "inner.example.org",
        "user": "default",
        "key": "/home/ada/my keys/id",
        "use_agent": False,
        "jump": [
            {"host": "gate.example.org", "user": "default"},
            {"host": "hop.example.org", "user": "other", "port": 2200},
        ],
    }


def test_jumps_in_a_circle_end() -> None:
    found = logins("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    assert found["a"]["jump"] == [{"host": "b", "user": "ada"}]


def test_an_include_is_read_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "Host far\n  User first\n  Include conf.d/*\nHost near\n  User second\n"
    )
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10").write_text("Port 77\nHost near\n  Port 1\nHost own\n  Port 2\n")
    config = read_ssh_config(tmp_path / "config")
    assert config.login("far", home=HOME, user="ada") == {
        "host": "far",
        "user": "first",
        "port": 77,
    }
    assert config.login("near", home=HOME, user="ada") == {"host": "near", "user": "second"}


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("Host a\nInclude config\n")
    assert read_ssh_config(tmp_path / "config").aliases == ["a"]


def test_every_ssh_candidate_is_a_profile() -> None:
    found = ssh_candidates(parse_ssh_config(dedent(SSH_CONFIG)), home=HOME, user="ada")
    for candidate in found:
        Profile.model_validate({**candidate.profile, "site": candidate.name})
    assert found[2].text == "default@inner.example.org through gate.example.org, hop.example.org"


def test_kubernetes_contexts_become_sites_and_broken_ones_say_why_not() -> None:
    prod, team, dev = kubernetes_candidates(
        "contexts:\n- {name: prod, context: {cluster: c1, user: u}}\n"
        "- {name: a@b, context: {cluster: c2, user: u, namespace: team}}\n- {name: dev}\n"
    )
    assert prod.profile == {
        "kind": "kubernetes",
        "name": "prod",
        "kubernetes": {"context": "prod"},
    }
    assert team.profile["kubernetes"] == {"context": "a@b", "namespace": "team"}
    assert team.text == "cluster c2, namespace team"
    assert (dict(dev.profile), dev.reason) == ({}, "it names no cluster")


def test_contexts_are_read_from_where_the_environment_says(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("contexts: [{name: x, context: {cluster: c}}]")
    environment = {"KUBECONFIG": str(tmp_path / "elsewhere")}
    assert [each.name for each in candidates_of(tmp_path, "ada", environment)] == ["x"]


def test_slurm_sections_of_jobqueue_become_profiles() -> None:
    found = jobqueue_candidates(
        """
jobqueue:
  slurm:
    queue: gpu
    account: proj1
    python: /opt/env/bin/python
    job-script-prologue: ["module load cuda", "export A=1"]
  pbs: {queue: normal}
"""
    )
    slurm, pbs = found
    assert slurm.profile == {
        "kind": "slurm",
        "name": "slurm",
        "account": "proj1",
        "python": "/opt/env/bin/python",
        "prologue": "module load cuda\nexport A=1",
    }
    assert slurm.text == "queue gpu, on this machine"
    assert pbs.profile == {}
    assert pbs.reason


@pytest.mark.parametrize("text", ["a: [", "- 1", "jobqueue: 3"])
def test_a_file_of_another_shape_is_an_error(text: str) -> None:
    with pytest.raises(CatalogueError):
        jobqueue_candidates(text)


def test_a_broken_file_hides_no_other(tmp_path: Path) -> None:
    for name, text in {
        ".ssh/config": "Host a\n",
        ".kube/config": "contexts: [",
        ".config/dask/jobqueue.yaml": "jobqueue: {slurm: {queue: q}}",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = candidates_of(tmp_path, "ada")
    assert [each.source for each in found] == ["ssh config", "config", "jobqueue.yaml"]
    assert "not YAML" in found[1].reason

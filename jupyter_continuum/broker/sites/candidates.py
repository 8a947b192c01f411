"""Sites that the person has already described to another program, offered for import.

Pure parsing: text comes in, candidates go out. `candidates_of` alone reads files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from jupyter_continuum.broker.sites.ssh_config import SshConfig, read_ssh_config
from jupyter_continuum.errors import CatalogueError


@dataclass(frozen=True, slots=True)
class Candidate:
    """A site as another program knows it."""

    source: str
    """``ssh config``, ``kubeconfig`` or ``jobqueue.yaml``"""
    name: str
    """What the other program calls it."""
    text: str
    """One line for the person."""
    profile: Mapping[str, Any]  # fields of a Profile, to be checked by it
    """Empty when the site cannot be used."""
    reason: str = ""
    """Why it cannot be used."""


def candidates_of(
    home: Path, user: str, environment: Mapping[str, str] = MappingProxyType({})
) -> list[Candidate]:
    """Everything to import under ``home``; a broken file is a candidate with a reason."""
    told = [part for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    kubeconfigs = [Path(part) for part in told] or [home / ".kube" / "config"]
    found = ssh_candidates(read_ssh_config(home / ".ssh" / "config"), home=home, user=user)
    for path, parse in (
        *((path, kubernetes_candidates) for path in kubeconfigs),
        (home / ".config" / "dask" / "jobqueue.yaml", jobqueue_candidates),
        (home / ".dask" / "jobqueue.yaml", jobqueue_candidates),
    ):
        if not path.is_file():
            continue
        try:
            found += parse(path.read_text(encoding="utf-8"))
        except (CatalogueError, OSError, UnicodeDecodeError) as error:
            found.append(Candidate(path.name, path.name, str(path), {}, f"{path}: {error}"))
    return found


def ssh_candidates(config: SshConfig, *, home: Path, user: str) -> list[Candidate]:
    """One candidate for each host that is named in full."""
    return [
        Candidate(
            source="ssh config",
            name=alias,
            text=f"{login['user']}@{login['host']}"
            + (
                f" through {', '.join(jump['host'] for jump in login['jump'])}"
                if login.get("jump")
                else ""
            ),
            profile={"kind": "slurm", "name": alias, "ssh": login},
        )
        for alias in config.aliases
        for login in [config.login(alias, home=home, user=user)]
    ]


def kubernetes_candidates(text: str) -> list[Candidate]:
    """The contexts of a kubeconfig; what a pod is made of only the person knows."""
    contexts = _mapping(text).get("contexts") or []
    return [
        _kubernetes_candidate(str(context.get("name") or ""), context.get("context") or {})
        for context in contexts
        if isinstance(context, dict)
    ]


def _kubernetes_candidate(name: str, context: Any) -> Candidate:  # whatever YAML held
    cluster = context.get("cluster") if isinstance(context, dict) else None
    if not name or not isinstance(cluster, str):
        return Candidate("kubeconfig", name or "?", "?", {}, "it names no cluster")
    site = {"context": name}
    text = f"cluster {cluster}"
    if context.get("namespace"):
        site["namespace"] = str(context["namespace"])
        text += f", namespace {context['namespace']}"
    return Candidate(
        "kubeconfig", name, text, {"kind": "kubernetes", "name": name[:80], "kubernetes": site}
    )


def jobqueue_candidates(text: str) -> list[Candidate]:
    """The sections of dask-jobqueue's configuration; those of Slurm can be used."""
    sections = _mapping(text).get("jobqueue") or {}
    if not isinstance(sections, dict):
        raise CatalogueError("jobqueue: a mapping of sections was expected.")
    return [
        _jobqueue_candidate(str(name), section)
        for name, section in sections.items()
        if isinstance(section, dict)
    ]


def _jobqueue_candidate(name: str, section: dict[str, Any]) -> Candidate:
    text = f"queue {section.get('queue') or '(default)'}, on this machine"
    # Sections are named after their batch system, or after the site, with Slurm's own keys.
    if "slurm" not in name.lower() and "job-cpu" not in section:
        return Candidate("jobqueue.yaml", name, text, {}, "only Slurm sections can be used")
    prologue = section.get("job-script-prologue") or section.get("env-extra") or []
    fields = {
        "account": section.get("account") or section.get("project"),
        "python": section.get("python"),
        "work_directory": section.get("log-directory"),
        "prologue": "\n".join(str(line) for line in prologue),
    }
    given = {field: value for field, value in fields.items() if value}
    return Candidate("jobqueue.yaml", name, text, {"kind": "slurm", "name": name} | given)


def _mapping(text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise CatalogueError(f"not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise CatalogueError("a mapping was expected.")
    return content

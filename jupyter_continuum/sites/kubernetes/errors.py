"""What a Kubernetes API says when it refuses, and what a person can do about it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from jupyter_continuum.errors import SiteError, SiteUnreachable, SubmitRefused
from jupyter_continuum.sites.kubernetes.status import text, words

OLDEST = (1, 19)
"""Pods of ours name a seccomp profile as a field, which older servers drop without a word."""
_FORBIDDEN = re.compile(r'cannot (\w+) resource "([\w./-]+)"')
_QUOTA = re.compile(r"exceeded quota: (.+)")
_VERSION = re.compile(r"v?(\d{1,3})\.(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of one request."""

    code: int
    body: dict[str, Any] = field(default_factory=dict)
    """JSON; empty where the answer was none."""
    text: str = ""

    @property
    def ok(self) -> bool:
        return self.code < 300

    @property
    def reason(self) -> str:
        """``AlreadyExists``, ``Forbidden`` ...: Kubernetes' own word."""
        return text(self.body.get("reason"))

    @property
    def message(self) -> str:
        return words(self.body.get("message"), 600)


def refusal(site: str, namespace: str, answer: Answer, doing: str) -> SiteError:
    """The error for an answer that is none of the expected; ``doing``: ``list pods``."""
    message = answer.message
    if answer.code in (408, 429) or answer.code >= 500 or answer.reason == "Conflict":
        return SiteUnreachable(
            f"{site}: the Kubernetes API could not {doing} just now "
            f"({message or f'status {answer.code}'}). Try again later."
        )
    if answer.code == 403 and (denied := _FORBIDDEN.search(message)):
        return SiteError(no_right(site, namespace, *denied.groups()))
    if answer.code == 404 and "namespaces" in message:
        return SiteError(
            f"{site}: there is no namespace {namespace!r}. Name one of yours: "
            f"`jupyter continuum connect {site} --namespace NAME`."
        )
    return SiteError(
        f"{site}: the Kubernetes API does not {doing} ({message or f'status {answer.code}'}). "
        "Ask the cluster's administrator what its words mean."
    )


def submit_refusal(site: str, namespace: str, answer: Answer) -> SiteError:
    """The error for a Pod or Secret that was not created."""
    message = answer.message
    if answer.code == 403 and (quota := _QUOTA.search(message)):
        return SubmitRefused(
            f"{site}: the quota of namespace {namespace!r} is used up ({quota[1]}). "
            "Stop something of yours there, or ask for less per pod; then scale the group again."
        )
    if answer.code == 403 and _FORBIDDEN.search(message):
        return SubmitRefused(str(refusal(site, namespace, answer, "create pods")))
    if answer.code in (400, 403, 404, 409, 413, 422) and answer.reason != "Conflict":
        return SubmitRefused(
            f"{site}: the Kubernetes API refused the pod ({message or f'status {answer.code}'}). "
            "Change the offer in the profile, or ask the cluster's administrator."
        )
    return refusal(site, namespace, answer, "create pods")


def no_right(site: str, namespace: str, verb: str, resource: str) -> str:
    return (
        f"{site}: you have no right to {verb} {resource} in namespace {namespace!r}. Ask its "
        "administrator for the Role that `jupyter continuum rbac` prints: "
        f"`jupyter continuum rbac | kubectl apply -n {namespace} -f -`."
    )


def lack(site: str, git_version: str) -> SiteError | None:
    """The error for an API server that is too old."""
    found = _VERSION.match(git_version)
    if found is None or (int(found[1]), int(found[2])) >= OLDEST:
        return None
    return SiteError(
        f"{site}: Kubernetes {words(git_version, 40)} knows no seccomp profile in a pod, which "
        f"needs {OLDEST[0]}.{OLDEST[1]} or later. Ask for a newer cluster."
    )

"""What an API refuses, as one sentence that says what to do."""

from __future__ import annotations

import pytest

from jupyter_continuum.errors import SiteError, SiteUnreachable, SubmitRefused
from jupyter_continuum.sites.kubernetes.errors import Answer, lack, refusal, submit_refusal


def answer(code: int, message: str = "", reason: str = "") -> Answer:
    return Answer(code, {"message": message, "reason": reason})


FORBIDDEN = (
    'pods is forbidden: User "me" cannot list resource "pods" in API group "" in the '
    'namespace "team"'
)
QUOTA = (
    'pods "jc-x" is forbidden: exceeded quota: small, requested: cpu=1, used: cpu=4, limited: cpu=4'
)


def test_a_missing_right_names_verb_resource_and_the_role() -> None:
    error = refusal("lab", "team", answer(403, FORBIDDEN, "Forbidden"), "list pods")
    assert type(error) is SiteError
    assert "no right to list pods in namespace 'team'" in str(error)
    assert "jupyter continuum rbac | kubectl apply -n team -f -" in str(error)


def test_an_exhausted_quota_is_told_in_its_own_numbers() -> None:
    error = submit_refusal("lab", "team", answer(403, QUOTA, "Forbidden"))
    assert isinstance(error, SubmitRefused)
    assert "small, requested: cpu=1, used: cpu=4, limited: cpu=4" in str(error)


@pytest.mark.parametrize("code", [408, 429, 500, 503, 504])
def test_what_may_go_better_later_is_tried_again(code: int) -> None:
    assert isinstance(refusal("lab", "team", answer(code), "list pods"), SiteUnreachable)
    assert isinstance(submit_refusal("lab", "team", answer(code)), SiteUnreachable)


def test_a_quota_that_was_written_by_two_at_once_is_tried_again() -> None:
    conflict = answer(409, "Operation cannot be fulfilled on resourcequotas", "Conflict")
    assert isinstance(submit_refusal("lab", "team", conflict), SiteUnreachable)


@pytest.mark.parametrize("code", [400, 403, 404, 422])
def test_a_refused_pod_is_not_sent_again(code: int) -> None:
    error = submit_refusal("lab", "team", answer(code, "violates PodSecurity"))
    assert isinstance(error, SubmitRefused)
    assert "violates PodSecurity" in str(error)


@pytest.mark.parametrize(
    ("version", "lacks"),
    [("v1.18.20", True), ("v1.19.0", False), ("v1.20.2", False), ("v1.35.1-eks", False), ("?", 0)],
)
def test_what_a_version_lacks_is_one_sentence(version: str, lacks: bool) -> None:
    error = lack("lab", version)
    assert (error is not None) == bool(lacks)
    if error:
        assert "seccomp profile" in str(error)
        assert version in str(error)

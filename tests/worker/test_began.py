"""When a job began, which its walltime is counted from."""

from __future__ import annotations

import time

import pytest

from jupyter_continuum.worker.__main__ import _began


def test_who_started_the_job_knows_when_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JC_BEGAN", "1795990000.125")
    assert _began() == 1795990000.125


def test_elsewhere_it_begins_with_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JC_BEGAN", raising=False)
    before = time.time()
    assert before <= _began() <= time.time()

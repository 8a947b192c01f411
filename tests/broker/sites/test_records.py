"""The person's own files on sites: read anew when they change; a wrong one hides nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.policy_file import policy_path
from jupyter_continuum.paths import config_dir


@pytest.fixture
def folder(state: Path) -> Iterator[Path]:
    """Where they lie; the broker starts with the first call."""
    from jupyter_continuum.cli.clearing import end_everything

    found = config_dir() / "sites"
    found.mkdir(parents=True)
    yield found
    assert not end_everything()


def known() -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in call_broker("sites")}


def test_a_broken_file_keeps_no_broker_from_starting(folder: Path) -> None:
    (folder / "mine.yaml").write_text("id: lumi\nname: Mine\npue: {value: 1, source: nobody}\n")
    (folder / "other.yaml").write_text("id: lab\nname: Lab\nkind: own\ncolour: blue\n")
    (folder / "third site.yaml").write_text("- 7\n")
    (folder / "good.yaml").write_text("id: cellar\nname: Cellar\nkind: own\n")
    sites = known()
    assert sites["lumi"]["name"] == "LUMI"  # the shipped record holds
    assert "mine.yaml, line 3, field pue: the source 'nobody'" in sites["lumi"]["reason"]
    assert "other.yaml, line 4, field colour: there is no such field" in sites["lab"]["reason"]
    assert "third site.yaml, line 1: a record is a mapping" in sites["third-site"]["reason"]
    assert "connect cellar" in sites["cellar"]["reason"]


def test_a_file_counts_from_when_it_is_written_until_it_is_gone(folder: Path) -> None:
    path = folder / "lab.yaml"
    assert "lab" not in known()
    path.write_text("id: lab\nname: Lab\nkind: own\ncolour: blue\n")
    assert "colour" in known()["lab"]["reason"]
    path.write_text("id: lab\nname: The laboratory\nkind: own\n")
    assert known()["lab"]["name"] == "The laboratory"
    path.unlink()
    assert "lab" not in known()


def test_the_shipped_record_satisfies_no_limit_while_the_own_file_is_wrong(folder: Path) -> None:
    policy_path().write_text("jurisdictions: [EU]\n")
    known()
    assert "lumi/standard-g" not in call_broker("policy")["offers"]
    path = folder / "mine.yaml"
    for wrong in ("country: {value: US, source: nobody}", "country: ["):
        path.write_text(f"id: lumi\n{wrong}\n")
        assert "mine.yaml" in known()["lumi"]["reason"]
        (finding,) = call_broker("policy")["offers"]["lumi/standard-g"]
        assert (finding["rule"], finding["verdict"]) == ("jurisdictions", "unknown")
        assert "is FI (unverified: your own file on this site is wrong)" in finding["said"]
    path.unlink()
    known()
    assert "lumi/standard-g" not in call_broker("policy")["offers"]

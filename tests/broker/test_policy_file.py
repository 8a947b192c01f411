from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_continuum.broker.plan_file import read_plan
from jupyter_continuum.broker.policy_file import policy_path, read_policy
from jupyter_continuum.errors import PlanRefused

DOCS = Path(__file__).parents[2] / "docs" / "sites.md"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    policy_path().parent.mkdir(parents=True, exist_ok=True)
    return tmp_path


def test_the_policy_of_the_documentation_is_one() -> None:
    (shown,) = re.findall(r"```yaml\n(jurisdictions.*?)```", DOCS.read_text(), re.DOTALL)
    policy_path().write_text(shown)
    assert read_policy().jurisdictions == ("EU", "NO")  # which is false in YAML 1.1


def test_norway_is_a_jurisdiction_in_a_plan_too(folder: Path) -> None:
    plan = folder / "plan.yaml"
    plan.write_text("groups: [{offer: a/b}]\npolicy: {jurisdictions: [NO], max_eur: 1.5}\n")
    assert read_plan(plan)["policy"]["jurisdictions"] == ["NO"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jurisdiction: [EU]", "jurisdiction: there is no such field"),
        ("jurisdictions: Europe", "a list"),
        ("jurisdictions: [", "is not YAML"),
    ],
)
def test_a_broken_policy_says_what_is_wrong(text: str, said: str) -> None:
    policy_path().write_text(text)
    with pytest.raises(PlanRefused, match=said):
        read_policy()


def test_an_empty_policy_limits_nothing() -> None:
    policy_path().write_text("# later\n")
    assert read_policy().jurisdictions is None

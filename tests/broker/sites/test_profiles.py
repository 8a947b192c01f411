from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from jupyter_continuum.broker.sites.profiles import (
    forget_profile,
    load_profiles,
    read_profile,
    save_profile,
)
from jupyter_continuum.errors import CatalogueError, Unknown
from jupyter_continuum.sites.profile import Profile, SshLogin


def profile(site: str = "lab") -> Profile:
    jump = SshLogin(host="gate.example.org", user="ada")
    login = SshLogin(host="login.example.org", port=2222, user="ada", jump=(jump,))
    return Profile(site=site, kind="slurm", ssh=login, account="proj_1")


def test_a_saved_profile_comes_back_as_it_was(tmp_path: Path) -> None:
    path = save_profile(profile(), tmp_path / "profiles")
    assert load_profiles(tmp_path / "profiles").by_site == {"lab": profile()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["lab.json"]


def test_without_a_folder_there_are_no_profiles(tmp_path: Path) -> None:
    assert load_profiles(tmp_path / "none").by_site == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "line 1"),
        ('{"site": "lab", "kind": "slurm", "acount": "x"}', "acount"),
        ('{"site": "lab", "kind": "slurm", "account": "a\\nb"}', "account"),
        ('{"site": "lab", "kind": "slurm", "ssh": {"host": "-oProxy", "user": "a"}}', "ssh.host"),
        ('{"site": "other", "kind": "slurm"}', "site"),
        ("[]", "the whole profile"),
        ("\ud800", "UTF-8"),
    ],
)
def test_a_broken_profile_is_told_with_file_and_field(tmp_path: Path, text: str, told: str) -> None:
    save_profile(profile("good"), tmp_path)
    (tmp_path / "lab.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    loaded = load_profiles(tmp_path)
    assert list(loaded.by_site) == ["good"]
    sentence = loaded.broken["lab.json"]
    assert str(tmp_path / "lab.json") in sentence
    assert told in sentence
    with pytest.raises(CatalogueError):
        read_profile(tmp_path / "lab.json")


def test_a_forgotten_profile_is_gone(tmp_path: Path) -> None:
    save_profile(profile(), tmp_path)
    forget_profile("lab", tmp_path)
    assert load_profiles(tmp_path).by_site == {}
    with pytest.raises(Unknown, match="No profile of 'lab'"):
        forget_profile("lab", tmp_path)


def test_a_profile_says_only_what_differs_from_the_default(tmp_path: Path) -> None:
    path = save_profile(Profile(site="here", kind="local"), tmp_path)
    assert json.loads(path.read_text()) == {"site": "here", "kind": "local"}

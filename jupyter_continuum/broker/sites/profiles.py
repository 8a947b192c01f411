"""The person's profiles on disk: one JSON file a site, readable by its owner alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jupyter_continuum.broker.words import first_fault
from jupyter_continuum.errors import CatalogueError, ContinuumError, Unknown
from jupyter_continuum.paths import config_dir, private_dir, write_private
from jupyter_continuum.sites.profile import Profile


@dataclass(frozen=True, slots=True)
class LoadedProfiles:
    """What lay in the folder."""

    by_site: dict[str, Profile] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    """File name to a sentence that names file and field; such a site is not connected."""


def profiles_dir() -> Path:
    """Where the files lie, beside what the person configures elsewhere in Jupyter."""
    return config_dir() / "profiles"


def load_profiles(folder: Path | None = None) -> LoadedProfiles:
    """Every profile of ``folder``; one broken file does not hide the others."""
    loaded = LoadedProfiles()
    for path in sorted((folder or profiles_dir()).glob("*.json")):
        try:
            profile = read_profile(path)
        except CatalogueError as error:
            loaded.broken[path.name] = str(error)
        else:
            loaded.by_site[profile.site] = profile
    return loaded


def read_profile(path: Path) -> Profile:
    """One profile. CatalogueError names file and field."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        profile = Profile.model_validate(content)
    except OSError as error:
        raise CatalogueError(f"{path} cannot be read: {error.strerror}.") from error
    except json.JSONDecodeError as error:
        raise CatalogueError(
            f"{path}, line {error.lineno}: {error.msg}. Correct it, or connect the site again."
        ) from error
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{path} is not UTF-8 text. Connect the site again.") from error
    except ValidationError as error:
        raise CatalogueError(f"{path}, {first_fault(error)}") from error
    if profile.site != path.stem:
        raise CatalogueError(
            f"{path}, site: the file is named {path.stem!r}, the profile says {profile.site!r}. "
            "Rename one of them."
        )
    return profile


def checked_profile(fields: Mapping[str, Any]) -> Profile:
    """The profile that ``fields`` describe. ContinuumError names the field that is wrong."""
    try:
        return Profile.model_validate(fields)
    except ValidationError as error:
        raise ContinuumError(f"{fields.get('site', '?')}: {first_fault(error)}") from error


def save_profile(profile: Profile, folder: Path | None = None) -> Path:
    """Write it in one step; where it lies now."""
    path = private_dir(folder or profiles_dir()) / f"{profile.site}.json"
    content = profile.model_dump(mode="json", exclude_defaults=True)
    write_private(path, json.dumps(content, indent=2).encode() + b"\n")
    return path


def forget_profile(site: str, folder: Path | None = None) -> None:
    """Remove the profile of ``site``. Unknown when there is none."""
    path = (folder or profiles_dir()) / f"{site}.json"
    try:
        path.unlink()
    except FileNotFoundError as error:
        raise Unknown(
            f"No profile of {site!r}. `jupyter continuum sites` shows which sites are connected."
        ) from error

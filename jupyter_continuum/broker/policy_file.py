"""The person's policy: ``policy.yaml`` beside the profiles. A broken one lets nothing through."""

from __future__ import annotations

from pathlib import Path

from jupyter_continuum.broker.words import first_fault
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.paths import config_dir
from jupyter_continuum.planning.policy import Policy


def policy_path() -> Path:
    return config_dir() / "policy.yaml"


def read_policy() -> Policy:
    """No limits where there is no file. PlanRefused names file and field of what is wrong."""
    import yaml
    from pydantic import ValidationError

    from jupyter_continuum.catalogue.document import parse

    path = policy_path()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Policy()
    except (OSError, UnicodeDecodeError) as error:
        raise PlanRefused(f"{path} cannot be read ({error}), so nothing is launched.") from error
    try:
        return Policy.model_validate(parse(text) or {})
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise PlanRefused(f"{path} is not YAML, so nothing is launched: {reason}.") from error
    except ValidationError as error:
        raise PlanRefused(f"{path}, {first_fault(error)} Nothing is launched before.") from error

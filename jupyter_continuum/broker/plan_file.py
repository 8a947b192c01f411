"""A Plan in a file: the same for form, command line, notebook and papermill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_continuum.errors import PlanRefused

Record = dict[str, Any]  # a plan, as it crosses the socket


def read_plan(path: str | Path) -> Record:
    """The plan in a JSON or YAML file, checked."""
    import yaml
    from pydantic import ValidationError

    from jupyter_continuum.planning.plan import Plan

    try:
        content = yaml.safe_load(Path(path).read_text())  # JSON is YAML
    except OSError as error:
        raise PlanRefused(f"{path}: {error.strerror}. Is the name right?") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise PlanRefused(f"{path} is neither JSON nor YAML: {reason}.") from error
    try:
        plan = Plan.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise PlanRefused(f"{path}, {field}: {first['msg']}. Correct it and try again.") from error
    return plan.model_dump(mode="json", exclude_none=True)

"""A Plan in a file: the same for form, command line, notebook and papermill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_continuum.errors import PlanRefused

Record = dict[str, Any]  # a plan, as it crosses the socket
ENDINGS = (".json", ".yaml", ".yml")
HEAD = """\
# A plan of jupyter-continuum. `jupyter continuum launch --plan FILE`, `jc.launch("FILE")` in a
# notebook and `jupyter continuum run NOTEBOOK --on FILE` (papermill: plan="FILE") take it.
"""


def is_plan_file(word: str) -> bool:
    return word.endswith(ENDINGS) or Path(word).is_file()


def plan_text(plan: Record) -> str:
    """A plan that has been checked, as a file holds it; what has its default is left out."""
    import yaml

    from jupyter_continuum.planning.plan import Plan

    said = Plan.model_validate(plan).model_dump(mode="json", exclude_defaults=True)
    return HEAD + str(yaml.safe_dump(said, sort_keys=False))


def read_plan(path: str | Path) -> Record:
    """The plan in a JSON or YAML file, checked."""
    import yaml
    from pydantic import ValidationError

    from jupyter_continuum.catalogue.document import parse
    from jupyter_continuum.planning.plan import Plan

    try:
        content = parse(Path(path).read_text())  # JSON is YAML
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

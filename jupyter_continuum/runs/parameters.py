"""Parameters of a notebook: what it has, and what a person gives."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.notebook import Notebook, listed

Parameters = dict[str, Any]  # whatever JSON holds
TAG = "parameters"
WORDS = {"True": True, "False": False, "None": None}
"""As Python writes them, beside JSON's."""
HOW_TO_TAG = (
    "In JupyterLab, click the cell that sets them, open the property inspector (the gears at the "
    f"right), and add the cell tag `{TAG}`."
)


def value_of(text: str) -> Any:
    """``3``, ``1e-3``, ``true``, ``[1, 2]`` and ``"3"`` as JSON has them; other text as it is."""
    if text in WORDS:
        return WORDS[text]
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def read_parameters(path: str | Path) -> Parameters:
    """The parameters in a YAML or JSON file: one mapping. RunError for anything else."""
    import yaml
    from papermill.iorw import NoDatesSafeLoader

    try:
        found = yaml.load(Path(path).read_text(), Loader=NoDatesSafeLoader)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}. Is the name right?") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise RunError(f"{path} is neither JSON nor YAML: {said}.") from error
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise RunError(f"{path} holds no parameters: write one `name: value` a line.")
    try:
        json.dumps(found)
    except (TypeError, ValueError) as error:
        raise RunError(f"{path} holds what no notebook can keep: {error}.") from error
    return found


def merge(files: Iterable[str], given: Iterable[tuple[str, str]]) -> Parameters:
    """Those of the files, the later one over the earlier, and those of the command line on top."""
    merged: Parameters = {}
    for path in files:
        merged |= read_parameters(path)
    return merged | {name: value_of(text) for name, text in given}


def check_parameters(
    given: Mapping[str, Any], notebook: Notebook, path: Path, language: str
) -> None:
    """RunError unless the notebook has every parameter that is given."""
    if not given:
        return
    cell = next((cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])), None)
    if cell is None:
        raise RunError(f"{path} has no cell tagged `{TAG}`. {HOW_TO_TAG}")
    if language != "python":
        return  # only its kernel knows what such a cell sets
    known = assigned(cell.source, path)
    for name in given:
        if name not in known:
            there = f"It has: {listed(name, known)}" if known else "Its tagged cell sets none"
            raise RunError(f"{path} has no parameter {name!r}. {there}.")


def assigned(source: str, path: Path) -> list[str]:
    """Names that a cell of Python sets at its top level, in their order."""
    lines = ["" if line.startswith(("%", "!")) else line for line in source.splitlines()]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError as error:
        raise RunError(
            f"{path}: its cell tagged `{TAG}` is not valid Python (line {error.lineno}: "
            f"{error.msg}). Correct it and try again."
        ) from error
    names: list[str] = []
    for statement in tree.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        for target in targets:
            found = [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]
            names += [name for name in found if name not in names]
    return names

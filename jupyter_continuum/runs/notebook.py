"""A notebook and the kernel it wants, looked at before anything is launched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.light_jsonschema import import_jsonschema

Notebook = Any  # a notebook node, which nbformat ships no annotations for


def read_notebook(path: Path) -> Notebook:
    """The notebook at ``path``, in the format of today. RunError for anything else."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except FileNotFoundError as error:
        raise RunError(f"There is no notebook {path}. {_beside(path)}") from error
    except OSError as error:
        raise RunError(f"The notebook {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise RunError(
            f"{path} is no notebook: it is not JSON. Save it as .ipynb in JupyterLab."
        ) from error
    if not isinstance(content, dict) or "nbformat" not in content:
        raise RunError(f"{path} is no notebook, but other JSON. Is the name right?")
    try:
        return validated(text)
    except ValueError as error:
        raise RunError(
            f"{path} is a notebook that cannot be read: {error}. Open it in JupyterLab and save it."
        ) from error


def validated(text: str) -> Notebook:
    """The notebook that ``text`` is. ValueError says why it is none."""
    import_jsonschema()
    import nbformat

    try:
        notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises whatever it stumbles over
        raise ValueError(" ".join(str(error).split())[:200]) from error
    return notebook


def without_outputs(notebook: Notebook) -> str:
    """As JSON, without what an earlier run of it printed."""
    copy = json.loads(json.dumps(notebook))
    for cell in copy["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return json.dumps(copy)


def kernel_of(notebook: Notebook, path: Path, name: str | None) -> tuple[str, str]:
    """Name and language of the kernel ``name``, or of the notebook's own. RunError for none."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    wanted = name or notebook.metadata.get("kernelspec", {}).get("name")
    specs = KernelSpecManager()
    installed = sorted(specs.find_kernel_specs())
    known = f"Say --kernel with one that is installed: {listed(str(wanted), installed)}."
    if not wanted:
        raise RunError(f"{path} names no kernel. {known}")
    try:
        spec = specs.get_kernel_spec(wanted)
    except NoSuchKernel as error:
        asked = "There is no kernel" if name else f"{path} wants the kernel"
        end = "." if name else ", which is not installed here."
        raise RunError(f"{asked} {wanted!r}{end} {known}") from error
    return wanted, spec.language


def listed(wanted: str, names: Sequence[str]) -> str:
    """All ``names``, the closest to ``wanted`` first."""
    closest = get_close_matches(wanted, names, n=len(names) or 1, cutoff=0.5)
    return ", ".join([*closest, *(each for each in names if each not in closest)]) or "none"


def _beside(path: Path) -> str:
    try:
        names = sorted(each.name for each in path.parent.glob("*.ipynb"))
    except OSError:
        names = []
    close = get_close_matches(path.name, names, n=1)
    return f"Did you mean {path.with_name(close[0])}?" if close else "Is the name right?"

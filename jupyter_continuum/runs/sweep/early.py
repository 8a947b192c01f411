"""Which of a notebook's imports are made once, before its runs are forked.

Only packages known to import the same whatever kernel, parameters and folder they meet: no modules
of the notebook's own folder, nothing that looks for a running IPython (pyplot, tqdm, ipywidgets and
plotly do), and nothing at all for a notebook that sets environment variables, since packages read
them when they are imported. What is left out here is imported by each run, as ever.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from jupyter_continuum.runs.notebook import Notebook

KNOWN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("dask", "distributed", "pandas", "pyarrow", "scipy", "sklearn"), ()),
    **dict.fromkeys(("statsmodels", "xarray", "zarr"), ()),
    "numpy": ("numpy.random",),
    "jupyter_continuum": ("jupyter_continuum.workbench", "jupyter_continuum.cluster.attach"),
}
"""Such packages, and what of them is imported at its first use only."""
IN_PART = {"matplotlib": ("matplotlib.figure", "matplotlib.backends.backend_agg")}
"""What takes long of a package whose face has to be imported where the figures are shown."""
SETS_ENVIRONMENT = ("environ", "putenv", "load_dotenv")
_MAGICS = ("%env ", "%set_env ", "%dotenv")


def early_modules(notebook: Notebook, folder: Path) -> list[str]:
    """Names to import, of those that are installed; ``folder`` is where the notebook runs."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    if any(_sets_environment(source) for source in sources):
        return []
    wanted: list[str] = []
    for name in (name for source in sources for name in _imported(source)):
        top = name.partition(".")[0]
        names = (name, *KNOWN[top]) if top in KNOWN else IN_PART.get(top, ())
        wanted += [each for each in names if each not in wanted and not _hidden(top, folder)]
    return [name for name in wanted if find_spec(name.partition(".")[0]) is not None]


def beside(notebook: Notebook, folder: Path) -> list[str]:
    """Modules that its cells import at their top level, and that lie in its ``folder``."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    tops = {name.partition(".")[0] for source in sources for name in _imported(source)}
    return sorted(
        name
        for name in tops
        if (folder / f"{name}.py").exists() or any((folder / name).glob("*.py"))
    )


def _imported(source: str) -> Iterable[str]:
    """Modules that a cell imports at its top level."""
    for statement in _statements(source):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module


def _sets_environment(source: str) -> bool:
    if any(line.lstrip().startswith(_MAGICS) for line in source.splitlines()):
        return True
    for node in (inner for each in _statements(source) for inner in ast.walk(each)):
        match node:
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                touched = targets
            case ast.AugAssign(target=target):
                touched = [target]
            case ast.Call(func=ast.Attribute(attr="get")):
                continue
            case ast.Call(func=called):
                touched = [called]
            case _:
                continue
        if any(name in ast.unparse(each) for each in touched for name in SETS_ENVIRONMENT):
            return True
    return False


def _statements(source: str) -> list[ast.stmt]:
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    try:
        return ast.parse("\n".join(lines)).body
    except SyntaxError:
        return []  # of IPython, or of nobody


def _hidden(name: str, folder: Path) -> bool:
    """True when a file of the notebook's own folder is meant by this name."""
    return (folder / f"{name}.py").exists() or (folder / name).is_dir()

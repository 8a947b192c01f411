"""Imports point down the house only, and what runs at a site needs little."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import jupyter_continuum

PACKAGE = Path(jupyter_continuum.__file__).parent

LAYERS = (
    {"server", "cli", "workbench"},
    {"analysis", "runs"},
    {"broker"},
    {"environments"},
    {"cluster", "worker"},
    {"planning"},
    {"relay"},
    {"sites"},
    {"catalogue"},
    {"paths", "errors", "table"},
)
"""From the top of the house to its ground; a room may import from its own layer and below."""

WITHIN = {
    "broker": (
        {"__main__", "server", "broker"},
        {"probes", "environments", "data"},
        {"clusters"},
        {"sites"},
        {"front_door"},
        {
            "client",
            "plan_file",
            "policy_file",
            "prompts",
            "publishing",
            "rows",
            "selection",
            "waiting",
        },
        {"messages", "start", "words", "lines", "lifetime"},
    ),
    "sites": (
        {"kubernetes", "slurm", "here", "testing"},
        {"ssh"},
        {"dialled", "announcements", "interpreter"},
        {"probe"},
        {"profile"},
        {"credential", "emulation", "files", "finish", "protocols", "sockets", "text"},
    ),
}
"""The floors of a room that has several, from the top down."""

LIGHT = ("relay", "worker", "cluster", "analysis")
"""Rooms that run where there is only the worker environment."""
HEAVY = {"pydantic", "yaml", "asyncssh", "papermill", "bokeh", "IPython", "ipykernel", "traitlets"}
PYDANTIC = {"sites", "planning", "catalogue", "broker", "environments"}
"""Rooms whose records are checked with it."""
FOR_THE_WORKER = {
    "array_api_compat",
    "cloudpickle",
    "cryptography",
    "dask",
    "distributed",
    "numpy",
    "packaging",
    "tornado",
    "psutil",
    "websockets",
}
WHERE_THERE_IS_ONE = {
    *("array_api_strict", "cupy", "cupyx", "matplotlib", "pynvml", "scipy", "torch"),
    *("fsspec", "pandas", "pyarrow", "xarray", "zarr"),
}
"""Imported where it is used, for what a site or the asking side may have."""


def modules() -> Iterator[tuple[str, Path]]:
    """Room and file of every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        yield parts[0].removesuffix(".py"), path


def imports(path: Path) -> Iterator[str]:
    """Full names of what a module imports, wherever in it; not what is for the type checker."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_at_once(path: Path) -> Iterator[str]:
    """Full names of what a module imports before any of it runs; also for the type checker."""
    left: list[ast.AST] = [ast.parse(path.read_text())]
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            left.extend(ast.iter_child_nodes(node))


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules of which each imports the next, and the last is the first; none where none do."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def height(room: str, layers: tuple[set[str], ...] = LAYERS) -> int:
    return next(at for at, rooms in enumerate(layers) if room in rooms)


def own(name: str) -> str | None:
    """The room that an import of our own package reaches into."""
    parts = name.split(".")
    return parts[1] if parts[0] == "jupyter_continuum" and len(parts) > 1 else None


def test_every_room_has_a_layer() -> None:
    known = set().union(*LAYERS)
    assert {room for room, _ in modules()} - {"__init__", "notebooks"} <= known


@pytest.mark.parametrize(
    ("room", "path"),
    [(room, path) for room, path in modules() if room not in {"__init__", "notebooks"}],
    ids=lambda value: str(value.relative_to(PACKAGE)) if isinstance(value, Path) else "",
)
def test_imports_point_down(room: str, path: Path) -> None:
    upwards = [
        name
        for name in imports(path)
        if (target := own(name)) is not None
        and not target.startswith("__")
        and height(target) < height(room)
    ]
    assert not upwards, f"{room} imports from above: {upwards}"


@pytest.mark.parametrize("room", WITHIN)
def test_imports_point_down_within_a_room(room: str) -> None:
    floors = WITHIN[room]
    upwards = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        floor = path.relative_to(PACKAGE / room).parts[0].removesuffix(".py")
        for name in imports(path):
            parts = name.split(".")
            if floor == "__init__" or parts[:2] != ["jupyter_continuum", room]:
                continue
            if height(parts[2], floors) < height(floor, floors):
                upwards.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not upwards


def test_no_modules_import_each_other_in_a_circle() -> None:
    paths = {module_name(path): path for _, path in modules()}
    graph = {
        name: {
            imported if imported in paths else imported.rpartition(".")[0]
            for imported in imports_at_once(path)
        }
        for name, path in paths.items()
    }
    assert not circle(graph)
    ground = "jupyter_continuum.errors"
    assert ground in circle(graph | {ground: {"jupyter_continuum.server.app"}})


@pytest.mark.parametrize("room", LIGHT)
def test_what_runs_at_a_site_needs_only_the_worker_environment(room: str) -> None:
    allowed = (
        FOR_THE_WORKER
        | WHERE_THERE_IS_ONE
        | set(sys.stdlib_module_names)
        | {"jupyter_continuum", "__future__"}
    )
    for found, path in modules():
        if found != room:
            continue
        roots = {name.split(".")[0] for name in imports(path)}
        assert roots <= allowed, f"{path}: {sorted(roots - allowed)}"
        heavy = {name for name in imports(path) if own(name) in PYDANTIC}
        assert not heavy, f"{path} reaches into rooms that need pydantic: {sorted(heavy)}"


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after ``statement``."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        (
            "import jupyter_continuum",
            {"asyncio", "dask", "distributed", "IPython", "jupyter_core", "numpy", "pydantic"},
        ),
        (
            "import jupyter_continuum.workbench",
            {"asyncio", "dask", "distributed", "IPython", "numpy", "pydantic", "yaml"},
        ),
        (
            "import jupyter_continuum.cli.listings, jupyter_continuum.cli.arguments",
            {"asyncio", "dask", "distributed", "numpy", "pydantic", "yaml", "jupyter_server"},
        ),
        (
            "import jupyter_continuum.server.app",
            {"asyncssh", "dask", "distributed", "numpy", "pandas"},
        ),
        ("import jupyter_continuum.runs.engine", HEAVY | {"asyncio", "dask", "nbclient"}),
        (
            "import jupyter_continuum.cli.run, jupyter_continuum.cli.sweep",
            {"asyncssh", "dask", "distributed", "nbclient", "papermill", "pydantic"},
        ),
        ("import jupyter_continuum.worker.agent", HEAVY | {"jupyter_server", "jupyter_core"}),
        (
            "import jupyter_continuum.broker.broker, jupyter_continuum.sites.kubernetes.launcher",
            {"kr8s", "httpx", "httpx_ws", "asyncssh", "dask", "distributed"},
        ),
        (
            "import jupyter_continuum as jc; jc.on_device",
            {"asyncio", "cupy", "dask", "distributed", "numpy", "pydantic", "scipy", "torch"},
        ),
        (
            "import jupyter_continuum as jc; jc.on_device(lambda xp, x: x)(1)",
            HEAVY - {"yaml"} | {"matplotlib", "scipy", "torch", "xarray", "zarr"},
        ),
        (
            "import jupyter_continuum.worker.node, jupyter_continuum.worker.workforce",
            {"array_api_compat", "cupy", "scipy", "torch", "xarray"},
        ),
        ("import jupyter_continuum.relay.hub", HEAVY | {"distributed", "dask", "numpy"}),
    ],
)
def test_an_import_pays_for_no_more_than_it_uses(statement: str, unwanted: set[str]) -> None:
    assert not loaded_by(statement) & unwanted

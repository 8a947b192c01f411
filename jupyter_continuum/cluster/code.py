"""A person's own code on every process of a cluster: what is there now, and what joins later.

Files of Python and what lies beside them; compiled modules belong into the environment.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import io
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from distributed.diagnostics.plugin import SchedulerPlugin, WorkerPlugin

from jupyter_continuum.errors import ContinuumError

if TYPE_CHECKING:
    from distributed import Client

LARGEST_BYTES = 32 * 2**20
"""Of an archive: each worker gets one."""
COMPILED = (".so", ".pyd", ".pyx")
LEFT_OUT = {"__pycache__", ".git", ".ipynb_checkpoints", ".pytest_cache", "node_modules"}
FOLDER = "code"


@dataclass(frozen=True, slots=True)
class Code:
    """One module or package as it lies on the person's disk."""

    name: str
    """What `import` calls it."""
    archive: bytes
    """A zip."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.archive).hexdigest()[:12]


def read_code(what: ModuleType | str | Path) -> Code:
    """The code of a module, of its name, or at a path. ContinuumError says why it cannot travel."""
    root = _root(what)
    if not root.stem.isidentifier():
        raise ContinuumError(f"{root.name} is no name that Python can import. Rename it.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(root):
            archive.write(path, path.relative_to(root.parent))
    if buffer.tell() > LARGEST_BYTES:
        raise ContinuumError(
            f"{root} is {buffer.tell() / 1e6:.0f} MB, and each worker would get it. Leave its data "
            "out, or bring it into the environment: `jupyter continuum prepare SITE --with`."
        )
    return Code(root.stem, buffer.getvalue())


def _root(what: ModuleType | str | Path) -> Path:
    """The package's folder or the module's file."""
    if isinstance(what, ModuleType):
        # Of a module within a package, the whole package: it is imported by its full name.
        top = sys.modules.get(what.__name__.partition(".")[0], what)
        spec = getattr(top, "__spec__", None)
        return _of_module(top.__name__, spec, getattr(top, "__file__", None))
    path = Path(what).expanduser()
    if path.exists():
        root = path.resolve()
        if root.is_file() and root.suffix != ".py":
            raise ContinuumError(f"{path} is no Python file. Name a .py file or a folder of them.")
        return root.parent if root.name == "__init__.py" else root
    name = str(what)
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])
    except (ValueError, ImportError):
        spec = None
    if spec is None:
        raise ContinuumError(f"{name!r} is neither a file nor a module that can be imported here.")
    return _of_module(name, spec, spec.origin)


def _of_module(name: str, spec: Any, file: str | None) -> Path:
    places = list(getattr(spec, "submodule_search_locations", None) or ())
    if places:
        return Path(places[0])
    if not file or not file.endswith(".py"):
        raise ContinuumError(f"{name} is not written in a file of Python, so it cannot travel.")
    return Path(file)


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if LEFT_OUT & set(parts) or not path.is_file():
            continue
        if path.suffix in COMPILED:
            raise ContinuumError(
                f"{path.relative_to(root.parent)} is compiled for this machine. Bring it into the "
                "environment instead: `jupyter continuum prepare SITE --with`."
            )
        yield path


def place(code: Code, scratch: Path) -> Path:
    """Unpack below ``scratch`` and make it what `import` finds; the folder."""
    folder = scratch / FOLDER / code.name / code.digest
    if not folder.exists():
        partial = folder.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(code.archive)) as archive:
            archive.extractall(partial)
        partial.rename(folder)
    take_off_path(folder.parent)
    sys.path.insert(0, str(folder))
    forget(code.name)
    return folder


def take_off_path(folder: Path) -> None:
    """Whatever lies below ``folder``."""
    sys.path[:] = [path for path in sys.path if folder not in Path(path).parents]


def forget(name: str) -> None:
    """The next `import` reads the files again."""
    for known in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
        del sys.modules[known]
    importlib.invalidate_caches()


class WorkerCode(WorkerPlugin):
    """Code on a worker; it goes with the plugin, and with the job's scratch."""

    def __init__(self, code: Code) -> None:
        self.name = plugin_name(code.name)
        self._code = code

    def setup(self, worker: Any) -> None:
        place(self._code, Path(worker.local_directory))

    def teardown(self, worker: Any) -> None:
        folder = Path(worker.local_directory) / FOLDER / self._code.name
        take_off_path(folder)
        forget(self._code.name)
        shutil.rmtree(folder, ignore_errors=True)


class SchedulerCode(SchedulerPlugin):
    """The same on the scheduler, which reads graphs that name the person's functions."""

    def __init__(self, code: Code) -> None:
        self.name = plugin_name(code.name)
        self._code = code

    async def start(self, scheduler: Any) -> None:
        place(self._code, Path(scheduler.local_directory))


def send(client: Client, code: Code) -> list[str]:
    """Bring it to scheduler and workers, and to those that join later; who has it now."""
    client.register_plugin(SchedulerCode(code))
    return list(client.register_plugin(WorkerCode(code)))


def plugin_name(code: str) -> str:
    return f"continuum-code-{code}"

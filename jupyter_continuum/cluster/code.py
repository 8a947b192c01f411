"""A person's own code on every process of a cluster: what is there now, and what joins later.

Files of Python and what lies beside them; compiled modules belong into the environment.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import io
import os
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
"""Of all files: each worker gets them."""
COMPILED = (".so", ".pyd", ".pyx")
BYTECODE = "__pycache__"
FOLDER = "code"


@dataclass(frozen=True, slots=True)
class Code:
    """One module or package as it lies on the person's disk."""

    name: str
    """What `import` calls it."""
    archive: bytes
    """A zip."""
    left_out: tuple[str, ...] = ()
    """Files and folders of it that do not travel; bytecode, which is made anew, is not named."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.archive).hexdigest()[:12]


def read_code(what: ModuleType | str | Path) -> Code:
    """The code of a module, of its name, or at a path. ContinuumError says why it cannot travel."""
    root = _root(what)
    if not root.stem.isidentifier():
        raise ContinuumError(f"{root.name} is no name that Python can import. Rename it.")
    buffer = io.BytesIO()
    try:
        files, left_out = _walk(root)
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for path in files:
                archive.write(path, path.relative_to(root.parent))
    except OSError as error:
        raise ContinuumError(
            f"{error.filename or root} cannot be read ({error.strerror}). Make it readable, or "
            "move it out of what is uploaded."
        ) from error
    return Code(root.stem, buffer.getvalue(), tuple(left_out))


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


def _walk(root: Path) -> tuple[list[Path], list[str]]:
    """Files that travel, and what is left out. Looked at before anything is read."""
    files: list[Path] = []
    left_out: list[str] = []
    total = 0
    for path in within(root, left_out):
        if path.suffix in COMPILED:
            raise ContinuumError(
                f"{path.relative_to(root.parent)} is compiled for this machine. Bring it into the "
                "environment instead: `jupyter continuum prepare SITE --with`."
            )
        size = path.stat().st_size
        total += size
        if total > LARGEST_BYTES:
            raise ContinuumError(
                f"{root} holds more than {LARGEST_BYTES / 1e6:.0f} MB "
                f"({path.relative_to(root.parent)}: {size / 1e6:.1f} MB), and each worker would "
                "get it. Move its data out, or bring it into the environment: "
                "`jupyter continuum prepare SITE --with`."
            )
        files.append(path)
    return files, left_out


def within(root: Path, left_out: list[str]) -> Iterator[Path]:
    """Files of it, the same order each time; what is skipped is added to ``left_out``.

    Hidden files hold keys and histories, virtual environments another machine's packages.
    """
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root, onerror=_raise):
        here = Path(folder)
        entered = [name for name in sorted(folders) if _travels(here / name)]
        files = [name for name in sorted(names) if not _is_hidden(name)]
        files = [name for name in files if (here / name).is_file()]
        skipped = {*folders, *names} - {*entered, *files, BYTECODE}
        left_out += [str((here / name).relative_to(root)) for name in sorted(skipped)]
        folders[:] = entered
        yield from (here / name for name in files)


def _raise(error: OSError) -> None:
    raise error  # a folder that cannot be read is not an empty one


def _travels(folder: Path) -> bool:
    if folder.is_symlink() or _is_hidden(folder.name):
        return False
    if folder.name in (BYTECODE, "node_modules"):
        return False
    return not (folder / "pyvenv.cfg").exists()


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


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

"""Every run has a home and Jupyter folders of its own; nothing of the person's is met."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Last, so that `tests.rig` is found here and `jupyter_continuum` where it is installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

pytest_plugins = ["tests.rig.fixtures"]

FOLDERS = {
    "HOME": "home",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "MPLCONFIGDIR": "matplotlib",
}
FOREIGN = ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH", "JUPYTER_CONTINUUM_CLUSTER", "SSH_AUTH_SOCK")


@pytest.fixture(scope="session", autouse=True)
def isolated_run() -> Iterator[None]:
    """Home and Jupyter folders for the whole run, short enough for Unix sockets."""
    with pytest.MonkeyPatch.context() as patch:
        root = Path(tempfile.mkdtemp(prefix="jct-"))
        use_folders(patch, root)
        yield
        shutil.rmtree(root, ignore_errors=True)


def use_folders(patch: pytest.MonkeyPatch, root: Path) -> None:
    for variable, name in FOLDERS.items():
        (root / name).mkdir(mode=0o700, exist_ok=True)
        patch.setenv(variable, str(root / name))
    for variable in FOREIGN:
        patch.delenv(variable, raising=False)
    patch.delenv("XDG_RUNTIME_DIR", raising=False)


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folders of this test alone; sockets and temporary files lie in them too."""
    root = Path(tempfile.mkdtemp(prefix="jct-"))
    use_folders(monkeypatch, root)
    (root / "t").mkdir(mode=0o700)
    monkeypatch.setenv("TMPDIR", str(root / "t"))
    monkeypatch.setattr(tempfile, "tempdir", None)  # asked for before, and remembered since
    yield root
    shutil.rmtree(root, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class RunningBroker:
    pid: int
    state: Path
    """Folder with the test's own ``home``, ``config``, ``data`` ..."""

    @property
    def log(self) -> str:
        from jupyter_continuum.broker.start import log_path

        return log_path().read_text()


@pytest.fixture
def broker(state: Path) -> Iterator[RunningBroker]:
    """A real broker. Afterwards nothing of it may be left, be it process or socket."""
    from jupyter_continuum.broker.client import call_broker
    from jupyter_continuum.cli.demo import end_everything

    yield RunningBroker(call_broker("version")["pid"], state)
    log = state / "data" / "continuum" / "broker.log"
    killed = end_everything()
    assert not killed, f"processes that did not end: {killed}\n{log.read_text()}"

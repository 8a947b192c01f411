"""Every run has a home and Jupyter folders of its own; nothing of the person's is met."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Last, so that `tests.rig` is found here and `jupyter_continuum` where it is installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

pytest_plugins = ["tests.rig.fixtures", "tests.rig.kubernetes.fixtures"]

# Ctrl-C is tested, and a run that was started in the background ignores it, with all it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What an example takes by the clock is the machine's affair.
settings.register_profile(
    "clockless",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("clockless")

FOLDERS = {
    "HOME": "home",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "MPLCONFIGDIR": "matplotlib",
}
FOREIGN = (
    *("JUPYTER_CONFIG_PATH", "JUPYTER_PATH", "JUPYTER_CONTINUUM_CLUSTER"),
    *("KUBECONFIG", "SSH_AUTH_SOCK"),
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have measured, by name."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in getattr(report, "user_properties", ()):
            if name == "measured" and report.when == "call":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


@pytest.fixture(scope="session", autouse=True)
def isolated_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Home and Jupyter folders for the whole run, short enough for Unix sockets."""
    tmp_path_factory.getbasetemp()  # made now, not in the folder of a test that has its own
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


@contextmanager
def own_state() -> Iterator[Path]:
    """Folders for one test alone; sockets and temporary files lie in them too."""
    root = Path(tempfile.mkdtemp(prefix="jct-"))
    with pytest.MonkeyPatch.context() as patch:
        use_folders(patch, root)
        (root / "t").mkdir(mode=0o700)
        patch.setenv("TMPDIR", str(root / "t"))
        patch.setattr(tempfile, "tempdir", None)  # asked for before, and remembered since
        yield root
    shutil.rmtree(root, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class RunningBroker:
    pid: int
    state: Path
    """Folder with the test's own ``home``, ``config``, ``data`` ..."""

    @property
    def log(self) -> str:
        return (self.state / "data" / "continuum" / "broker.log").read_text()


@contextmanager
def own_broker() -> Iterator[RunningBroker]:
    """A real broker in folders of its own. Afterwards no process of it may be left."""
    from jupyter_continuum.broker.client import call_broker
    from jupyter_continuum.cli.clearing import end_everything

    with own_state() as state:
        running = RunningBroker(call_broker("version")["pid"], state)
        try:
            yield running
        finally:
            killed = end_everything()
            log = running.log
        assert not killed, f"processes that did not end: {killed}\n{log}"


@pytest.fixture
def state() -> Iterator[Path]:
    """Folders of this test alone."""
    with own_state() as root:
        yield root


@pytest.fixture
def broker() -> Iterator[RunningBroker]:
    """A real broker of this test alone."""
    with own_broker() as running:
        yield running


@pytest.fixture(scope="module")
def shared_broker() -> Iterator[RunningBroker]:
    """A real broker for all tests of a file that leave it as they found it."""
    with own_broker() as running:
        yield running

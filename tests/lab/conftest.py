from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from jupyter_continuum.broker.start import socket_path
from tests.lab import sample
from tests.server.broker_double import BrokerDouble
from tests.server.jupyter_process import TOKEN, JupyterServer

CHROMIUM = Path("/usr/bin/chromium")
SCREENSHOTS = Path(__file__).parent.parent / "screenshots"
PATIENCE_MS = 60_000

KERNEL = "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
SEEN = f"""() => {{
    const kernel = ({KERNEL})();
    const shell = window.jupyterapp.shell;
    return {{
        current: shell.currentWidget?.id,
        open: [...shell.widgets('main')].map(widget => widget.id),
        dialogs: [...document.querySelectorAll('.jp-Dialog')].map(dialog => dialog.innerText),
        kernel: kernel && [kernel.id, kernel.status, kernel.connectionStatus],
    }};
}}"""
"""What a person would see of a kernel that does not come, as JSON has it."""


@pytest.hookimpl(trylast=True)  # pytest sorts by parameters of fixtures before
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop of its own from then on."""
    items.sort(key=lambda item: Path(__file__).parent in item.path.parents)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed (Debian package chromium)")
    return {
        "executable_path": str(CHROMIUM),
        "args": [
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-gpu",
            "--no-first-run",
        ],
    }


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def lab_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab-data")


@pytest.fixture(scope="session")
def running_double(lab_data: Path) -> Iterator[BrokerDouble]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_DATA_DIR", str(lab_data))
        patch.setenv("XDG_RUNTIME_DIR", "")
        path = socket_path()
    double = BrokerDouble(path)
    yield double
    double.close()
    path.unlink()
    path.parent.rmdir()


@pytest.fixture(scope="session")
def lab_server(
    running_double: BrokerDouble, lab_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterServer]:
    """A real JupyterLab whose broker shows what the test says."""
    home = tmp_path_factory.mktemp("lab") / "home"
    running = start_lab(home, lab_data)
    yield running
    running.close()


def start_lab(
    home: Path, data: Path, *, base: str = "/", config: str = "", arguments: Sequence[str] = ()
) -> JupyterServer:
    """JupyterLab on loopback with everything it writes below ``home`` and ``data``."""
    settings = home / "app-settings"
    settings.mkdir(parents=True)
    # The question about news would lie over the page.
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    (settings / "overrides.json").write_text(json.dumps(quiet))
    off = {"disabledExtensions": {"@jupyterlab/scheduler": True}}
    (settings / "page_config.json").write_text(json.dumps(off))
    return JupyterServer(
        home,
        data,
        module="jupyterlab",
        base=base,
        config=config,
        arguments=(
            "--LabApp.expose_app_in_browser=True",
            f"--LabApp.app_settings_dir={settings}",
            f"--LabApp.user_settings_dir={home / 'user-settings'}",
            f"--LabApp.workspaces_dir={home / 'workspaces'}",
            *arguments,
        ),
    )


@pytest.fixture
def broker(running_double: BrokerDouble) -> BrokerDouble:
    running_double.reset()
    running_double.answers |= {
        "sites": sample.SITES,
        "clusters": [sample.CLUSTER],
        "cluster": sample.CLUSTER,
        "launch": sample.CLUSTER,
        "stop": sample.CLUSTER | {"state": "stopped"},
        "scale": sample.CLUSTER,
        "dry_run": sample.DRY_RUN,
        "draft": sample.DRAFT,
        "claims": sample.CLAIMS,
        "associations": [],
        "probe": sample.REACH,
        "cancel_probe": {},
        "prompts": [],
    }
    return running_double


class Lab:
    """A page with JupyterLab in it."""

    def __init__(self, page: Page, server: JupyterServer) -> None:
        self.page = page
        self.server = server
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)

    def open(self) -> None:
        self.page.goto(self.server.url(f"lab?reset&token={TOKEN}"))
        self.page.wait_for_selector("#jupyter-continuum-panel", state="attached")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")
        # It opens last and takes the focus, on a busy machine from whoever has it by then.
        self.page.wait_for_selector(".jp-Launcher:focus", state="attached")

    def execute(self, command: str, arguments: dict[str, Any] | None = None) -> None:
        """Run a command of JupyterLab; what it returns is dropped, it may not be JSON."""
        self.page.evaluate(
            "async ([id, args]) => { await window.jupyterapp.commands.execute(id, args); }",
            [command, arguments or {}],
        )

    def open_panel(self) -> Locator:
        self.execute("jupyter-continuum:open-panel")
        panel = self.page.get_by_role("region", name="Continuum", exact=True)
        expect(panel).to_be_visible()
        return panel

    def wait_for_kernel(self) -> None:
        """Until the current notebook's kernel takes code."""
        try:
            self.page.wait_for_function(f"() => ({KERNEL})()?.status === 'idle'")
        except PlaywrightTimeout:
            seen = self.page.evaluate(SEEN)
            pytest.fail(f"No kernel was idle: {seen}\n{self.server.log.read_text()[-4000:]}")

    def run_active_cell(self) -> None:
        self.execute("notebook:run-cell-and-select-next")

    def run_code(self, code: str) -> None:
        """Put ``code`` into the active cell and run it."""
        self.page.evaluate(
            """code => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCell.model.sharedModel.setSource(code);
            }""",
            code,
        )
        self.run_active_cell()

    def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.fixture
def lab(page: Page, lab_server: JupyterServer, broker: BrokerDouble) -> Iterator[Lab]:
    """JupyterLab over the broker's stand-in; no error may show in the browser's console."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    opened = Lab(page, lab_server)
    opened.open()
    yield opened
    assert not errors


def asked(lab: Lab, broker: BrokerDouble, method: str, times: int = 1) -> list[dict[str, Any]]:
    """What the broker was asked, once it was asked so often: a dialog closes before that."""
    for _ in range(600):
        found = [params for called, params in broker.calls if called == method]
        if len(found) >= times:
            return found
        lab.page.wait_for_timeout(100)
    raise AssertionError(f"{method} was not asked {times} times: {broker.calls}")

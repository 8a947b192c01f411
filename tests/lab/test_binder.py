"""``binder/`` as BinderHub uses it: read by repo2docker, installed, started, opened, worked in."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.lab.binder_image import Image, build, clone, started
from tests.lab.conftest import PATIENCE_MS, SCREENSHOTS
from tests.memory import held_by
from tests.server.jupyter_process import TOKEN
from tests.test_tracked_files import ROOT

pytestmark = pytest.mark.lab

LIMIT_GB = 2.0
LESSON_MS = 3 * PATIENCE_MS


def badge_path() -> str:
    """The path in the server that the badge of the README opens."""
    (found,) = re.findall(r"\(https://mybinder\.org/v2/gh/[^?]+\?urlpath=([^)]+)\)", README)
    return found


README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short, for the sake of Unix sockets."""
    made = Path(tempfile.mkdtemp(prefix="jct-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def image(folder: Path) -> Image:
    return build(folder)


def test_repo2docker_finds_the_pip_list_post_build_and_start(tmp_path: Path) -> None:
    repo2docker = Path(sys.executable).with_name("jupyter-repo2docker")
    told = subprocess.run(
        [repo2docker, "--no-build", "--debug", "."],
        cwd=clone(tmp_path),
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    assert "Building conda environment for python=3.11" in told.stderr
    steps = told.stdout
    order = [
        "COPY --chown",  # of the pip list alone, if it named nothing local
        'pip install --no-cache-dir -r "binder/requirements.txt"',
        "RUN ./binder/postBuild",
        'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
    ]
    found = [steps.index(step) for step in order]
    assert found == sorted(found)
    assert steps.index("src/ ${REPO_DIR}/") < found[1], "the checkout is there when it is installed"


def test_the_badge_opens_the_first_lesson_beside_the_panel(
    image: Image, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    post_build = image.run("binder/postBuild")
    assert re.search(r"jupyter_continuum \S+ .*OK", post_build)
    assert re.search(r"jupyter-continuum v\S+ .*enabled.*OK", post_build)
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    with started(image) as url:
        page.goto(f"{url}{badge_path()}?token={TOKEN}")
        panel = page.get_by_role("region", name="Continuum", exact=True)
        expect(panel).to_be_visible()
        for site in ("fjord", "glacier", "iberia"):
            expect(panel.locator(f"[data-site='{site}']")).to_contain_text("Ready")
        expect(panel.locator("[data-site='fjord']")).to_contain_text("jobs wait 1 s")
        expect(panel.locator("[data-cluster='demo']")).to_be_visible()
        expect(panel).to_contain_text("when that ends, clusters and sessions end with it")
        lesson = page.locator(".jp-Notebook")
        expect(lesson.get_by_role("heading", level=1)).to_contain_text("One cluster, many sites")
        expect(page.locator(".jp-toast, .Toastify__toast")).to_have_count(0)
        # JupyterLab passes over the cells of a notebook that has no kernel yet.
        expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")).to_be_visible()

        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        last = lesson.locator(".jp-CodeCell").last
        expect(last.locator(".jp-InputPrompt")).to_have_text(
            re.compile(r"\[\d+\]:"), timeout=LESSON_MS
        )
        expect(lesson.locator("[data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / "binder.png")
        used = held_by(each.pid for each in image.processes())
    with capsys.disabled():
        print(f"\nBinder after lesson 1: {used.bytes / 1e9:.2f} GB, {used.processes} processes")
    assert used.processes > 8
    assert 0.2 < used.bytes / 1e9 < LIMIT_GB

"""Every lesson from its first cell to its last, on one demo, as a learner has it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_continuum.catalogue.document import read
from jupyter_continuum.cli.clearing import end_everything
from jupyter_continuum.cli.demo import CLASS, chosen_notebooks, shipped
from jupyter_continuum.cli.headless import execute
from jupyter_continuum.cli.page import write_page
from jupyter_continuum.cli.teach import open_class
from jupyter_continuum.planning.classroom import classroom_of
from tests.conftest import own_state
from tests.notebooks.memory import peak_memory

SECONDS = 120
BYTES = 2e9

LESSONS = {
    "01-one-cluster-many-sites": ("12000  of 12000 that were asked for", "in 1960? yes"),
    "02-queue-walltime-link": ("it was moved",),
    "03-locality": ("the same answers: True",),
    "04-a-kernel-for-every-device": ("of the type DeviceChunk stayed", "stations whose peak"),
    "05-a-parameter-study": ("60 of 60 results, 120000 outbreaks",),
    "06-losing-a-site": ("50,847,534 known: right", "1 of 1 workers of iberia are back"),
}
"""What each says when all went well."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Path]:
    """The demo's sites and its cluster; a folder to work in."""
    with own_state() as root, pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_CONTINUUM_CLUSTER", "demo")
        try:
            open_class(classroom_of(read(shipped(CLASS))), print)
            yield root
        finally:
            killed = end_everything()
        assert not killed


def test_there_are_these_lessons() -> None:
    assert [lesson.stem for lesson in chosen_notebooks(None)] == [*LESSONS]


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_in_time_and_in_memory(
    demo: Path, name: str, record_property: Callable[[str, object], None]
) -> None:
    (shipped,) = [each for each in chosen_notebooks(None) if each.stem == name]
    lesson = Path(shutil.copyfile(shipped, demo / shipped.name))
    said: list[str] = []
    start = time.monotonic()
    with peak_memory() as memory:
        execute(lesson, said.append)
    seconds = time.monotonic() - start
    record_property("measured", f"{seconds:.0f} s, at most {memory.peak / 1e9:.2f} GB (PSS)")
    text = "\n".join(said)
    for words in LESSONS[name]:
        assert words in text
    assert "emulated:" not in text  # a site is spoken of by its name
    assert seconds < SECONDS
    assert 0 < memory.peak < BYTES
    page = write_page(lesson, demo).read_text()
    assert "data:image/png;base64" in page
    assert 'src="http' not in page
    assert "<title>" in page

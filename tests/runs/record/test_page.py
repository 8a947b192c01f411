"""The page: one file that a reviewer can read, and that no site can write into."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.broker.messages.records import SiteFacts
from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.record.files import write_record
from jupyter_continuum.runs.record.make import make_record
from jupyter_continuum.runs.record.page import body, page
from tests.runs.record.facts import CLIENT, claim, facts, job, notebook

EVIL = '<script>alert(1)</script><img src=x onerror="x">\x1b[2J'


class Reader(HTMLParser):
    """Every tag with its attributes, and the words between."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_every_section_is_there_and_unknown_is_said() -> None:
    shown = Reader(page(make_record(facts(), client=CLIENT, notebook=notebook())))
    text = "\n".join(shown.words)
    for title in (
        *("Run record of b.ipynb", "Notebook", "Sites", "Workers", "Hours", "Energy and carbon"),
        *("Data between sites", "Remote hosts contacted", "Versions", "Policy in force"),
        *("Claims accepted", "Gaps"),
    ):
        assert title in shown.words
    assert "unknown" in shown.words
    assert "estimated" in shown.words
    assert "The catalogue holds no power draw of cloud." in text
    assert "login.example.org" in shown.words
    assert "None was set" in text


@pytest.mark.parametrize("render", [page, body])
def test_nothing_of_a_site_becomes_a_tag_and_nothing_is_loaded(render: Any) -> None:
    clean = make_record(facts(), client=CLIENT, notebook=notebook())
    evil = make_record(
        facts(
            sites=[SiteFacts(id="jupiter", name=EVIL, kind="hpc", operator=EVIL)],
            claims=[claim("jupiter", "country", EVIL, note=EVIL, source=EVIL, url=EVIL)],
            jobs=[job("booster", 0, 30, nodes=[EVIL], image=EVIL)],
        ),
        client=CLIENT,
        notebook=notebook(name=EVIL, output=EVIL, parameters={EVIL: EVIL}),
    )
    shown = render(evil)
    read = Reader(shown)
    assert set(read.tags) <= set(Reader(render(clean)).tags)
    assert not {"script", "img", "link", "iframe", "object"} & set(read.tags)
    assert not {"src", "href", "onerror", "style"} & read.attributes
    assert "\x1b" not in shown


def test_both_files_lie_beside_the_result(tmp_path: Path) -> None:
    made = make_record(facts(), client=CLIENT, notebook=notebook())
    written = write_record(made, tmp_path / "out.v2.ipynb")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.v2.record.html",
        "out.v2.record.json",
    ]
    assert type(made).model_validate_json(written.json.read_text()) == made
    with pytest.raises(RunError, match="cannot be written"):
        write_record(made, tmp_path / "none" / "out.ipynb")

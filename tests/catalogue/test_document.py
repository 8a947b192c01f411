"""YAML as records use it, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.catalogue.document import MAX_BYTES, read
from jupyter_continuum.errors import CatalogueError


def data(tmp_path: Path, text: str | bytes) -> dict[str, Any]:
    path = tmp_path / "record.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path).data


def test_norway_is_a_country_and_a_time_is_text(tmp_path: Path):
    text = "a: NO\nb: 22:30\nc: 2026-11-22\nd: yes\ne: 0777\nf: 1.5\ng: true\nh:\n<<: x"
    assert data(tmp_path, text) == {
        "a": "NO",
        "b": "22:30",
        "c": "2026-11-22",
        "d": "yes",
        "e": 777,
        "f": 1.5,
        "g": True,
        "h": None,
        "<<": "x",
    }


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("id: a\nid: b", 2, "'id' is written twice"),
        ("a:\n  b: 1\n  c: 2\n  b: 3", 4, "'b' is written twice"),
        ("a: &x [1]\nb: *x", 1, "anchors and aliases"),
        ("a: &a {b: *a}", 1, ""),
        ("a: 1\nb: !!python/object/apply:os.system ['true']", 2, ""),
        ("a: 1\nb: !!python/name:os.system", 2, "is not allowed"),
        ("a: 1\nb: !!timestamp 2026-11-22", 2, "is not allowed"),
        ("a: 1\n? [x]\n: 2", 2, "plain text"),
        ("a: 1\nb: [", 3, ""),
        ("a: 1\n\tb: 2", 2, ""),
        ("a: 1\n---\nb: 2", 2, ""),
        ("- a", 1, "a record is a mapping"),
        ("", 1, "a record is a mapping"),
        (b"a: 1\nb: \xff\xfe", 2, "not UTF-8"),
    ],
)
def test_refused_with_the_line(tmp_path: Path, text: str | bytes, line: int, what: str):
    with pytest.raises(CatalogueError) as refused:
        data(tmp_path, text)
    message = str(refused.value)
    assert what in message
    assert "record.yaml" in message
    assert f"line {line}" in message
    assert "\n" not in message


def test_a_bomb_of_aliases_is_refused_before_it_unfolds(tmp_path: Path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(CatalogueError, match="anchors and aliases"):
        data(tmp_path, "\n".join(lines))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_a_deep_record_is_refused(tmp_path: Path, opening: str):
    with pytest.raises(CatalogueError):
        data(tmp_path, "a:\n  " + opening * 50_000)


def test_a_huge_file_is_refused(tmp_path: Path):
    with pytest.raises(CatalogueError, match="larger than"):
        data(tmp_path, b"a: " + b"x" * MAX_BYTES)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(CatalogueError, match="cannot be read"):
        read(tmp_path / "none.yaml")

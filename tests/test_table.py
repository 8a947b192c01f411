from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.table import as_html, as_text, cell, clean


def test_what_moves_a_cursor_is_taken_out() -> None:
    assert clean("a\x1b[2Jb\x1b]0;title\x07c\r\x00d\x9b1me") == "ab]0;titlecd1me"
    assert clean("a\u202eb\u2066c") == "abc"
    assert clean("keeps\ttabs\nand line ends") == "keeps\ttabs\nand line ends"


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    assert not any(
        (ord(sign) < 32 and sign not in "\t\n") or 127 <= ord(sign) < 160 for sign in clean(text)
    )
    assert "\n" not in cell(text)


def test_unknown_is_not_zero_and_not_no() -> None:
    assert [cell(None), cell(""), cell(0), cell(False), cell(2.50)] == [
        "–",
        "–",
        "0",
        "False",
        "2.5",
    ]


def test_numbers_stand_to_the_right_and_text_to_the_left() -> None:
    assert as_text(("NAME", "N"), [("a", 5), ("long", 1000), ("b", None)]) == (
        "NAME     N\n"
        "a        5\n"
        "long  1000\n"
        "b        –"
    )  # fmt: skip


def test_a_table_without_rows_has_its_head() -> None:
    assert as_text(("A", "B"), []) == "A  B"


def test_html_escapes_what_a_site_says() -> None:
    html = as_html(("<h>",), [('<script>alert("x")</script>',), ("a & b",)])
    assert "<script>" not in html
    assert "&lt;h&gt;" in html
    assert "a &amp; b" in html

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.parameters import (
    assigned,
    check_parameters,
    merge,
    read_parameters,
    value_of,
)
from tests.runs.notebooks import write

HERE = Path("a.ipynb")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-1.5e-3", -0.0015),
        ("1e3", 1000.0),
        ("true", True),
        ("True", True),
        ("null", None),
        ("None", None),
        ("[1, 2]", [1, 2]),
        ('{"a": 1}', {"a": 1}),
        ('"3"', "3"),
        ("lumi", "lumi"),
        ("007", "007"),
        ("2026-01-02", "2026-01-02"),
        ("NaN", "NaN"),
        ("[NaN]", "[NaN]"),
        ("", ""),
    ],
)
def test_a_value_is_json_or_text(text: str, value: object) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


def test_what_is_said_last_counts_and_the_command_line_most(tmp_path: Path) -> None:
    for name, text in (("a.yaml", "n: 1\nm: 1\nday: 2026-01-02\n"), ("b.json", '{"m": 2}')):
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / "a.yaml"), str(tmp_path / "b.json")]
    assert merge(files, [("n", "5")]) == {"n": 5, "m": 2, "day": "2026-01-02"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "holds no parameters"),
        ("1: 2", "holds no parameters"),
        ("a: [", "neither JSON nor YAML"),
        ("a: !!binary aGk=", "no notebook can keep"),
    ],
)
def test_a_wrong_file_is_told_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(RunError, match=said) as caught:
        read_parameters(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No such file"):
        read_parameters(tmp_path / "none.yaml")
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert read_parameters(tmp_path / "empty.yaml") == {}


def test_every_name_that_the_cell_sets_is_a_parameter() -> None:
    source = (
        "%matplotlib inline\nn = 1\nm: int = 2\na = b = dict(x=1)\n(c, d) = 1, 2\nn = 4\nf(e=3)"
    )
    assert assigned(source, HERE) == ["n", "m", "a", "b", "c", "d"]
    with pytest.raises(RunError, match=r"not valid Python \(line 2"):
        assigned("n = 1\nm = = 2", HERE)


def notebook(tmp_path: Path, parameters: str | None) -> Any:
    return nbformat.read(write(tmp_path / "a.ipynb", parameters=parameters), as_version=4)


def test_a_parameter_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    made = notebook(tmp_path, "alpha = 1\nsamples = 2\nseed = 3")
    check_parameters({"seed": 1, "alpha": 2}, made, HERE, "python")
    with pytest.raises(RunError, match=r"no parameter 'sample'\. It has: samples, alpha, seed"):
        check_parameters({"sample": 1}, made, HERE, "python")
    with pytest.raises(RunError, match="Its tagged cell sets none"):
        check_parameters({"n": 1}, notebook(tmp_path, "# none yet"), HERE, "python")


def test_without_a_tagged_cell_it_is_said_how_to_tag_one(tmp_path: Path) -> None:
    made = notebook(tmp_path, None)
    check_parameters({}, made, HERE, "python")
    with pytest.raises(RunError, match=r"no cell tagged `parameters`\. In JupyterLab, click"):
        check_parameters({"n": 1}, made, HERE, "python")


def test_what_a_cell_of_another_language_sets_is_not_guessed(tmp_path: Path) -> None:
    check_parameters({"n": 1}, notebook(tmp_path, "m <- 3"), HERE, "R")

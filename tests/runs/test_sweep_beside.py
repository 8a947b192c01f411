"""Files that go with a notebook to a site keep their places, and nothing else goes along."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.notebook import read_notebook
from jupyter_continuum.runs.sweep import beside
from jupyter_continuum.runs.sweep.beside import packed, unpack
from jupyter_continuum.runs.sweep.early import beside as modules_beside
from tests.runs.notebooks import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "notebooks"
    for name in ("fields.py", "model/__init__.py", "model/.env", "data/a/t.csv", ".secret"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    (tmp_path / "other.csv").write_text("")
    return made


def test_files_and_folders_lie_there_as_they_do_here(folder: Path, tmp_path: Path) -> None:
    sent = packed([str(folder / "fields.py"), str(folder / "model"), str(folder / "data")], folder)
    assert sent.names == ("data/a/t.csv", "fields.py", "model/__init__.py")
    assert (sent.modules, sent.left_out) == ({"fields", "model", "data"}, (".env",))
    unpack(sent.archive, there := tmp_path / "there")
    found = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
    assert found == set(sent.names)
    assert (there / "data" / "a" / "t.csv").read_text() == "data/a/t.csv"
    unpack(packed([], folder).archive, tmp_path / "nothing")
    assert list((tmp_path / "nothing").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("feilds.py", r"no such file\. Beside the notebook lie: fields\.py"),
        ("../other.csv", "has to lie in"),
        (".", "has to lie in"),
    ],
)
def test_what_cannot_go_along_is_one_sentence(folder: Path, name: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        packed([str(folder / name)], folder)


def test_data_is_for_the_site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "LARGEST_BYTES", 15)
    with pytest.raises(RunError, match="Put data at the site"):
        packed([str(folder / "data"), str(folder / "fields.py")], folder)


def test_modules_beside_a_notebook_are_those_that_it_imports(folder: Path) -> None:
    notebook = write(folder / "a.ipynb", "import fields, data, math\nfrom model.deep import x")
    assert modules_beside(read_notebook(notebook), folder) == ["fields", "model"]

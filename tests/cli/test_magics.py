"""``%continuum`` in real kernels, against a real broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

from jupyter_continuum.runs.kernel_transport import kernel_traits
from tests.cli.commands import launch_span

LOAD = "%load_ext jupyter_continuum"


@pytest.fixture(scope="module")
def cluster(shared_broker: Any) -> str:
    return launch_span()


def run(folder: Path, *cells: str) -> str:
    """What a notebook of these cells says."""
    notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    )
    NotebookClient(
        notebook,
        timeout=120,
        config=Config({"KernelManager": kernel_traits("python3")}),
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    outputs = [each for cell in notebook.cells for each in cell.outputs]
    return "\n".join(each.get("text") or each["data"]["text/plain"] for each in outputs)


def test_its_words_are_those_of_the_command_line(cluster: str, tmp_path: Path) -> None:
    said = run(tmp_path, LOAD, "%continuum", "%continuum offers --site local", "%continuum --help")
    assert f"{cluster}: " in said
    assert "local/cores" in said
    assert "jupyter continuum [-h] COMMAND" in said


def test_it_attaches_the_notebook(cluster: str, tmp_path: Path) -> None:
    total = "client.submit(sum, [1, 2, 39]).result(timeout=60)"
    said = run(tmp_path, LOAD, f"%continuum attach {cluster}", f"print({total}, cluster.name)")
    assert f"42 {cluster}" in said


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("attach nobody", "nobody"),
        ("stop nobody", "nobody"),
        ("offers --color", "`%continuum offers --help` lists what it takes."),
        ("ofers --gpu", "`%continuum --help` lists all words."),
        ("attach one two", "takes one cluster"),
        ("demo", "in a terminal"),
        ("stop 'span", "close what you quote"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_the_notebook_stops(
    cluster: str, tmp_path: Path, line: str, sentence: str
) -> None:
    with pytest.raises(CellExecutionError) as error:
        run(tmp_path, f"{LOAD}\n%continuum {line}", "print('it went on')")
    assert error.value.ename == "UsageError"
    assert sentence in error.value.evalue

"""What is looked at on this machine before anything is launched."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.errors import PlanRefused, RunError
from jupyter_continuum.runs.choosing import Launch, choose, read_words
from jupyter_continuum.runs.notebook import kernel_of, listed, read_notebook
from jupyter_continuum.runs.output import reserved
from jupyter_continuum.runs.run import check_installed
from tests.runs.notebooks import write

NOW = datetime(2026, 11, 28, 12, 30, 15)


def test_a_notebook_that_is_not_there_is_told_with_one_that_is(tmp_path: Path) -> None:
    write(tmp_path / "analysis.ipynb")
    with pytest.raises(RunError, match=r"Did you mean .*analysis\.ipynb"):
        read_notebook(tmp_path / "analisys.ipynb")
    with pytest.raises(RunError, match="Is the name right"):
        read_notebook(tmp_path / "none" / "x.ipynb")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import this", "it is not JSON"),
        ("[1]", "other JSON"),
        ('{"cells": []}', "other JSON"),
        ('{"cells": [{"x": 1}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "cannot be"),
        ('{"nbformat": "x"}', "cannot be"),
    ],
)
def test_what_is_no_notebook_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    with pytest.raises(RunError, match=said) as caught:
        read_notebook(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_notebook(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Is a directory"):
        read_notebook(tmp_path)


def test_the_kernel_is_the_notebooks_own_or_the_one_that_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", kernel="conda-env-far")
    notebook = read_notebook(path)
    assert kernel_of(notebook, path, "python3") == ("python3", "python")
    with pytest.raises(RunError, match=r"wants the kernel 'conda-env-far'.* installed: .*python3"):
        kernel_of(notebook, path, None)
    with pytest.raises(RunError, match=r"no kernel 'pyton3'\. Say --kernel .*: python3"):
        kernel_of(notebook, path, "pyton3")
    del notebook.metadata["kernelspec"]
    with pytest.raises(RunError, match="names no kernel"):
        kernel_of(notebook, path, None)


def test_without_papermill_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed()
    monkeypatch.setitem(sys.modules, "papermill", None)
    with pytest.raises(RunError, match=r"pip install 'jupyter-continuum\[runs\]'"):
        check_installed()


def test_the_closest_name_comes_first() -> None:
    assert listed("seeds", ["alpha", "seed", "beta"]) == "seed, alpha, beta"
    assert listed("x", []) == "none"


def test_an_output_is_reserved_and_goes_again_when_nothing_was_written(tmp_path: Path) -> None:
    notebook = write(tmp_path / "a.ipynb")
    with (
        reserved(notebook, None, force=False, now=NOW) as first,
        reserved(notebook, None, force=False, now=NOW) as second,
    ):
        assert first.name == "a-run-20261128-123015.ipynb"
        assert second.name == "a-run-20261128-123015-2.ipynb"
        assert first.parent == tmp_path
        second.write_text("{}")
    assert not first.exists()
    assert second.read_text() == "{}"


def test_an_output_that_is_there_is_kept_unless_force_is_said(tmp_path: Path) -> None:
    notebook, output = write(tmp_path / "a.ipynb"), tmp_path / "b.ipynb"
    output.write_text("kept")
    with (
        pytest.raises(RunError, match="say --force"),
        reserved(notebook, output, force=False, now=NOW),
    ):
        pass
    with reserved(notebook, output, force=True, now=NOW) as path:
        assert path == output
    assert output.read_text() == "kept"
    (tmp_path / "same").symlink_to(notebook)
    for path, said in ((tmp_path / "same", "the notebook itself"), (tmp_path, "is a folder")):
        with pytest.raises(RunError, match=said), reserved(notebook, path, force=True, now=NOW):
            pass


@pytest.mark.parametrize("folder", ["/proc/self", "none"])
def test_an_output_folder_that_cannot_be_written_is_told(tmp_path: Path, folder: str) -> None:
    notebook, output = write(tmp_path / "a.ipynb"), tmp_path / folder / "b.ipynb"
    with (
        pytest.raises(RunError, match=f"{output} cannot be written: .* -o FILE"),
        reserved(notebook, output, force=False, now=NOW),
    ):
        pass


def test_a_run_uses_a_cluster_or_launches_a_plan(tmp_path: Path) -> None:
    plan = {"groups": [{"offer": "lab/cpu"}]}
    (tmp_path / "plan.yaml").write_text("groups: [{offer: lab/cpu}]")
    assert choose(cluster=None, plan=plan, environment={}) == Launch(plan)
    found: Any = choose(cluster=None, plan=tmp_path / "plan.yaml", environment={})
    assert found.plan["groups"][0]["offer"] == "lab/cpu"
    named = {"JUPYTER_CONTINUUM_CLUSTER": "span"}
    assert choose(cluster=None, plan=None, environment=named) == "span"
    assert choose(cluster="other", plan=None, environment=named) == "other"
    with pytest.raises(PlanRefused, match="either cluster= or plan="):
        choose(cluster="span", plan=plan, environment={})
    with pytest.raises(PlanRefused, match="span runs already"):
        choose(cluster="span", plan=None, environment={}, accept=["lab:eur"])


def test_the_words_of_on_are_offers_or_one_plan_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("groups: [{offer: lab/cpu}]")
    found: Any = read_words([str(path)], {})
    assert found.plan["groups"][0]["offer"] == "lab/cpu"
    groups = [{"offer": "lab/cpu", "jobs": 2}, {"offer": "south/gpu", "jobs": 1}]
    offers = ["lab/cpu:2", "south/gpu"]
    assert read_words(offers, {}, ["lab:eur"]) == Launch({"groups": groups}, ("lab:eur",))
    with pytest.raises(PlanRefused, match="there is one"):
        read_words([str(path), "span"], {})
    with pytest.raises(PlanRefused, match="an offer is SITE/OFFER"):
        read_words(["lab/cpu", "span"], {})
    with pytest.raises(PlanRefused, match="No such file"):
        read_words([str(tmp_path / "none.yaml")], {})

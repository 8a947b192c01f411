"""``jupyter continuum sweep --at SITE`` on nodes of a real Slurm: data is read there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.workbench.cluster import Cluster
from tests.cli.commands import continuum, names
from tests.cli.test_connect_slurm import words_for
from tests.cli.test_sweep import rows, sweep
from tests.rig.site import SlurmSite
from tests.runs.notebooks import write

pytestmark = pytest.mark.slurm


def test_kernels_are_on_the_nodes_of_a_slurm_site(
    broker: Any, slurm_site_a: SlurmSite, kernel_python: Path, tmp_path: Path
) -> None:
    site = slurm_site_a
    ran = continuum(*words_for(site, "key", kernel_python), "--yes")
    assert ran.status == 0, ran.err
    data = site.work / "field.txt"
    data.write_text("40")
    data.chmod(0o644)
    cell = (
        "import os, getpass\nfrom pathlib import Path\nimport jupyter_continuum as jc\n"
        f"jc.record('read', int(Path({str(data)!r}).read_text()) + n)\n"
        "jc.record('node', os.environ['SLURMD_NODENAME'])\n"
        "jc.record('user', getpass.getuser())\n"
        "with jc.attach().get_client() as client:\n"
        "    jc.record('sum', client.submit(sum, [1, n]).result(timeout=60))"
    )
    notebook = write(tmp_path / "a.ipynb", cell)
    ran = continuum("launch", "--on", f"{site.spec.name}/cpu", "--name", "real", seconds=120)
    assert ran.status == 0, ran.err
    words = (str(notebook), "-p", "n", "1:3", "--on", "real", "--at", site.spec.name)
    try:
        with no_process_more("real"):
            ran = sweep(*words)
        assert ran.status == 1
        (said,) = ran.err.strip().splitlines()
        assert f"{site.spec.name}: no kernel can run on a-c" in said
        assert "no thread can be started there, nor a process" in said
        assert not (tmp_path / "a-sweep").exists()
        ran = sweep(*words)
    finally:
        data.unlink()
        call_broker("stop", name="real")
    assert ran.status == 0, ran.err
    found = rows(tmp_path / "a-sweep")
    assert [row["outputs.read"] for row in found] == ["41", "42", "43"]
    assert [row["outputs.sum"] for row in found] == ["2", "3", "4"]
    assert {row["site"] for row in found} == {site.spec.name}
    assert all(row["outputs.node"].startswith("a-c") for row in found)
    assert {row["outputs.user"] for row in found} == {site.spec.user}
    assert names() == []
    assert list((site.work / "jobs").iterdir()) == []


@contextmanager
def no_process_more(cluster: str) -> Iterator[None]:
    """As at a site that allows a person so many processes, all of which there are."""
    with Cluster(cluster).get_client() as client:
        client.run(limit, 1)
        try:
            yield
        finally:
            client.run(limit, None)


def limit(processes: int | None) -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (most if processes is None else processes, most))


cloudpickle.register_pickle_by_value(sys.modules[__name__])

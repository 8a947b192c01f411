"""Runs a notebook without a browser, and tells what its cluster did."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.runs.kernel_transport import kernel_traits
from jupyter_continuum.runs.light_jsonschema import import_jsonschema
from jupyter_continuum.table import clean

if TYPE_CHECKING:
    from distributed import Worker

CELL_SECONDS = 300
PACKAGES = ("jupyter-continuum", "dask", "distributed", "numpy", "jupyterlab")

Summary = dict[str, Any]  # as JSON has it


def execute(notebook: Path, tell: Any) -> None:  # print, or print on standard error
    """Run every cell in a kernel of this Python; the outputs stay in the file."""
    import_jsonschema()
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    from jupyter_continuum.runs.kernel_manager import QuietKernelManager

    document = nbformat.reads(notebook.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        document,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        kernel_manager_class=QuietKernelManager,
        resources={"metadata": {"path": str(notebook.parent)}},
        config=Config({"KernelManager": kernel_traits("python3")}),
        on_cell_executed=lambda cell, cell_index, **_: _tell_outputs(cell, tell),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise ContinuumError(
            f"{notebook.name}: a cell raised {clean(error.ename)}: {clean(error.evalue)}. "
            "Open the demo without --headless to see where."
        ) from error
    except (CellTimeoutError, DeadKernelError, RuntimeError) as error:
        raise ContinuumError(f"{notebook.name}: {' '.join(str(error).split())}") from error
    finally:
        notebook.write_text(nbformat.writes(document), encoding="utf-8")  # type: ignore[no-untyped-call]


def _tell_outputs(cell: Any, tell: Any) -> None:  # a notebook node, untyped in nbformat
    for output in cell.get("outputs", ()):
        if output["output_type"] == "stream":
            tell(output["text"].rstrip())


def summarise(name: str, durations: Mapping[str, float]) -> Summary:
    """What every site of the cluster did, and what went over the links.

    ``durations``: how many seconds each notebook took.
    """
    view = call_broker("cluster", name=name)
    done = work_of_workers(name)
    sites: dict[str, Summary] = {}
    for group in view["groups"]:
        site = sites.setdefault(
            group["site"], {"name": group["site"], "workers": 0, "tasks": 0, "seconds": 0.0}
        )
        for worker in group["workers"]:
            if worker["state"] != "ready":
                continue
            tasks, seconds = done.get(worker["address"], (0, 0.0))
            site["workers"] += 1
            site["tasks"] += tasks
            site["seconds"] = round(site["seconds"] + seconds, 3)
    return {
        "notebooks": [{"name": each, "seconds": took} for each, took in durations.items()],
        "cluster": name,
        "sites": list(sites.values()),
        "links": view["links"],
        "versions": {"python": platform.python_version()}
        | {each: version(each) for each in PACKAGES},
    }


def work_of_workers(name: str) -> dict[str, tuple[int, float]]:
    """Tasks and seconds of computing of each worker, by address."""
    from jupyter_continuum.workbench import Cluster

    with Cluster(name).get_client() as client:
        found: dict[str, tuple[int, float]] = client.run(_work)
    return found


def _work(dask_worker: Worker) -> tuple[int, float]:
    seconds = sum(
        value
        for key, value in dask_worker.digests_total.items()
        if isinstance(key, tuple) and key[0] == "execute" and key[-1] == "seconds"
    )
    return dask_worker.state.executed_count, seconds

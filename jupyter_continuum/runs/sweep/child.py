"""The process of one run: papermill, and the run's kernel as its child."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from nbclient.exceptions import DeadKernelError
from nbformat.validator import get_validator
from papermill import PapermillExecutionError, execute_notebook
from papermill.engines import NBClientEngine, papermill_engines
from papermill.log import logger
from traitlets.config import Config

from jupyter_continuum.runs.cells import Cell, CellClient
from jupyter_continuum.runs.kept_results import kept_results
from jupyter_continuum.runs.kernel_manager import QuietKernelManager
from jupyter_continuum.runs.signals import ended_by_signals
from jupyter_continuum.runs.sweep.folder import write_in_one_step
from jupyter_continuum.runs.sweep.kernel import Fork, ForkedKernelManager, Task, fork_kernel
from jupyter_continuum.runs.sweep.order import Ended, Order, died, outcome_path
from jupyter_continuum.runs.sweep.warm_client import WarmClient

ENGINE = "continuum-sweep"
STARTUP_SECONDS = 60


def prepare() -> None:
    """Before the first fork: what each run would otherwise do for itself, 70 ms of CPU."""
    for minor in (4, nbformat.current_nbformat_minor):  # what is still met, and what is written
        get_validator(nbformat.current_nbformat, minor)  # type: ignore[no-untyped-call]  # a schema
    KernelProvisionerFactory.instance()  # looks through all that is installed


def run(order: Order, telling: int, plain: frozenset[str]) -> Task | None:
    """Run it; in the kernel's process, give its task. ``telling`` hears which process that is.

    ``plain`` are the modules that a kernel would have had without us.
    """
    started = time.monotonic()
    kernel: Fork | None = None
    why = ""
    if order["forked"]:
        try:
            forked = fork_kernel(plain, order["first"], order["last"])
        except OSError as error:
            why = f"No process can be started for its kernel: {error.strerror}."
        else:
            if not isinstance(forked, Fork):
                return forked
            kernel = forked
            os.write(telling, str(kernel.pid).encode())
    ended = died(why) if why else _perform(order, kernel)
    ended["seconds"] = round(time.monotonic() - started, 3)
    write_in_one_step(outcome_path(order["sockets"], order["number"]), json.dumps(ended))
    os._exit(0)


def _perform(order: Order, kernel: Fork | None) -> Ended:
    cells: list[Cell] = []
    logger.setLevel(logging.CRITICAL)  # what it would warn of was checked, and said in a sentence
    papermill_engines.register(ENGINE, _engine(order, kernel, cells))
    os.environ.update(order["env"])
    ended = Ended(state="completed", error="", outputs={}, seconds=0)
    notebook = None
    try:
        with ended_by_signals():
            notebook = execute_notebook(
                _literal(order["notebook"]),
                _literal(order["output"]),
                parameters=order["parameters"],
                engine_name=ENGINE,
                kernel_name=order["kernel"],
                language=order["language"],
                start_timeout=STARTUP_SECONDS,
                progress_bar=False,
                cwd=order["cwd"],
            )
    except PapermillExecutionError as error:
        ended["state"] = "failed"
        last = cells[-1] if cells and cells[-1].error else None
        ended["error"] = (
            f"{last} failed: {last.error}" if last else f"{error.ename}: {error.evalue}"
        )
    except (DeadKernelError, RuntimeError) as error:
        ended["state"], ended["error"] = "died", " ".join(str(error).split())[:300]
    except KeyboardInterrupt:
        ended["state"] = "interrupted"
    ended["outputs"] = kept_results(Path(order["output"]) if notebook is None else notebook)
    return ended


def _literal(path: str) -> str:
    """papermill fills parameters into names that hold braces."""
    return path.replace("{", "{{").replace("}", "}}")


def _engine(order: Order, kernel: Fork | None, cells: list[Cell]) -> type:
    class SweepEngine(NBClientEngine):  # type: ignore[misc]  # it is Any
        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, start_timeout: int, **_: Any
        ) -> None:
            client = CellClient(
                nb_man,
                on_cell=cells.append,
                km=_manager(order, kernel),
                kernel_name=kernel_name,
                startup_timeout=start_timeout,
                timeout=None,
                log=logger,
            )
            client.owns_km = True
            client.execute()

    return SweepEngine


def _manager(order: Order, kernel: Fork | None) -> QuietKernelManager:
    """Its sockets are files: other users of this machine can open none of them."""
    where = Path(order["sockets"]) / str(order["number"])
    options: dict[str, Any] = {
        "kernel_name": order["kernel"],
        "transport": "ipc",
        "connection_file": f"{where}.json",
        "ip": f"{where}",
    }
    if kernel is None:
        # Which transports such a kernel has is not known; encrypted where it can be.
        config = Config({"KernelManager": {"transport_encryption": "auto"}})
        return QuietKernelManager(kernel_name=order["kernel"], config=config)
    if order["native"]:
        options["kernel_spec_manager"] = KernelSpecManager(kernel_dirs=[])
    return ForkedKernelManager(kernel, client_factory=WarmClient, **options)

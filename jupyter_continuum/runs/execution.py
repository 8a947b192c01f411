"""What the engine does: a cluster, the notebook's kernel on it, and its cells."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.lines import Message
from jupyter_continuum.broker.selection import CLUSTER_VARIABLE
from jupyter_continuum.runs.cells import CellClient, Tell
from jupyter_continuum.runs.choosing import choose
from jupyter_continuum.runs.lending import cluster_for

OTHERWISE_NAMED = ("input_path", "startup_timeout", "timeout")
"""What papermill's own engine leaves out, too."""


def execute(
    nb_man: Any,  # papermill's NotebookExecutionManager
    kernel_name: str,
    *,
    cluster: str | None = None,
    plan: str | Path | Mapping[str, Any] | None = None,
    accept: Sequence[str] = (),
    tell: Callable[[str], None] | None = None,
    others: Callable[[Message], None] | None = None,
    on_cell: Tell | None = None,
    start_timeout: int = 60,
    execution_timeout: int | None = None,
    **options: Any,  # traits of nbclient's NotebookClient
) -> None:
    """Run the notebook on ``cluster``, or on one that ``plan`` launches and that ends with it.

    With neither, it is the cluster that JUPYTER_CONTINUUM_CLUSTER names, or the only one.
    ``accept`` names unknown claims that the policy asks for and that the launch takes as they are.
    ``tell`` is told what the groups wait for, on standard error when left out; ``on_cell`` each
    cell as it ends, ``others`` the broker's events about other things.
    """
    from papermill.log import logger
    from traitlets.config import Config

    from jupyter_continuum.runs.kernel_manager import QuietKernelManager
    from jupyter_continuum.runs.kernel_transport import ENCRYPTED, kernel_traits

    for name in OTHERWISE_NAMED:
        options.pop(name, None)
    if "config" not in options:
        is_ours = "kernel_manager_class" not in options
        traits = kernel_traits(kernel_name) if is_ours else ENCRYPTED
        options["config"] = Config({"KernelManager": traits})
    options.setdefault("kernel_manager_class", QuietKernelManager)
    use = choose(cluster=cluster, plan=plan, environment=os.environ, accept=accept)
    with cluster_for(use, tell=tell or _on_standard_error, others=others) as name:
        client = CellClient(
            nb_man,
            on_cell=on_cell,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            timeout=execution_timeout,
            log=logger,
            **options,
        )
        client.execute(env=os.environ | {CLUSTER_VARIABLE: name})


def _on_standard_error(text: str) -> None:
    """Standard output may be the notebook itself."""
    print(text, file=sys.stderr, flush=True)

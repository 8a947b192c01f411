"""Notebooks for runs, and how they are read afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SUM = (
    "import jupyter_continuum as jc\n"
    "with jc.attach().get_client() as client:\n"
    "    print('sum', client.submit(sum, [1, 2, n]).result(timeout=60))"
)
"""A cell that computes on the cluster, with the parameter ``n``."""

SEEN = """
import atexit, builtins, json, os, random, sys, threading, warnings
import numpy as np
import jupyter_continuum as jc
def of_fds():
    names = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            pass  # that of the listing
    # The kernel's come and go; so does the journal of its history, which a thread writes.
    return sorted(n for n in names if n.startswith("/") and not n.endswith("-journal"))
seen = {
    "globals": sorted(set(globals()) - {"n"}),
    "environment": {k: v for k, v in os.environ.items() if k != "JPY_PARENT_PID"},
    "directory": os.getcwd(),
    "path": sys.path,
    "modules": sorted(sys.modules),
    "files": of_fds(),
    "filters": len(warnings.filters),
    "patched": [hasattr(builtins, "mine"), np.get_printoptions()["precision"]],
    "threads": len(threading.enumerate()),
    "cell": get_ipython().execution_count,
}
drawn = [random.random(), float(np.random.rand()), float(np.random.default_rng().random())]
jc.record("seen", json.dumps(seen))
jc.record("drawn", drawn)
jc.record("nothing", np.float64("nan"))
jc.record("array", np.arange(2))
"""
"""A cell that records all that a run could see of another: ``seen`` and ``drawn``."""
SPOILED = """
import colorsys, tempfile, types
os.environ["SPOILED"] = "1"; os.environ.pop("HOME")
os.chdir("/"); sys.path.insert(0, "/spoiled"); sys.modules["spoiled"] = types.ModuleType("spoiled")
random.seed(1); np.random.seed(1); np.set_printoptions(precision=2)
warnings.simplefilter("ignore"); builtins.mine = 1
kept = open("/dev/zero"); os.dup(kept.fileno()); os.umask(0)
threading.Thread(target=threading.Event().wait, daemon=True).start()
spoiled = True
"""
"""A cell that changes all of that."""


def signals_its_run(number: int) -> str:
    """A cell that sends its own run a signal, and never ends by itself."""
    return f"import os, time\nos.kill(os.getppid(), {number})\ntime.sleep(600)"


def write(
    path: Path, *cells: str, parameters: str | None = "n = 3", kernel: str = "python3"
) -> Path:
    """A notebook of Python: prose, the tagged cell, and ``cells``."""
    made: list[dict[str, Any]] = [{"cell_type": "markdown", "id": "prose", "source": "# Prose"}]
    tagged = [(parameters, ["parameters"])] if parameters is not None else []
    for at, (source, tags) in enumerate([*tagged, *((source, []) for source in cells)]):
        code = {"cell_type": "code", "id": f"code-{at}", "source": source, "outputs": []}
        made.append(code | {"execution_count": None, "metadata": {"tags": tags}})
    made[0]["metadata"] = {}
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    metadata = {"kernelspec": spec, "language_info": {"name": "python"}}
    path.write_text(
        json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    )
    return path


def outputs(path: Path) -> str:
    """Everything that the cells of a notebook printed or raised, in their order."""
    cells = json.loads(path.read_text())["cells"]
    found = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join(
        "".join(each["text"]) if "text" in each else f"{each.get('ename')}: {each.get('evalue')}\n"
        for each in found
    )

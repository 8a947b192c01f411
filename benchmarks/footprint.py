"""What the package costs a person who has it: CPU of the quick commands, memory of the demo.

    python benchmarks/footprint.py [--rounds 5]

CPU is of the calling process, the broker running; an import counts beside a bare interpreter.
Memory is of everything the demo starts, JupyterLab included, after a kernel has run the first
notebook: resident (RSS) added up, which counts shared pages once per process, and PSS, which
shares them out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from record import save, spread

from jupyter_continuum.cli.clearing import FOLDERS, end_everything, leftovers
from jupyter_continuum.cli.playground import playground

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "01-one-cluster-many-sites.ipynb"
COMMAND = [sys.executable, "-m", "jupyter_continuum.cli"]


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def quick_commands(rounds: int) -> dict[str, Any]:
    bare, imported, sites = [], [], []
    with playground():
        subprocess.run([*COMMAND, "sites"], check=True, stdout=subprocess.DEVNULL)
        try:
            for _ in range(rounds):
                bare.append(cpu_seconds([sys.executable, "-c", "pass"]))
                imported.append(cpu_seconds([sys.executable, "-c", "import jupyter_continuum"]))
                sites.append(cpu_seconds(["jupyter", "continuum", "sites", "--json"]))
        finally:
            end_everything()
    return {
        "import_cpu_ms": spread([1000 * (a - b) for a, b in zip(imported, bare, strict=True)]),
        "sites_json_cpu_s": spread(sites),
    }


def demo_memory() -> dict[str, float]:
    demo = subprocess.Popen([*COMMAND, "demo"], stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    try:
        for line in demo.stdout:
            if "/lab/tree/" in line:
                break
        (lab,) = (
            child
            for child in psutil.Process(demo.pid).children()
            if "jupyterlab" in child.cmdline()
        )
        # From here on this process is in the demo's playground, and so is the kernel it starts.
        os.environ |= {name: lab.environ()[name] for name in FOLDERS}
        return memory_after_the_notebook(demo.pid)
    finally:
        demo.terminate()
        demo.wait(120)


def memory_after_the_notebook(demo: int) -> dict[str, float]:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    with client.setup_kernel():
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
        found = [psutil.Process(pid).memory_full_info() for pid in [demo, *leftovers()]]
    return {
        "processes": len(found),
        "rss_gb": round(sum(each.rss for each in found) / 1e9, 2),
        "pss_gb": round(sum(each.pss for each in found) / 1e9, 2),
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=5)
    rounds = words.parse_args().rounds
    results = {"rounds": rounds, **quick_commands(rounds), "demo": demo_memory()}
    print(json.dumps(results, indent=1))
    print(f"kept in {save('footprint', results)}", file=sys.stderr)


if __name__ == "__main__":
    main()

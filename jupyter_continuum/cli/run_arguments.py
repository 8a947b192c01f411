"""The words of the commands that run notebooks with parameters."""

from __future__ import annotations

import argparse
from collections.abc import Callable

SWEEP_ENDED = (
    "The sweep was interrupted; a cluster that it launched ends with it. "
    "The same command runs what is missing."
)
RUN_ENDED = "The run was interrupted; a cluster that it launched ends with it."


def run_words(command: Callable[..., Callable[..., argparse.Action]]) -> None:
    add = command(
        "run",
        "run a notebook with these parameters, on a cluster that is there for it",
        json=True,
        interrupted=RUN_ENDED,
    )
    add("notebook", metavar="NOTEBOOK")
    add("-o", "--output", metavar="FILE", help="NOTEBOOK-run-TIME.ipynb beside it when left out")
    add("--force", action="store_true", help="write over an output that is there")
    _parameter_words(
        add,
        "VALUE",
        "3, 1e-3, true, [1, 2], or text; '\"3\"' is text, too",
        file="YAML or JSON with more of them; -p counts more",
    )
    _on_words(add, "the run")
    add("--kernel", metavar="NAME", help="the notebook's own when left out")


def sweep_words(command: Callable[..., Callable[..., argparse.Action]]) -> None:
    add = command(
        "sweep",
        "run a notebook with all combinations of these parameters, on one cluster",
        json=True,
        interrupted=SWEEP_ENDED,
    )
    add("notebook", metavar="NOTEBOOK")
    _parameter_words(
        add,
        "VALUES",
        "0.1,0.2 or 1:100 or 0:1:0.25, both ends included; repeat for more parameters",
        file="YAML or JSON with parameters that are the same in every run; -p counts more",
    )
    _on_words(add, "the sweep")
    add(
        "--at",
        metavar="SITE[/GROUP]",
        help="have the kernels on the cluster's workers there, where the data is",
    )
    add(
        "--with",
        dest="files",
        action="append",
        default=[],
        metavar="FILE",
        help="with --at: a file or folder beside the notebook that goes along; repeat for more",
    )
    add("--output", metavar="DIR", help="NOTEBOOK-sweep beside it when left out")
    add("--resume", action="store_true", help="refuse to start anew: run only what is missing")
    add(
        "--jobs",
        type=int,
        metavar="N",
        help="runs at once; as many as there are CPUs here, or with --at threads of workers",
    )
    add(
        "--retries",
        type=int,
        default=1,
        metavar="N",
        help="so often a run whose kernel died is run again (1)",
    )
    add(
        "--retry-errors",
        action="store_true",
        help="also runs in which a cell failed, those of an earlier sweep there included",
    )
    add("--kernel", metavar="NAME", help="the notebook's own when left out")


def _parameter_words(
    add: Callable[..., argparse.Action], value: str, what: str, *, file: str
) -> None:
    """``value`` names what follows a parameter's name, ``what`` and ``file`` say what it may be."""
    add(
        "-p",
        dest="parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", value),
        help=what,
    )
    add("--parameters", action="append", default=[], metavar="FILE", help=file)


def _on_words(add: Callable[..., argparse.Action], what: str) -> None:
    add(
        "--on",
        action="append",
        default=[],
        metavar="PLAN|OFFER|CLUSTER",
        help=f"PLAN.yaml or SITE/OFFER[:JOBS] launches a cluster that ends with {what}; repeat "
        "for more offers. Left out, $JUPYTER_CONTINUUM_CLUSTER, or the only one that runs",
    )
    accept_word(add)


def accept_word(add: Callable[..., argparse.Action]) -> None:
    """Of each command that launches a cluster."""
    add(
        "--accept",
        action="append",
        default=[],
        metavar="SITE:CLAIM",
        help="take this unknown claim as it is, for this launch; your policy asks for it",
    )

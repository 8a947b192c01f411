"""What is told of the environments of a plan's sites, before anything is submitted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jupyter_continuum.broker.environments.installed import Asked, Interpreter
from jupyter_continuum.broker.messages.environments import ParityRow, ParityView
from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.cluster.parity import Row, compare
from jupyter_continuum.errors import PlanRefused


def parity_view(
    interpreter: Interpreter, asked: Asked, *, cuda_driver: str | None = None
) -> ParityView:
    """One site's report beside ours, with what refuses and what should be known.

    ``cuda_driver``: the CUDA release that a probe found the nodes' driver to serve; "" where
    none has; None where workers are not to compute on GPUs.
    """
    site = interpreter.site
    if asked.report is None:
        view = ParityView(site=site, python=interpreter.python)
        if asked.absent:
            view.refusal = f"{site}: {asked.why}. {_mend(site)}"
        else:
            view.warnings = [
                f"{site}: its worker environment is not known yet, since {asked.why}; "
                "it is compared when the first worker joins."
            ]
        return view
    # A login node has no GPU, and no driver as a rule.
    there = dict(asked.report)
    there["cuda_driver"] = there.get("cuda_driver") or cuda_driver
    rows = compare(environment(), there, gpus=cuda_driver is not None)
    return ParityView(
        site=site,
        python=interpreter.python,
        rows=[
            ParityRow(what=row.what, here=row.here, there=row.there, verdict=row.verdict)
            for row in rows
        ],
        refusal=_refusal(interpreter, [row for row in rows if row.verdict == "refused"]),
        warnings=[f"{site}: {row.why}" for row in rows if row.verdict == "told"],
    )


def refuse(views: Sequence[ParityView]) -> None:
    """PlanRefused when an environment cannot be part of the cluster; nothing was submitted."""
    refusals = [view.refusal for view in views if view.refusal]
    if refusals:
        raise PlanRefused(" ".join(refusals))


def views(
    answers: Mapping[Interpreter, Asked], cuda_drivers: Mapping[Interpreter, str]
) -> list[ParityView]:
    """``cuda_drivers``: of those interpreters whose workers compute on GPUs."""
    return [
        parity_view(interpreter, asked, cuda_driver=cuda_drivers.get(interpreter))
        for interpreter, asked in answers.items()
    ]


def _refusal(interpreter: Interpreter, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    missing = [row.what for row in rows if not row.there and row.what != "Python"]
    wrong = [row.why.rstrip(".") for row in rows if row.there or row.what == "Python"]
    parts = [*wrong, *([f"{', '.join(missing)} missing there"] if missing else [])]
    return (
        f"{interpreter.site}: the worker environment of {interpreter.python} does not fit: "
        f"{'; '.join(parts)}. {_mend(interpreter.site)}"
    )


def _mend(site: str) -> str:
    return f"`jupyter continuum prepare {site}` builds one that fits."

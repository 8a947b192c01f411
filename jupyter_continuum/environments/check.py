"""What an interpreter at a site has installed: our own report, made there."""

from __future__ import annotations

import inspect

from jupyter_continuum.cluster import environment as own
from jupyter_continuum.cluster.environment import environment
from jupyter_continuum.cluster.parity import mismatches
from jupyter_continuum.sites.interpreter import Told, question, read_answer
from jupyter_continuum.sites.protocols import Shell

PROGRAM = f"""{inspect.getsource(own)}
answer = environment()
try:
    from jupyter_continuum.cluster.environment import PROTOCOL
except Exception:
    PROTOCOL = None
answer["protocol"] = PROTOCOL
"""
"""For an interpreter that may have nothing of ours."""


async def report_of(shell: Shell, python: str, prologue: str) -> Told:
    """What ``python`` says of itself, after the ``prologue`` of a job."""
    command, text = question(python, PROGRAM, prologue=prologue)
    return read_answer(await shell.run(command, input=text.encode()))


def misfits(told: Told) -> list[str]:
    """Why it cannot be part of a cluster of this side; empty when it can."""
    if not isinstance(told.value, dict):
        return [f"it does not run ({told.words})."]
    return mismatches(environment(), told.value)

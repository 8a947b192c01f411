"""What came back of a run at a site. Whoever is there may have written it: nothing is believed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from jupyter_continuum.runs.notebook import validated
from jupyter_continuum.runs.sweep.node import LOG_BYTES, MOST_BYTES
from jupyter_continuum.runs.sweep.order import Ended
from jupyter_continuum.table import cell

STATES = ("completed", "failed", "died", "interrupted")
ERROR_SIGNS = 2000


@dataclass(frozen=True, slots=True)
class Opened:
    ended: Ended
    notebook: str
    """"" when there is none."""
    log: str


def opened(answer: Any) -> Opened:
    """ValueError says what is wrong with it."""
    match answer:
        case {"ended": str(text), "notebook": str(notebook), "log": str(log)}:
            pass
        case _:
            raise ValueError("it has another form")
    if len(text) + len(notebook) > MOST_BYTES or len(log) > LOG_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES / 1e6:.0f} MB")
    match _json(text):
        case {
            "state": str(state),
            "error": str(why),
            "outputs": dict(outputs),
            "seconds": int(seconds) | float(seconds),
        } if state in STATES and 0 <= seconds < float("inf"):
            pass
        case _:
            raise ValueError("it does not say how the run ended")
    if notebook:
        try:
            validated(notebook)
        except ValueError as error:
            raise ValueError(f"it holds no notebook ({cell(error)})") from error
    said = cell(why)[:ERROR_SIGNS] if why else ""
    ended = Ended(state=state, error=said, outputs=outputs, seconds=seconds)  # type: ignore[typeddict-item]  # one of STATES
    return Opened(ended, notebook, log)


def notebooks(answer: Any) -> dict[int, str]:
    """What there is of the notebooks of runs under way, of those that are whole files."""
    found = answer.items() if isinstance(answer, dict) else ()
    return {number: text for number, text in found if _is_notebook(number, text)}


def _is_notebook(number: Any, text: Any) -> bool:
    if not isinstance(number, int) or not isinstance(text, str) or len(text) > MOST_BYTES:
        return False
    try:
        validated(text)
    except ValueError:
        return False  # papermill was writing it just then; it comes again
    return True


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is not JSON") from error

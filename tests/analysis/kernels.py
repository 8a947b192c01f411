"""What tests send to workers, which import this: nothing that is slow to import."""

from __future__ import annotations

from typing import Any

import jupyter_continuum as jc
from jupyter_continuum.analysis.device import backend


@jc.on_device
def norm(xp: Any, x: Any, *, axis: int = -1) -> Any:
    """The length of vectors."""
    return xp.sqrt(xp.sum(x * x, axis=axis))


@jc.on_device(keep=True)
def double(xp: Any, x: Any, *, by: Any = 2) -> Any:
    return {"twice": x * by, "sum": xp.sum(x), "what": "doubled"}


def where(_: Any = None) -> str:
    return backend().name

"""Results that a notebook names, for whoever reads it without running it."""

from __future__ import annotations

import json
import math
from typing import Any

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.kept_results import MEDIA_TYPE


def record(name: str, value: Any) -> None:  # whatever JSON can hold
    """Keep ``value`` in this notebook's outputs; ``jupyter continuum sweep`` makes it a column.

    ``value`` is a number, text, true or false, None, or a list or dict of them; NumPy's scalars
    and arrays are turned into those. scrapbook's ``read_notebook`` finds it, too.
    """
    from IPython.core.getipython import get_ipython

    kept = _as_json(name, value)
    if get_ipython() is None:
        print(f"{name} = {kept}")
        return
    from IPython.display import publish_display_data

    scrap = {"name": name, "data": kept, "encoder": "json", "version": 1}
    publish_display_data(  # type: ignore[no-untyped-call]
        {MEDIA_TYPE: scrap, "text/plain": f"{name} = {kept}"},
        {"scrapbook": {"name": name, "data": True, "display": False}},
    )


def _as_json(name: str, value: Any) -> Any:
    if hasattr(value, "tolist"):  # of NumPy, and of arrays that act like it
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RunError(
            f"record({name!r}): this {type(value).__name__} cannot be kept in a notebook "
            f"({error}). Record a number, text, or a list or dict of them."
        ) from error
    return value

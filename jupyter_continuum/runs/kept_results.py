"""What a notebook has kept with ``jc.record``, read from its file and without running anything.

It lies in the outputs as scrapbook keeps it (media type and metadata), so that scrapbook reads it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MEDIA_TYPE = "application/scrapbook.scrap.json+json"
NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"""JSON has no such numbers; they are kept as these words."""


def kept_results(notebook: Any) -> dict[str, Any]:  # a notebook, or the path of one
    """Values by name; of one that was recorded twice, the later. Empty for a file that is none."""
    found: dict[str, Any] = {}
    for cell in _cells(notebook):
        for output in cell.get("outputs", []):
            scrap = output.get("data", {}).get(MEDIA_TYPE)
            if isinstance(scrap, dict) and isinstance(scrap.get("name"), str):
                value = scrap.get("data")
                found[scrap["name"]] = (
                    NOT_FINITE.get(value, value) if isinstance(value, str) else value
                )
    return found


def _cells(notebook: Any) -> list[Any]:
    if not isinstance(notebook, Path):
        return list(notebook.cells)
    try:
        return list(json.loads(notebook.read_text(encoding="utf-8"))["cells"])
    except (OSError, ValueError, KeyError):
        return []  # it ended before its first cell was written

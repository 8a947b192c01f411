"""The table of `gpu.py`."""

from __future__ import annotations

from typing import Any

HEAD = """| row | NumPy s | NumPy, all cores s | plain s (of roof) | stock s | bare, one chunk s \
| ours resident s | streamed s | from zarr s | of link | stock / ours | error |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def line(name: str, found: dict[str, Any]) -> str:
    """One row of the table."""
    seconds, failed = found.get("seconds", {}), found.get("failed", {})

    def cell(column: str) -> str:
        if column not in seconds:
            return "failed" if column in failed else ""
        share = found.get("of_roof", {}).get(column)
        return f"{seconds[column]['median']:.3g}" + (f" ({share:.0%})" if share else "")

    ratio = found.get("stock_over_resident")
    cells = [
        f"{found['numpy_s']:.3g}" if "numpy_s" in found else "",
        f"{found['numpy_cores_s']:.3g}" if "numpy_cores_s" in found else "",
        *map(cell, ("plain", "stock", "bare", "resident", "streamed", "stored")),
        f"{found['of_link']:.0%}" if "of_link" in found else "",
        "{median:.3g} ({min:.3g} to {max:.3g})".format(**ratio) if ratio else "",
        f"{found['error']:.1e}" if "error" in found else "",
    ]
    return f"| {name} {found.get('title', '')} | " + " | ".join(cells) + " |"

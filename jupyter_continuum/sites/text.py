"""Text that crosses between a person and a site: what may be shown, and what a shell may read."""

from __future__ import annotations

import re

FILE = re.compile(r"[A-Za-z0-9_./+@,=-]{1,512}")
"""Directories and interpreters that no shell reads as anything else. Blanks and ``%`` are out:
Slurm reads them in ``--output``."""
PROLOGUE = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]*")
"""Shell text of the person's own: any line, no control character."""


def clean(text: str, limit: int = 200) -> str:
    """Without control characters, and short: text of a site that a person will read."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:limit].strip()

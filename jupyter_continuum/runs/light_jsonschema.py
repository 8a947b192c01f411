"""jsonschema without the seconds that its checks of IRIs take to import.

nbformat imports it, and it imports rfc3987_syntax, which compiles 38 grammars at once: 2.5 s of
CPU, beside 1 s for papermill with all the rest of it (python-jsonschema/jsonschema, issue 1428).
No notebook holds an IRI that anybody checks.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType

SLOW = "rfc3987_syntax"


def import_jsonschema() -> None:
    """Import it, if it is there, so that the grammars are compiled when an IRI is checked first.

    Nothing else differs afterwards: whoever imports rfc3987_syntax has the real one.
    """
    if "jsonschema" in sys.modules or SLOW in sys.modules or find_spec(SLOW) is None:
        return
    if find_spec("jsonschema") is None:
        return
    sys.modules[SLOW] = stand_in = ModuleType(SLOW)
    stand_in.is_valid_syntax = _is_valid_syntax  # type: ignore[attr-defined]
    try:
        importlib.import_module("jsonschema")
    finally:
        del sys.modules[SLOW]


def _is_valid_syntax(term: str, value: str) -> bool:
    valid: bool = importlib.import_module(SLOW).is_valid_syntax(term, value)
    return valid

"""Faults of an imitated site that somebody began, as a later broker must know of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from jupyter_continuum.paths import private_dir, write_private
from jupyter_continuum.sites.emulation import Begun, Fault


class _Begun(BaseModel):
    fault: Fault
    at: datetime


class _Kept(BaseModel):
    told: list[_Begun]
    over: datetime | None


def read_faults(path: Path) -> tuple[list[Begun], datetime | None]:
    """What somebody began, and when all that was wrong was over last."""
    try:
        kept = _Kept.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return [], None
    except (OSError, ValidationError) as error:  # of another version, or cut short
        print(f"What goes wrong by command is not known again ({path}): {error}", flush=True)
        return [], None
    return [Begun(each.fault, each.at) for each in kept.told], kept.over


def write_faults(path: Path, told: Sequence[Begun], over: datetime | None) -> None:
    """Keep them; OSError when the disk does not take it."""
    kept = _Kept(told=[_Begun(fault=each.fault, at=each.at) for each in told], over=over)
    private_dir(path.parent)
    write_private(path, kept.model_dump_json().encode())

"""What the catalogue says of a site, for a question or a hint."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_continuum.catalogue.site import Site


@cache
def record_of(site: str) -> Site | None:
    """The record of ``site``, the person's own merged over it; None for a site of one's own."""
    from jupyter_continuum.catalogue.load import load

    return load(strict=False).sites.get(site)


def stated(record: Site, field: str) -> Any:
    """The value to show of one field; None means unknown."""
    from jupyter_continuum.catalogue.claim import shown

    return shown(getattr(record, field), date.today())

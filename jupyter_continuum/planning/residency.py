"""Whether the workers of a cluster may read a data set that has to stay somewhere. Pure.

A chunk that was read may be sent to any worker of the cluster: what must stay is read by a cluster
that has no worker elsewhere. Nothing unknown or unverified satisfies it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jupyter_continuum.planning.amount import Stated


@dataclass(frozen=True, slots=True, kw_only=True)
class Residency:
    """Where a data set must stay."""

    dataset: str
    stays: str
    """``site``, ``jurisdiction``, or "" where it need not."""
    site: str
    """Where it lies; "" where that is anywhere."""
    law: Stated | None
    """The countries of its jurisdiction; None where they are not known."""


def refusal(asked: Residency, countries: Mapping[str, Stated | None]) -> str:
    """Why workers at these sites may not read it, and what to do; "" when they may.

    ``countries`` by site; None where it is not known which.
    """
    if asked.stays == "site":
        return _off_site(asked, sorted(countries))
    if asked.stays == "jurisdiction":
        return _abroad(asked, countries)
    return ""


def _off_site(asked: Residency, sites: list[str]) -> str:
    if not asked.site:
        return (
            f"{asked.dataset} must stay at its site (its record, stays), and its record names "
            "none: add `site`."
        )
    elsewhere = [site for site in sites if site != asked.site]
    if not elsewhere:
        return ""
    return (
        f"{asked.dataset} must stay at {asked.site} (its record, stays), and it would be read with "
        f"{_named(elsewhere)}. Open it with the client of a cluster at {asked.site} alone."
    )


def _abroad(asked: Residency, countries: Mapping[str, Stated | None]) -> str:
    law = asked.law
    if law is None or not law.sourced:
        why = "is not known" if law is None else f"is {law.kind}"
        return (
            f"{asked.dataset} must stay in its jurisdiction (its record, stays), which {why}: "
            "add `jurisdiction` with its source."
        )
    doubtful = [site for site, one in sorted(countries.items()) if one is None or not one.sourced]
    abroad = [
        f"{site} in {one.value}"
        for site, one in sorted(countries.items())
        if one is not None and one.sourced and one.value not in law.value
    ]
    where = ", ".join(law.value)
    start = f"{asked.dataset} must stay in {where} (its record, stays jurisdiction), and "
    if abroad:
        return f"{start}it would be read with {_named(abroad)}. Open it with a cluster in {where}."
    if doubtful:
        return (
            f"{start}nobody vouches for the country of {_named(doubtful)}. Add `country` to the "
            "record of the site, or leave it out of the cluster."
        )
    return ""


def _named(sites: list[str]) -> str:
    return ", ".join(site or "workers of no known site" for site in sites)

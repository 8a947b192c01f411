"""Whether a cluster may read a data set that has to stay somewhere, and what binds it then. Pure.

A chunk that was read may be sent to any worker of the cluster: what must stay is read by a cluster
that has no worker elsewhere, and that gets none. Nothing unknown or unverified satisfies it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """What opening such a data set binds a cluster to, for as long as the cluster lives."""

    dataset: str
    stays: str
    """``site`` or ``jurisdiction``."""
    where: tuple[str, ...]
    """That site, or the countries of the jurisdiction."""
    sites: tuple[str, ...]
    """The cluster's sites at which it may have workers, as was known when it was opened."""

    @property
    def rule(self) -> str:
        place = f"at {self.where[0]}" if self.stays == "site" else f"in {', '.join(self.where)}"
        return f"{self.dataset} must stay {place}"

    @property
    def said(self) -> str:
        return f"{self.rule}: no workers but at {', '.join(self.sites)} are let in."


def bond(
    asked: Residency, countries: Mapping[str, Stated | None], before: Bond | None = None
) -> Bond:
    """Of a cluster with groups at these sites. What bound it ``before`` goes on to."""
    law = asked.law.value if asked.stays == "jurisdiction" and asked.law else (asked.site,)
    made = Bond(
        dataset=asked.dataset,
        stays=asked.stays,
        where=tuple(law),
        sites=tuple(
            site
            for site in sorted(countries)
            if not refusal(asked, {site: countries[site]})
            and (before is None or site in before.sites)
        ),
    )
    # A record that says less now takes nothing back.
    return made if before is None else replace(before, sites=made.sites)


def allowed(bonds: Iterable[Bond]) -> frozenset[str] | None:
    """The sites at which all of them let workers be; None is everywhere."""
    found = [frozenset(each.sites) for each in bonds]
    return frozenset.intersection(*found) if found else None


def barred(bonds: Iterable[Bond], site: str, cluster: str) -> str:
    """Why ``cluster`` gets no worker at ``site``, and what to do; "" when it may."""
    for each in bonds:
        if site not in each.sites:
            return (
                f"{each.rule} (its record, stays) and was opened with {cluster}, which gets no "
                f"workers at {site or 'a site that is not known'} as long as it lives. Launch "
                f"another cluster for {site or 'them'}, or stop this one first."
            )
    return ""


def in_the_way(made: Bond, groups: Mapping[str, str], cluster: str) -> str:
    """Why ``cluster`` cannot be bound so while these groups wait or work; "" when it can.

    ``groups``: the site of each.
    """
    if not made.sites:
        return f"{made.rule} (its record, stays), and {cluster} has no group there. Launch one."
    away = {name: site for name, site in groups.items() if site not in made.sites}
    if not away:
        return ""
    named = ", ".join(f"{name} at {site}" for name, site in away.items())
    scale = "; ".join(f"`jupyter continuum scale {cluster} {name} 0`" for name in away)
    return (
        f"{made.rule} (its record, stays), and {cluster} waits for workers elsewhere: group "
        f"{named}. Scale it to 0 first ({scale}), or open it with a cluster without it."
    )


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

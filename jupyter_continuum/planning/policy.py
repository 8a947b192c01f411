"""The person's hard limits, and what of a launch they refuse. Pure.

Nothing unknown, unverified or expired satisfies a limit: the finding names the rule and the claim
that is missing, and the person may accept that one claim. What is known to break a rule cannot be
accepted; the rule would have to change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from jupyter_continuum.planning.amount import Amount, Claims
from jupyter_continuum.planning.rates import Costs

EU = frozenset(
    (
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES"),
        *("FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU"),
        *("LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    )
)
"""Its members (1 February 2020 on)."""
Jurisdiction = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Ceiling = Annotated[float, Field(ge=0, le=1e9)]


class Policy(BaseModel):
    """What must hold for every launch. Left out: no such limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    jurisdictions: tuple[Jurisdiction, ...] | None = Field(
        default=None, description="countries that sites may be in, or EU for its members"
    )
    no_foreign_control: bool = Field(
        default=False, description="the operator's seat is in those jurisdictions too, or in the EU"
    )
    max_eur: Ceiling | None = Field(default=None, description="of one cluster")
    max_allocation: dict[str, Ceiling] = Field(
        default={}, description="of one cluster, by site, in the site's own unit"
    )
    max_carbon_kg: Ceiling | None = Field(default=None, description="kgCO2eq of one cluster")
    terms_accepted: bool = Field(
        default=False, description="only sites whose terms of use the profile says are accepted"
    )

    @property
    def limits(self) -> bool:
        """Whether it forbids anything."""
        return self != Policy()


def strictest(one: Policy, other: Policy) -> Policy:
    """What satisfies both and nothing else does."""
    return Policy(
        jurisdictions=_both(one.jurisdictions, other.jurisdictions),
        no_foreign_control=one.no_foreign_control or other.no_foreign_control,
        max_eur=_least(one.max_eur, other.max_eur),
        max_allocation={
            site: min(
                each.max_allocation[site] for each in (one, other) if site in each.max_allocation
            )
            for site in sorted({*one.max_allocation, *other.max_allocation})
        },
        max_carbon_kg=_least(one.max_carbon_kg, other.max_carbon_kg),
        terms_accepted=one.terms_accepted or other.terms_accepted,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a launch takes of one offer, as far as a policy looks at it."""

    offer: str
    site: str
    here: bool
    """The person's own machine, imitations on it included."""
    terms: bool
    """The profile says that the site's terms of use are accepted."""
    of_site: Claims
    costs: Costs


Verdict = Literal["satisfied", "accepted", "unknown", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says of one site, or of all together."""

    rule: str
    """The field of the policy."""
    site: str
    """"" of all sites together."""
    claim: str
    """``site:field``: what an acceptance names."""
    verdict: Verdict
    said: str
    """One sentence."""

    @property
    def stops(self) -> bool:
        return self.verdict in ("unknown", "refused")


def check(policy: Policy, groups: Sequence[Asked], accepted: Collection[str] = ()) -> list[Finding]:
    """Every rule of ``policy`` beside every site that it concerns, in a fixed order."""
    sites = {each.site: each for each in sorted(groups, key=lambda each: each.offer)}
    found = [finding for each in sites.values() for finding in _of_site(policy, each)]
    found += _ceiling("max_eur", "eur", "EUR", policy.max_eur, groups)
    found += _ceiling("max_carbon_kg", "carbon_kg", "kgCO2eq", policy.max_carbon_kg, groups)
    for site, most in sorted(policy.max_allocation.items()):
        own = [each for each in groups if each.site == site]
        unit = next((each.costs.unit for each in own if each.costs.unit), "unit")
        if own:
            found += _ceiling("max_allocation", "units", f"{unit}s", most, own)
    return [_with(finding, accepted) for finding in found]


def refusal(findings: Sequence[Finding]) -> str:
    """Sentences on all that stops a launch, and what to do; "" when nothing does."""
    stopping = [finding for finding in findings if finding.stops]
    if not stopping:
        return ""
    said = " ".join(finding.said for finding in stopping)
    missing = list(dict.fromkeys(f.claim for f in stopping if f.verdict == "unknown"))
    if missing and all(finding.verdict == "unknown" for finding in stopping):
        words = " ".join(f"--accept {claim}" for claim in missing)
        return f"Your policy refuses this launch. {said} To accept it for this launch: {words}."
    return f"Your policy refuses this launch. {said} Choose another offer, or change the policy."


def needless(findings: Sequence[Finding], accepted: Collection[str]) -> list[str]:
    """What was accepted and no rule asks for."""
    return sorted({*accepted} - {f.claim for f in findings if f.verdict == "accepted"})


# Rules -----------------------------------------------------------------------------------


def _of_site(policy: Policy, asked: Asked) -> Iterator[Finding]:
    if policy.jurisdictions is not None:
        yield _placed("jurisdictions", "country", asked, _members(policy.jurisdictions))
    if policy.no_foreign_control:
        yield from _controlled(asked, _members(policy.jurisdictions or ("EU",)))
    if policy.terms_accepted:
        fine = asked.here or asked.terms
        said = (
            f"{asked.site}: its terms of use are accepted."
            if fine
            else f"{asked.site}: its terms of use are not accepted in its profile (rule "
            f"terms_accepted); `jupyter continuum connect {asked.site} --accept-terms` says so."
        )
        yield _finding("terms_accepted", asked, "terms", "satisfied" if fine else "unknown", said)


def _controlled(asked: Asked, allowed: frozenset[str]) -> Iterator[Finding]:
    if asked.here:
        said = f"{asked.site} is your own machine."
        yield _finding("no_foreign_control", asked, "seat_country", "satisfied", said)
        return
    yield _placed("no_foreign_control", "seat_country", asked, allowed)
    said_of_law = asked.of_site.get("jurisdiction")
    # The catalogue notes an owner, a listing or a supplier abroad behind a sign of its own.
    if said_of_law is not None and any(sign in str(said_of_law.value) for sign in ";,"):
        said = f"{asked.site}: {said_of_law.words} (rule no_foreign_control, claim jurisdiction)."
        verdict: Verdict = "refused" if said_of_law.sourced else "unknown"
        yield _finding("no_foreign_control", asked, "jurisdiction", verdict, said)


def _placed(rule: str, field: str, asked: Asked, allowed: frozenset[str]) -> Finding:
    what = "the country it is in" if field == "country" else "the country of its operator's seat"
    claim = asked.of_site.get(field)
    if claim is None or not claim.sourced:
        why = "is not known" if claim is None else f"is {claim.words}"
        said = f"{asked.site}: {what} {why} (rule {rule}, claim {field})."
        return _finding(rule, asked, field, "unknown", said)
    said = f"{asked.site}: {what} is {claim.words}"
    if claim.value in allowed:
        return _finding(rule, asked, field, "satisfied", f"{said}.")
    return _finding(rule, asked, field, "refused", f"{said}, which rule {rule} does not allow.")


def _ceiling(
    rule: str, field: str, unit: str, most: float | None, groups: Sequence[Asked]
) -> Iterator[Finding]:
    """Unknown figures by site, then the sum of the known ones."""
    if most is None:
        return
    amounts: list[tuple[Asked, Amount]] = [(each, getattr(each.costs, field)) for each in groups]
    missing = {each.site: (each, amount) for each, amount in amounts if amount.value is None}
    for each, amount in missing.values():
        said = f"{each.site}: {unit} of this launch are not known (rule {rule}): {amount.reason}"
        yield _finding(rule, each, field, "unknown", said)
    known = sum(amount.value for _, amount in amounts if amount.value is not None)
    site = groups[0].site if rule == "max_allocation" else ""
    where = f"{site}: " if site else ""
    without = f", without {', '.join(sorted(missing))}" if missing else ""
    yield Finding(
        rule=rule,
        site=site,
        claim="",
        verdict="refused" if known > most else "satisfied",
        said=f"{where}{known:.4g} of at most {most:g} {unit} in one walltime{without} "
        f"(rule {rule}).",
    )


def _finding(rule: str, asked: Asked, claim: str, verdict: Verdict, said: str) -> Finding:
    return Finding(
        rule=rule, site=asked.site, claim=f"{asked.site}:{claim}", verdict=verdict, said=said
    )


def _with(finding: Finding, accepted: Collection[str]) -> Finding:
    if finding.verdict != "unknown" or finding.claim not in accepted:
        return finding
    return Finding(
        rule=finding.rule,
        site=finding.site,
        claim=finding.claim,
        verdict="accepted",
        said=f"{finding.said} Accepted for this launch.",
    )


def _members(jurisdictions: Sequence[str]) -> frozenset[str]:
    found = frozenset(jurisdictions) - {"EU"}
    return found | EU if "EU" in jurisdictions else found


def _both(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        return one if other is None else other
    return tuple(sorted(_members(one) & _members(other)))


def _least(one: float | None, other: float | None) -> float | None:
    return min((each for each in (one, other) if each is not None), default=None)

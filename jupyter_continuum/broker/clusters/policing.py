"""The person's policy against plans and offers, by what is claimed of their sites now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from jupyter_continuum.broker.messages.policy import FindingView, PolicyFacts, PolicyView
from jupyter_continuum.broker.messages.records import ClaimFacts
from jupyter_continuum.broker.policy_file import policy_path, read_policy
from jupyter_continuum.broker.sites.claims import for_limits, offer_claims, site_claims, stated
from jupyter_continuum.broker.sites.sites import Sites
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.amount import Stated
from jupyter_continuum.planning.policy import (
    Asked,
    Finding,
    Policy,
    check,
    needless,
    refusal,
    strictest,
)
from jupyter_continuum.planning.rates import Costs, Rates, rates
from jupyter_continuum.planning.resolve import ResolvedGroup, ResolvedPlan

HERE = frozenset({"local", "emulated"})


@dataclass(frozen=True, slots=True)
class Judged:
    """A plan under the policy that holds for it."""

    policy: Policy
    findings: Sequence[Finding]
    refusal: str

    def views(self) -> list[FindingView]:
        return [FindingView(**asdict(each)) for each in self.findings]

    def facts(self) -> PolicyFacts | None:
        """For the record; None where nothing was forbidden."""
        if not self.policy.limits:
            return None
        return PolicyFacts(limits=_set(self.policy), findings=self.views())


class Policing:
    """Reads the policy anew each time: it is the person's file."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def judge(self, plan: ResolvedPlan, accepted: Collection[str]) -> Judged:
        """PlanRefused when the policy cannot be read, or something was accepted in vain."""
        policy = strictest(read_policy(), plan.policy)
        asked = []
        for group in plan.groups:
            asked.append(self._asked(group.offer, group.site, self.costs(group)))
        findings = check(policy, asked, accepted)
        if vain := needless(findings, accepted):
            known = sorted({f.claim for f in findings if f.verdict in ("unknown", "accepted")})
            raise PlanRefused(
                f"Nothing of this launch needs {', '.join(vain)} to be accepted. "
                f"What can be accepted: {', '.join(known) or 'nothing'}."
            )
        return Judged(policy, findings, refusal(findings))

    def costs(self, group: ResolvedGroup) -> Costs:
        """Of all its jobs until their walltime."""
        each = self.rates(
            group.offer,
            group.partition,
            gpus=group.gpus_per_worker * group.workers_per_node,
            cores=group.cpus_per_worker * group.workers_per_node,
        )
        return each.of(group.jobs * group.nodes * group.walltime_seconds / 3600)

    def rates(self, offer: str, partition: str, *, gpus: int, cores: int) -> Rates:
        """What jobs with so much of each node cost."""
        site, today = offer.partition("/")[0], datetime.now(UTC).date()
        session, catalogue = self._sites.sessions.get(site), self._sites.catalogue
        return rates(
            site,
            self._stated(site, site_claims(site, session, catalogue, today), today),
            self._stated(site, offer_claims(offer, partition, session, catalogue, today), today),
            gpus=gpus,
            cores=cores,
            here=self._here(site),
        )

    async def policy(self) -> PolicyView:
        """The person's own, and what of each offer it does not let through."""
        policy = read_policy()
        view = PolicyView(path=str(policy_path()), limits=_set(policy))
        if not policy.limits:
            return view
        for id in self._sites.ids:
            for offer in self._sites.view(id).offers:
                cores = offer.cpus_per_node or 1
                each = self.rates(offer.id, offer.name, gpus=offer.gpus_per_node or 0, cores=cores)
                found = check(policy, [self._asked(offer.id, id, each.of(0))])
                stopping = [FindingView(**asdict(one)) for one in found if one.stops]
                if stopping:
                    view.offers[offer.id] = stopping
        return view

    def _asked(self, offer: str, site: str, costs: Costs) -> Asked:
        today = datetime.now(UTC).date()
        session = self._sites.sessions.get(site)
        claims = site_claims(site, session, self._sites.catalogue, today)
        return Asked(
            offer=offer,
            site=site,
            here=self._here(site),
            terms=session is not None and session.profile.terms_accepted,
            of_site=self._stated(site, claims, today),
            costs=costs,
        )

    def _stated(self, site: str, claims: Iterable[ClaimFacts], today: date) -> dict[str, Stated]:
        is_faulty = site in self._sites.catalogue.faults
        return for_limits(stated(claims, today), is_faulty=is_faulty)

    def _here(self, site: str) -> bool:
        session = self._sites.sessions.get(site)
        return session is not None and session.profile.kind in HERE


def _set(policy: Policy) -> dict[str, object]:
    return policy.model_dump(mode="json", exclude_defaults=True)

"""From a Plan to the exact jobs, or one sentence on why not. Pure: same arguments, same result."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.charge import charge
from jupyter_continuum.planning.known import KnownOffer, KnownSite
from jupyter_continuum.planning.plan import GroupPlan, Plan, is_word
from jupyter_continuum.planning.policy import Policy
from jupyter_continuum.planning.shape import shape

NO_LIMITS = Policy()
_NAME_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedGroup:
    """A group with nothing left open."""

    name: str
    site: str
    offer: str
    partition: str
    jobs: int
    nodes: int
    """Of one job."""
    workers_per_node: int
    cpus_per_worker: int
    memory_gb_per_worker: float
    """0: the partition's default."""
    gpus_per_worker: int
    gpu_type: str
    """"": any."""
    walltime_seconds: int
    account: str
    """"": the site's default."""
    qos: str
    python: str
    prologue: str

    @property
    def workers(self) -> int:
        return self.jobs * self.nodes * self.workers_per_node


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPlan:
    """What a launch does."""

    name: str | None
    groups: tuple[ResolvedGroup, ...]
    lease_seconds: int
    policy: Policy = NO_LIMITS
    warnings: tuple[str, ...] = ()

    @property
    def workers(self) -> int:
        return sum(group.workers for group in self.groups)


def resolve(plan: Plan, offers: Iterable[KnownOffer], sites: Iterable[KnownSite]) -> ResolvedPlan:
    """Fill in what the plan leaves open and check it against what is known.

    Raises PlanRefused. What is not known refuses nothing; it becomes a warning.
    """
    known_offers = {offer.id: offer for offer in offers}
    known_sites = {site.id: site for site in sites}
    if not any(group.jobs for group in plan.groups):
        raise PlanRefused("The plan has no workers. Give at least one group a job.")
    chosen = [_offer(group, known_offers) for group in plan.groups]
    names = _names(plan.groups, chosen)
    groups = []
    warnings: list[str] = []
    for group, offer, name in zip(plan.groups, chosen, names, strict=True):
        groups.append(_group(group, offer, _site(offer, known_sites), name, warnings))
    return ResolvedPlan(
        name=plan.name,
        groups=tuple(groups),
        lease_seconds=plan.lease_minutes * 60,
        policy=plan.policy,
        warnings=tuple(warnings),
    )


def _group(
    group: GroupPlan, offer: KnownOffer, site: KnownSite, name: str, warnings: list[str]
) -> ResolvedGroup:
    fitted, shape_warnings = shape(group, offer)
    account, qos = charge(group, offer, site)
    warnings += shape_warnings
    if not account and len({association.account for association in site.associations}) > 1:
        warnings.append(f"{offer.id}: no account is chosen, so {site.id} charges its default one.")
    _check_words(offer, account, qos)
    return ResolvedGroup(
        name=name,
        site=site.id,
        offer=offer.id,
        partition=offer.partition,
        jobs=group.jobs,
        nodes=fitted.nodes,
        workers_per_node=fitted.workers_per_node,
        cpus_per_worker=fitted.cpus_per_worker,
        memory_gb_per_worker=fitted.memory_gb_per_worker,
        gpus_per_worker=fitted.gpus_per_worker,
        gpu_type=fitted.gpu_type,
        walltime_seconds=fitted.walltime_seconds,
        account=account,
        qos=qos,
        python=site.python,
        prologue=site.prologue,
    )


def _check_words(offer: KnownOffer, account: str, qos: str) -> None:
    words = {
        "partition": offer.partition,
        "GPU type": offer.gpu_type,
        "account": account,
        "QoS": qos,
    }
    for what, word in words.items():
        if word and not is_word(word):
            raise PlanRefused(
                f"{offer.id}: the {what} {word!r} cannot be written into a job script. "
                "Correct it in the site's record or in the profile."
            )


def _offer(group: GroupPlan, offers: Mapping[str, KnownOffer]) -> KnownOffer:
    offer = offers.get(group.offer)
    if offer is None:
        close = difflib.get_close_matches(group.offer, offers, n=3, cutoff=0.5)
        hint = (
            f"Did you mean {' or '.join(close)}?"
            if close
            else "`jupyter continuum offers` lists them."
        )
        raise PlanRefused(f"There is no offer {group.offer!r}. {hint}")
    if not offer.launchable:
        reason = offer.reason or f"Connect it first: `jupyter continuum connect {offer.site}`."
        raise PlanRefused(f"{offer.id} cannot be launched. {reason}")
    return offer


def _site(offer: KnownOffer, sites: Mapping[str, KnownSite]) -> KnownSite:
    site = sites.get(offer.site)
    if site is None:
        raise PlanRefused(
            f"{offer.id} cannot be launched: {offer.site} is not connected. "
            f"Connect it first: `jupyter continuum connect {offer.site}`."
        )
    return site


def _names(groups: Iterable[GroupPlan], offers: Iterable[KnownOffer]) -> list[str]:
    """A name for every group: its own, or its site's, numbered from the second on."""
    pairs = list(zip(groups, offers, strict=True))
    taken: set[str] = set()
    for group, _ in pairs:
        if group.name is not None and group.name in taken:
            raise PlanRefused(f"Two groups are called {group.name!r}. Rename one of them.")
        taken.add(group.name or "")
    names = []
    for group, offer in pairs:
        name = group.name or _free(offer.site, taken)
        taken.add(name)
        names.append(name)
    return names


def _free(site: str, taken: set[str]) -> str:
    candidate, number = site[:_NAME_LENGTH].rstrip("-"), 1
    while candidate in taken:
        number += 1
        tail = f"-{number}"
        candidate = site[: _NAME_LENGTH - len(tail)].rstrip("-") + tail
    return candidate

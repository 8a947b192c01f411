"""Whom a group's jobs are charged to: account and QoS, among those the site reports."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.known import KnownOffer, KnownSite
from jupyter_continuum.planning.plan import GroupPlan, is_word
from jupyter_continuum.sites.protocols import Association


def charge(group: GroupPlan, offer: KnownOffer, site: KnownSite) -> tuple[str, str]:
    """Account and QoS, "" for the site's default; the plan's word wins over the profile's.

    Raises PlanRefused naming the valid ones when the site reports what the person may use.
    """
    account = group.account or site.account
    qos = group.qos or offer.qos or site.qos
    if not site.associations:
        return account, qos
    # The list is the site's text: what is no word is neither offered nor shown.
    listed = [a for a in site.associations if is_word(a.account)]
    allowed = [a for a in listed if a.partition in ("", offer.partition)]
    if not allowed:
        usable = sorted({a.partition for a in listed if is_word(a.partition)}) or ["none"]
        raise PlanRefused(
            f"{offer.id}: no account of yours at {site.id} may use the partition "
            f"{offer.partition!r}. Choose one of {', '.join(usable)}."
        )
    account = _account(account, allowed, offer, site)
    _check_qos(qos, account, allowed, offer, site)
    return account, qos


def _account(
    account: str, allowed: Iterable[Association], offer: KnownOffer, site: KnownSite
) -> str:
    valid = sorted({association.account for association in allowed})
    if not account:
        return valid[0] if len(valid) == 1 else ""
    if account not in valid:
        raise PlanRefused(
            f"{offer.id}: {site.id} does not let you charge the account {account!r} here. "
            f"Choose one of {', '.join(valid)}."
        )
    return account


def _check_qos(
    qos: str, account: str, allowed: Iterable[Association], offer: KnownOffer, site: KnownSite
) -> None:
    here = [a for a in allowed if not account or a.account == account]
    # An association that lists no QoS says nothing about them.
    if not qos or any(not association.qos for association in here):
        return
    valid = sorted({word for association in here for word in association.qos if is_word(word)})
    if qos not in valid:
        whose = f" with the account {account!r}" if account else ""
        raise PlanRefused(
            f"{offer.id}: {site.id} does not let you use the QoS {qos!r}{whose}. "
            f"Choose one of {', '.join(valid)}."
        )

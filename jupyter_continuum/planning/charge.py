"""Whom a group's jobs are charged to: account and QoS, among those the site reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.known import KnownOffer, KnownSite
from jupyter_continuum.planning.plan import GroupPlan, is_word
from jupyter_continuum.sites.protocols import Admits, Association


def charge(group: GroupPlan, offer: KnownOffer, site: KnownSite) -> tuple[str, str]:
    """Account and QoS, "" for the site's default; the plan's word wins over the profile's.

    Raises PlanRefused naming the valid ones when the site reports what the person may use.
    """
    account = group.account or site.account
    qos = group.qos or offer.qos or site.qos
    if not site.associations:
        return account, qos
    # The list is the site's text: what is no word is neither offered nor shown.
    allowed = usable(site.associations, offer.partition, offer.admits, site.parents)
    if not allowed:
        raise PlanRefused(f"{offer.id}: {none_usable(site.id, site.associations, offer.partition)}")
    account = _account(account, allowed, offer, site)
    _check_qos(qos, account, allowed, offer, site)
    return account, qos


def usable(
    associations: Iterable[Association],
    partition: str,
    admits: Admits,
    parents: Mapping[str, str],
) -> list[Association]:
    """What the person may name together with ``partition``: account and, where listed, QoS.

    The list is the site's text: what is no word is neither offered nor shown.
    """
    return list(_usable(associations, partition, admits, parents))


def none_usable(site: str, associations: Sequence[Association], partition: str) -> str:
    named = sorted({a.partition for a in associations if is_word(a.partition)} - {partition})
    where = f" Choose one of {', '.join(named)}." if named else " Choose another partition."
    return f"no account of yours at {site} may use the partition {partition!r}.{where}"


def _usable(
    associations: Iterable[Association],
    partition: str,
    admits: Admits,
    parents: Mapping[str, str],
) -> Iterator[Association]:
    for each in associations:
        if not is_word(each.account) or each.partition not in ("", partition):
            continue
        if not _admitted(each.account, admits, parents):
            continue
        words = tuple(
            word
            for word in each.qos
            if is_word(word)
            and word not in admits.not_qos
            and (admits.qos is None or word in admits.qos)
        )
        if words or not each.qos:
            default = each.default_qos if each.default_qos in words else ""
            yield replace(each, qos=words, default_qos=default)


def _admitted(account: str, admits: Admits, parents: Mapping[str, str]) -> bool:
    """A partition lets in accounts below those that it lists; without a tree nobody is refused."""
    line = _line(account, parents)
    if admits.accounts is not None:
        return not parents or any(each in admits.accounts for each in line)
    return not any(each in admits.not_accounts for each in line)


def _line(account: str, parents: Mapping[str, str]) -> list[str]:
    """The account and those above it."""
    line = [account]
    while (above := parents.get(line[-1], "")) and above not in line:
        line.append(above)
    return line


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

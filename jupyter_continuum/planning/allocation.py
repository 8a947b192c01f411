"""What is left of an allocation, in the unit that an offer's hours are counted in. Pure.

Several limits may hold at once: of the account, of those above it, of the person in it. What is
left is what the tightest leaves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from jupyter_continuum.planning.amount import Amount, Claims, number, unknown
from jupyter_continuum.planning.cost import Unit
from jupyter_continuum.sites.protocols import Books, Budget


@dataclass(frozen=True, slots=True)
class Charged:
    """Where an offer's hours go."""

    accounts: tuple[str, ...]
    """The one that is charged; several when none is chosen; none when the site names none."""
    partition: str
    gpu_type: str = ""


def own_unit(unit: Unit, books: Books | None, charged: Charged, of_offer: Claims) -> Unit:
    """The unit that documents name; else the one in which the site limits the person."""
    if unit.name or books is None:
        return unit
    gpus, cores = number(of_offer, "gpus_per_node"), number(of_offer, "cores_per_node")
    limited = limited_in(books, charged, gpus=gpus, cores=cores)
    if limited is not None:
        name, per_node, source = limited
        return Unit(name, Amount(per_node, "measured", source, date=_date(books)))
    if any(each.resource == "billing" for each in _held(books, charged)):
        return Unit("billing unit", unknown("The rate of a billing unit here is not known."))
    return unit


def limited_in(
    books: Books, charged: Charged, *, gpus: float | None, cores: float | None
) -> tuple[str, float, str] | None:
    """A unit in which the site limits the person, how many of it a node is, and who says so."""
    counted = {each.resource for each in _held(books, charged)}
    for resource, name, per_node in (
        ("gres/gpu", "GPU-hour", gpus),
        ("node", "node-hour", 1.0),
        ("cpu", "core-hour", cores),
    ):
        if resource in counted and per_node:
            return name, per_node, f"the site limits the account's {resource}"
    return None


def left(books: Books | None, charged: Charged, unit: Unit, of_offer: Claims) -> Amount:
    """Of the account that is charged, by what the site said last."""
    if books is None:
        return unknown("The site has not been asked what is left of your allocation.")
    if books.why:
        return unknown(books.why)
    if len(charged.accounts) > 1:
        names = ", ".join(charged.accounts)
        return unknown(f"Which of your accounts is charged is not chosen: {names}. Name one.")
    if not unit.name:
        return unknown("What the site counts this offer's hours in is not known.")
    held = list(_held(books, charged))
    if not held:
        return unknown("The site tells no limit of the account.")
    found = [
        amount for each in held if (amount := _in_unit(each, unit, charged, of_offer)) is not None
    ]
    if not found:
        said = ", ".join(sorted({each.resource for each in held}))
        return unknown(f"The site limits {said}, and how that counts in {unit.name}s is not known.")
    least = min(found, key=lambda amount: amount.value or 0.0)
    return replace(least, date=_date(books))


def _held(books: Books, charged: Charged) -> Iterable[Budget]:
    """The limits that hold for jobs of this offer."""
    for each in books.budgets:
        if charged.accounts and each.account not in charged.accounts:
            continue
        if not each.partition or fnmatchcase(charged.partition, each.partition):
            yield each


def _in_unit(each: Budget, unit: Unit, charged: Charged, of_offer: Claims) -> Amount | None:
    hours = max(0.0, each.granted_hours - each.used_hours)
    until = f", until {each.until}" if each.until else ""
    source = (
        f"{each.used_hours:.4g} of {each.granted_hours:.4g} {each.resource} hours used by "
        f"{each.holder or each.account}{until}"
    )
    if each.resource in (unit.name, unit.name.removesuffix(" unit")):
        return Amount(hours, "measured", source)
    resource = each.resource
    if charged.gpu_type and resource == f"gres/gpu:{charged.gpu_type}":
        resource = "gres/gpu"
    field = {"gres/gpu": "gpus_per_node", "cpu": "cores_per_node"}.get(resource)
    per_node = 1.0 if resource == "node" else number(of_offer, field) if field else None
    if not per_node or not unit.per_node.value:
        return None
    if per_node == unit.per_node.value:
        return Amount(hours, "measured", source)
    rated = f"{source}; {unit.per_node.value:g} {unit.name}s are {per_node:g} of them, a node's"
    return Amount(hours * unit.per_node.value / per_node, "estimated", rated)


def _date(books: Books) -> str:
    return f"{books.observed:%Y-%m-%d}" if books.observed else ""

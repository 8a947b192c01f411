"""What an hour of an offer costs, in EUR and in the unit that its site counts in. Pure.

Sites charge by the node: a job that has a part of one pays that part where nodes are shared, and
the whole elsewhere. Where it is not known whether they are shared, the whole is counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jupyter_continuum.planning.amount import Amount, Claims, Stated, number, unknown


@dataclass(frozen=True, slots=True)
class Unit:
    """What an allocation is counted in; ``per_node`` an hour of one whole node."""

    name: str
    """``GPU-hour``, ``GCD-hour``, ``node-hour``, ``core-hour``; "" when unknown."""
    per_node: Amount


def is_whole(of_offer: Claims) -> bool | None:
    """Whether a job is charged whole nodes; None: unknown."""
    shareable = of_offer.get("shareable")
    if shareable is None or not shareable.sourced:
        return None
    return not shareable.value


def node_share(gpus: float, cores: float, of_offer: Claims) -> Amount:
    """How much of a node is charged to a job that asks for so much of it: 0 to 1."""
    whole = is_whole(of_offer)
    if whole is None:
        return Amount(1.0, "estimated", "whole nodes: whether jobs share one is not known")
    if whole:
        return Amount(1.0, "stated", "nodes are charged whole")
    per_gpu, per_core = number(of_offer, "gpus_per_node"), number(of_offer, "cores_per_node")
    if (gpus and not per_gpu) or (not per_core and not gpus):
        return unknown("What part of a node the job has is not known.")
    by_gpu = gpus / per_gpu if per_gpu else 0.0
    by_core = cores / per_core if per_core else 0.0
    source = "the part of a node that is asked for, by GPUs or cores, whichever is more"
    return Amount(min(1.0, max(by_gpu, by_core)), "estimated", source)


def unit_of(of_site: Claims, of_offer: Claims) -> Unit:
    """What the site counts an offer's hours in, by its documents; else by how it limits them."""
    said = of_site.get("accounting_unit") or of_offer.get("accounting_unit")
    if said is None:
        return Unit("", unknown("What the site counts hours in is not known."))
    found = _said_unit(said, of_offer)
    if not said.sourced:
        why = f"What the site counts hours in has no source: {said.words}."
        return Unit(found.name, unknown(why))
    return found


def _said_unit(said: Stated, of_offer: Claims) -> Unit:
    text = str(said.value).lower()
    gpus, cores = number(of_offer, "gpus_per_node"), number(of_offer, "cores_per_node")
    if re.search(r"billing units|\bsbu\b", text):
        return Unit(
            "billing unit", unknown(f"The rate of a billing unit here is not known: {text}.")
        )
    if gpus and "gpu-hour" in text:
        return _counted("GPU-hour", gpus / (2 if "2 gcds" in text else 1), said.words, said.date)
    if gpus and "gcd-hour" in text:
        return _counted("GCD-hour", gpus, said.words, said.date)
    if "node-hour" in text and not (gpus and "node-hours on cpu" in text):
        return _counted("node-hour", 1.0, said.words, said.date)
    if "core-hour" in text:
        return _counted("core-hour", cores, said.words, said.date)
    return Unit("", unknown(f"What this offer's hours are counted in is not known: {text}."))


def _counted(name: str, per_node: float | None, source: str, date: str) -> Unit:
    if not per_node:
        return Unit(name, unknown(f"How many {name}s an hour of a node is, is not known."))
    return Unit(name, Amount(per_node, "estimated", source, date=date))


def eur_per_node_hour(site: str, of_site: Claims, of_offer: Claims, *, here: bool) -> Amount:
    """EUR for an hour of one node; ``here``: the site is the person's own machine."""
    price = of_offer.get("price_eur_per_hour")
    if price is not None and price.sourced:
        return Amount(float(price.value), "stated", price.words, date=price.date)
    if here and price is None:
        return Amount(0.0, "stated", "your own machine: nobody charges for it")
    if price is not None:
        return unknown("The catalogue's price has no source, and no estimate rests on it.")
    if "price_usd_per_hour" in of_offer:
        return unknown("The price is named in USD alone, and no rate of exchange is assumed.")
    if "accounting_unit" in of_site:
        return unknown(f"{site} charges an allocation, and names no price in EUR.")
    return unknown(f"The catalogue holds no price of {site}.")


def total(per_node_hour: Amount, node_hours: float, share: Amount) -> Amount:
    """What ``node_hours`` cost of which ``share`` is charged."""
    if per_node_hour.value is None:
        return per_node_hour
    if not per_node_hour.value:
        return per_node_hour
    if share.value is None:
        return share
    return Amount(
        per_node_hour.value * node_hours * share.value,
        "estimated",
        f"{node_hours:.4g} node-hour{'' if node_hours == 1 else 's'} x {per_node_hour.source}; "
        f"{share.source}",
        date=per_node_hour.date,
    )

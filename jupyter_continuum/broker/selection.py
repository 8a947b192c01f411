"""Which offers or cluster a person means: the same words everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_continuum.errors import PlanRefused, Unknown

CLUSTER_VARIABLE = "JUPYTER_CONTINUUM_CLUSTER"
"""Environment variable with the cluster that is meant where none is named."""

OfferRecord = dict[str, Any]  # an OfferView as it crossed the socket


def select_offers(
    sites: Iterable[dict[str, Any]],  # SiteViews as they crossed the socket
    *,
    gpu: str | bool | None = None,
    country: str | None = None,
    site: str | None = None,
    free: bool = False,
) -> list[OfferRecord]:
    """Offers that fit, those that can be launched first.

    ``gpu`` is a vendor or a part of a model; ``"any"`` or True means any GPU, False none.
    Unknown never fits: an offer whose country is unknown is in no country. A site that is not among
    ``sites``, or a country that is no code, is Unknown.
    """
    records = list(sites)
    if site is not None and site not in (known := [record["id"] for record in records]):
        from jupyter_continuum.catalogue.catalogue import alike  # costs pydantic

        raise Unknown(f"No site in service is called {site!r}. {alike(site, known, 'sites')}")
    if country is not None and len(country) != 2:
        raise Unknown(f"A country is two letters, such as FI, not {country!r}.")
    offers = [offer for record in records for offer in record["offers"]]
    kept = [
        offer
        for offer in offers
        if _has_gpu(offer, gpu)
        and (country is None or (offer.get("country") or "").lower() == country.lower())
        and (site is None or offer["site"] == site)
        and (not free or is_free(offer))
    ]
    return sorted(kept, key=lambda offer: (not offer["launchable"], offer["id"]))


def in_order(
    offers: Iterable[OfferRecord],
    places: Mapping[str, dict[str, Any]],  # RankViews as they crossed the socket, by offer
) -> list[OfferRecord]:
    """As the broker ranked them; those that it did not, last."""
    order = {offer: at for at, offer in enumerate(places)}
    return sorted(offers, key=lambda offer: order.get(offer["id"], len(order)))


def group_of(text: str) -> dict[str, Any]:  # fields of a GroupPlan
    """``site/offer:3`` as a group of three jobs."""
    offer, colon, jobs = text.partition(":")
    if colon and not (jobs.isascii() and jobs.isdecimal()):
        raise PlanRefused(f"{text}: after the colon comes a number of jobs, as in {offer}:2.")
    if "/" not in offer:
        raise PlanRefused(f"{text}: an offer is SITE/OFFER; `jupyter continuum offers` lists them.")
    return {"offer": offer, "jobs": int(jobs) if colon else 1}


def only_cluster(views: Iterable[dict[str, Any]]) -> str:  # ClusterViews as they crossed the socket
    """Name of the one cluster there is. Unknown when there is none, or a choice."""
    names = [view["name"] for view in views if view["state"] != "stopped"]
    if len(names) != 1:
        known = f"these run: {', '.join(names)}" if names else "none runs; `jc.launch` starts one"
        raise Unknown(f"Which cluster? {known}.")
    return str(names[0])


def is_free(offer: OfferRecord) -> bool:
    """True when the last look saw a free node, GPU or core."""
    if offer.get("gpus_total"):
        return bool(offer.get("gpus_free"))
    return bool(offer.get("nodes_free") or offer.get("cpus_free"))


def _has_gpu(offer: OfferRecord, gpu: str | bool | None) -> bool:
    if gpu is None:
        return True
    vendor, model = offer.get("gpu_vendor") or "", offer.get("gpu_model") or ""
    present = bool(vendor or model or offer.get("gpus_per_node"))
    if isinstance(gpu, bool) or gpu == "any":
        return present is (gpu is not False)
    return gpu.lower() in f"{vendor} {model}".lower()

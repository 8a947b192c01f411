"""A view says which of its values nobody vouches for."""

from __future__ import annotations

from datetime import date

from jupyter_continuum.broker.sites.view import site_view
from jupyter_continuum.catalogue import Claim, Offer, Site

TODAY = date(2026, 11, 29)
SITE = Site(
    id="somewhere",
    name="Somewhere",
    kind="hpc",
    country=(Claim(value="FI", kind="official"),),
    latitude=(Claim(value=64.2, kind="unverified"),),
    jurisdiction=(Claim(value="EU (Finland)", kind="unverified"),),
    offers={
        "gpu": Offer(
            id="somewhere/gpu",
            site="somewhere",
            name="gpu",
            nodes=(Claim(value=7, kind="official", expires="2026-10"),),
            gpu_model=(Claim(value="A100", kind="estimate"),),
            gpu_memory_gb=(
                Claim(value=40.0, kind="unverified"),
                Claim(value=80.0, kind="provider"),
            ),
            cpu_architecture=(Claim(value="x86_64", kind="unverified"),),
        )
    },
)


def test_what_nobody_vouches_for_is_shown_and_named() -> None:
    view = site_view(SITE, None, TODAY)
    assert (view.latitude, view.jurisdiction) == (64.2, "EU (Finland)")
    assert view.unverified == ["latitude", "jurisdiction"]


def test_an_expired_value_is_named_and_one_with_a_better_source_is_not() -> None:
    (offer,) = site_view(SITE, None, TODAY).offers
    assert (offer.nodes_total, offer.gpu_memory_gb) == (7, 80.0)
    assert offer.unverified == ["cpu_architecture", "nodes_total"]

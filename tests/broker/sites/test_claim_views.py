"""Every value that is shown of an offer says who says so, and of when."""

from __future__ import annotations

from datetime import date

import pytest

from jupyter_continuum.broker.sites.claim_views import claim_views
from jupyter_continuum.broker.sites.view import site_view
from jupyter_continuum.catalogue import load

CATALOGUE = load()
TODAY = date(2026, 11, 29)
FIELDS = ("gpu_vendor", "gpu_model", "gpus_per_node", "gpu_memory_gb", "cpus_per_node",
          "memory_gb_per_node", "cpu_architecture", "max_walltime_minutes", "max_nodes",
          "nodes_total")  # fmt: skip


@pytest.mark.parametrize("site", CATALOGUE.sites)
def test_whatever_is_shown_of_an_offer_has_a_claim_that_is_as_sure(site: str) -> None:
    view = site_view(CATALOGUE.sites[site], None, TODAY)
    for offer in view.offers:
        told = claim_views(offer.id, offer.name, None, CATALOGUE, TODAY)
        first = {each.field: each for each in reversed(told)}
        for field in FIELDS:
            if getattr(offer, field) is not None:
                assert first[field].kind, (offer.id, field)
                assert first[field].verified == (field not in offer.unverified), (offer.id, field)
        for each in told:
            assert each.source or each.kind in ("unverified", "estimate"), (offer.id, each)

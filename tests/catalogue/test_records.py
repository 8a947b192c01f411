"""The records that ship: complete, sourced, honest about what is not known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from jupyter_continuum.catalogue import (
    Catalogue,
    Claim,
    Offer,
    Region,
    Site,
    choose,
    disputed,
    known,
    load,
    shown,
    slug,
)
from jupyter_continuum.catalogue.load import SHIPPED
from jupyter_continuum.catalogue.merge import claim_fields

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load([], today=TODAY)


def claims(site: Site) -> Iterator[tuple[str, Claim[Any]]]:
    holders: list[Site | Offer | Region] = [site, *site.offers.values(), *site.regions.values()]
    for holder in holders:
        for name in claim_fields(type(holder)):
            for claim in getattr(holder, name):
                yield f"{site.id} {getattr(holder, 'name', '')} {name}", claim


def test_there_are_22_systems_and_19_clouds(catalogue: Catalogue):
    kinds = [site.kind for site in catalogue.sites.values()]
    assert (kinds.count("hpc"), kinds.count("cloud")) == (22, 19)
    assert len(catalogue.offers(retired=True)) == 216


def test_a_file_is_called_like_its_site(catalogue: Catalogue):
    files = {path.stem for path in (SHIPPED / "sites").iterdir()}
    assert files == set(catalogue.sites)


def test_every_claim_has_a_source_or_says_that_it_has_none(catalogue: Catalogue):
    for site in catalogue.sites.values():
        for where, claim in claims(site):
            assert (claim.source in site.sources) != (claim.source is None), where
            assert (claim.source is None) == (claim.kind == "unverified"), where


def test_every_source_says_where_it_is_and_when_it_was_seen(catalogue: Catalogue):
    for site in catalogue.sites.values():
        for key, source in site.sources.items():
            assert source.url or source.where, f"{site.id} {key}"
            assert source.date, f"{site.id} {key}"


def test_nothing_unverified_passes_for_known(catalogue: Catalogue):
    vega = catalogue.site("vega")
    assert shown(vega.pue, TODAY) == 1.15
    assert known(vega.pue, TODAY) is None


def test_lumi_carries_what_documents_and_users_say_of_the_network(catalogue: Catalogue):
    said = catalogue.site("lumi").outbound_network
    assert [(claim.value, claim.kind) for claim in said] == [("nat", "official"), ("none", "user")]
    assert disputed(said, TODAY)
    chosen = choose(said, TODAY)
    assert chosen is not None
    assert chosen.kind == "official"


@pytest.mark.parametrize(
    ("lifecycle", "ids"),
    [
        ("retired", {"puhti", "mahti"}),
        ("planned", {"alice-recoque", "daedalus"}),
        (
            "unknown",
            {"jedi", "ionos", "leaseweb", "genesis-cloud", "aruba", "cloudferro", "egi"},
        ),
    ],
)
def test_lifecycles(catalogue: Catalogue, lifecycle: str, ids: set[str]):
    assert {site.id for site in catalogue.sites.values() if site.lifecycle == lifecycle} == ids


def test_retired_sites_offer_only_when_asked_for(catalogue: Catalogue):
    assert not {"puhti", "mahti"} & {offer.site for offer in catalogue.offers()}
    assert catalogue.offers(site="puhti", retired=True)


def test_filters(catalogue: Catalogue):
    assert {offer.site for offer in catalogue.offers(gpu="mi250", kind="hpc")} == {"lumi", "dardel"}
    assert "leonardo" in {offer.site for offer in catalogue.offers(country="it")}
    assert "upcloud" in {offer.site for offer in catalogue.offers(country="FI")}
    assert all(offer.id.startswith("alps/") for offer in catalogue.offers(site="alps"))


def test_offer_ids_are_what_a_plan_and_a_shell_can_hold(catalogue: Catalogue):
    for offer in catalogue.offers(retired=True):
        assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9][a-z0-9._-]*[a-z0-9]", offer.id)
        assert catalogue.offer(offer.id) is offer


def test_a_partition_with_several_qos_is_several_offers(catalogue: Catalogue):
    debug = catalogue.offer("leonardo/boost_usr_prod.boost_qos_dbg")
    assert (debug.partition, debug.qos) == ("boost_usr_prod", "boost_qos_dbg")
    assert shown(debug.max_walltime_h, TODAY) == 0.5
    assert catalogue.offer("leonardo/boost_usr_prod").qos == "normal"


def test_a_partition_whose_name_nobody_knows_has_none(catalogue: Catalogue):
    assert {offer.partition for offer in catalogue.offers(site="arrhenius")} == {None}


def test_cpu_partitions_are_estimated_to_have_no_gpu(catalogue: Catalogue):
    (claim,) = catalogue.offer("lumi/standard").gpus_per_node
    assert (claim.value, claim.kind) == (0, "estimate")


@pytest.mark.parametrize(
    ("text", "key"),
    [("boost_usr_prod", "boost_usr_prod"), ("1B300.30V", "1b300.30v"), ("GPU (H100)!", "gpu-h100")],
)
def test_slug(text: str, key: str):
    assert slug(text) == key


def test_carbon_has_two_series_that_differ_and_are_credited(catalogue: Catalogue):
    carbon = catalogue.carbon
    assert len(carbon.countries) == 40
    assert carbon.default_series == "em2025"
    estonia = [carbon.intensity("EE", series) for series in (None, "ember")]
    assert [round(value.gco2eq_per_kwh) for value in estonia if value] == [243, 341]
    assert carbon.intensity("XX") is None
    assert carbon.intensity("UA") is None
    assert "SE-SE1" in carbon.countries["SE"].zones
    for country in carbon.countries.values():
        assert set(country.series) <= set(carbon.series)
    for series in carbon.series.values():
        assert series.licence in ("ODbL-1.0", "CC-BY-SA-4.0")
        assert series.attribution


def test_datasets_that_ship_lie_in_a_package(catalogue: Catalogue):
    assert {dataset.url.partition(":")[0] for dataset in catalogue.datasets.values()} == {"python"}


def test_the_power_of_a_device_has_a_dated_source_or_is_unverified(catalogue: Catalogue) -> None:
    table = catalogue.devices
    named = {each.source for each in table.devices.values()} - {None}
    assert named == set(table.sources)
    for source in table.sources.values():
        assert source.url
        assert re.fullmatch(r"20[0-9]{2}(-[0-9]{2}){0,2}", source.date)

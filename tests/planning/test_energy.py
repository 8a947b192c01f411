"""An estimate rests on claims with a source, or there is none and a sentence says why."""

from __future__ import annotations

import pytest

from jupyter_continuum.planning.amount import Amount, Stated, unknown
from jupyter_continuum.planning.energy import (
    carbon_kg,
    energy_kwh,
    node_kw,
    node_power,
    with_cooling,
)

POWER = {"power_kw_linpack": Stated(15_000, "user", "a magazine")}
NODES = Stated(5_000, "official", "the operator")
FINLAND = {"gco2eq_per_kwh": Stated(70.0, "official", "a table")}


def test_a_node_draws_its_part_of_the_machine() -> None:
    node = node_kw("jupiter", POWER, NODES)
    assert (node.value, node.kind) == (3.0, "estimated")
    assert "a magazine" in node.source
    assert "the operator" in node.source
    energy = energy_kwh(2.0, node)
    assert (energy.value, energy.kind) == (6.0, "estimated")
    assert node.source in energy.source


@pytest.mark.parametrize(
    ("of_site", "nodes", "said"),
    [
        ({}, NODES, "holds no power draw of lumi"),
        ({"power_kw_linpack": Stated(7107, "unverified")}, NODES, "has no source"),
        ({"power_kw_linpack": Stated({"GPU": 311}, "user", "x")}, NODES, "of parts of it"),
        (POWER, None, "How many nodes"),
        (POWER, Stated(5000, "unverified"), "How many nodes"),
    ],
)
def test_what_has_no_source_gives_no_number(
    of_site: dict[str, Stated], nodes: Stated | None, said: str
) -> None:
    node = node_kw("lumi", of_site, nodes)
    assert (node.value, node.kind) == (None, "unknown")
    assert said in node.reason
    assert energy_kwh(5.0, node) == node


def test_carbon_needs_energy_and_a_country() -> None:
    drawn = Amount(100.0, "estimated", "x")
    assert carbon_kg(drawn, "lumi", FINLAND).value == 7.0
    assert "PUE is not known" in carbon_kg(drawn, "lumi", FINLAND).source
    cooled = carbon_kg(drawn, "lumi", FINLAND | {"pue": Stated(1.1, "official", "report")})
    assert cooled.value == pytest.approx(7.7)
    assert "PUE 1.1 (official: report)" in cooled.source
    unsourced = carbon_kg(drawn, "lumi", FINLAND | {"pue": Stated(1.04, "unverified")})
    assert unsourced.value == 7.0
    assert carbon_kg(drawn, "lumi", {}).kind == "unknown"
    assert carbon_kg(unknown("why"), "lumi", FINLAND).kind == "unknown"


def test_where_nobody_measured_the_machine_its_gpus_rated_power_is_taken() -> None:
    gpus = {
        "gpus_per_node": Stated(4, "official"),
        "device_watts": Stated(400, "provider", "NVIDIA"),
    }
    rated = node_power("x", {}, gpus)
    assert (rated.value, rated.kind) == (1.6, "estimated")
    assert "NVIDIA" in rated.source
    assert node_power("x", POWER, gpus | {"machine_nodes": NODES}).value == 3.0
    assert node_power("x", {}, {"device_watts": Stated(400, "provider")}).value is None


def test_cooling_is_added_only_where_a_source_says_how_much() -> None:
    energy = Amount(10.0, "estimated", "x")
    assert with_cooling(energy, {"pue": Stated(1.2, "provider", "y")}).value == 12.0
    assert with_cooling(energy, {"pue": Stated(1.2, "unverified")}).value == 10.0
    assert with_cooling(unknown("why"), {}).value is None

"""An estimate rests on claims with a source, or there is none and a sentence says why."""

from __future__ import annotations

import pytest

from jupyter_continuum.planning.energy import (
    Amount,
    Stated,
    carbon_kg,
    energy_kwh,
    node_kw,
    unknown,
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

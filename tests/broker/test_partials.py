"""What crosses the links of sites when an analysis combines its partials there."""

from __future__ import annotations

import itertools
import time
from typing import Any

import dask.array as da
import numpy as np
import pytest
from distributed import wait

import jupyter_continuum as jc
from jupyter_continuum.analysis import gathering, opening
from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cluster.reachability import site_of

FEATURES = 192
"""The products of one chunk are 8 * 192**2 bytes: 0.3 MB."""


@pytest.mark.usefixtures("standing")
def test_a_few_partials_of_each_site_cross_instead_of_one_a_chunk(
    monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    """To the bit the same. 64 chunks that the workers make themselves; links count what crosses."""
    monkeypatch.setattr(opening, "LEAST", 1 << 19)
    monkeypatch.setattr(opening, "WANTED", {True: 1 << 19, False: 1 << 19})
    random = da.random.default_rng(3)
    x = random.normal(size=(64 * 256, FEATURES), chunks=(256, FEATURES))
    analysis = jc.analysis.PrincipalComponents(2)
    with jc.attach("main").get_client() as client:
        jc.analysis.run(analysis, x[:256], client=client)  # imports are no traffic of the others
        there, few = crossed(client, analysis, x)
        monkeypatch.setattr(gathering, "LINK_BYTES_A_SECOND", np.inf)  # nothing stays
        here, all_ = crossed(client, analysis, x)
    np.testing.assert_array_equal(there.variance, here.variance)
    np.testing.assert_array_equal(there.directions, here.directions)
    record_property("measured", f"{all_ / 1e6:.1f} MB before, {few / 1e6:.1f} MB now")
    assert few < all_ / 2


@pytest.mark.usefixtures("standing")
def test_neighbours_are_kept_at_one_site(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a run over what is kept gathers at the sites too, with the same result to the bit."""
    monkeypatch.setattr(opening, "LEAST", 1 << 19)
    monkeypatch.setattr(opening, "WANTED", {True: 1 << 19, False: 1 << 19})
    x = da.random.default_rng(3).normal(size=(32 * 256, FEATURES), chunks=(256, FEATURES))
    analysis = jc.analysis.PrincipalComponents(2)
    with jc.attach("main").get_client() as client:
        kept = jc.analysis.keep(analysis, x, client=client)
        wait(kept.chunks)
        holders = client.who_has(list(kept.chunks))
        sites = [site_of(holders[each.key][0]) for each in kept.chunks]
        assert len(set(sites)) == 3
        assert sum(one != other for one, other in itertools.pairwise(sites)) == 2, sites
        found = jc.analysis.run(analysis, kept, client=client)
        np.testing.assert_array_equal(
            found.variance, jc.analysis.run(analysis, x, client=client).variance
        )


def crossed(client: Any, analysis: Any, x: Any) -> tuple[Any, int]:
    """The result, and the bytes that crossed all links meanwhile."""
    before = total()
    found = jc.analysis.run(analysis, x, client=client)
    return found, total() - before


def total() -> int:
    """Of all links, two reports of the hub later: the first may be older than what was asked for.
    There is always something to report, if only that workers are alive."""
    seen: list[int] = []
    deadline = time.monotonic() + 60
    while len(set(seen)) < 3:
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
        view = call_broker("cluster", name="main")
        seen.append(sum(link["bytes"] for link in view["links"]))
    return seen[-1]

"""What crosses the links of sites when an analysis combines its partials there."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
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
        keys = [each.key for each in kept.chunks]
        # Where each was to go: an idle site may have stolen some.
        pinned = client.run_on_scheduler(
            lambda dask_scheduler: [dask_scheduler.tasks[key].worker_restrictions for key in keys]
        )
        sites = [site for (site,) in ({site_of(at) for at in each} for each in pinned)]
        assert len(set(sites)) == 3
        assert sum(one != other for one, other in itertools.pairwise(sites)) == 2, sites
        found = jc.analysis.run(analysis, kept, client=client)
        np.testing.assert_array_equal(
            found.variance, jc.analysis.run(analysis, x, client=client).variance
        )


@pytest.mark.usefixtures("standing")
def test_a_climatology_needs_the_place_of_a_dataset_that_one_site_sees(tmp_path: Path) -> None:
    """A relative path, which leads somewhere for the workers of ``north`` alone."""
    time_ = np.arange("1999-01-01", "2009-01-01", dtype="datetime64[D]").astype("datetime64[ns]")
    values = np.random.default_rng(7).normal(size=(len(time_), 6, 8)) + 280
    dims = ("time", "lat", "lon")
    t2m = xr.DataArray(values, {"time": time_, "lat": np.arange(6.0)}, dims, name="t2m")
    t2m.to_dataset().chunk(time=400).to_zarr(
        tmp_path / "era5.zarr", zarr_format=2, consolidated=True
    )
    with jc.attach("main").get_client() as client:
        north = [each for each in client.nthreads() if site_of(each) == "north"]
        before = client.run(os.getcwd, workers=north)
        client.run(os.chdir, str(tmp_path), workers=north)
        try:
            found = jc.analysis.climatology("era5.zarr/t2m", client=client)
        finally:
            for address, folder in before.items():
                client.run(os.chdir, folder, workers=[address])
    xr.testing.assert_allclose(found, jc.analysis.climatology(t2m), rtol=1e-12)


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

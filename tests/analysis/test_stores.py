"""Stores behind a real HTTP server, read by workers and here."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from distributed import Client

from jupyter_continuum.analysis import climatology, run
from jupyter_continuum.analysis.backends import Backend
from jupyter_continuum.analysis.device import use
from jupyter_continuum.analysis.scan import Progress
from jupyter_continuum.errors import AnalysisError
from tests.analysis.kernels import Borders, Total
from tests.analysis.test_climate import field, store

X = np.arange(120.0 * 40).reshape(120, 40)

pytestmark = pytest.mark.usefixtures("small_chunks")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a folder with the array ``x.zarr`` and the dataset ``era5.zarr``."""
    folder = tmp_path_factory.mktemp("served")
    zarr.create_array(str(folder / "x.zarr"), data=X, chunks=(12, 40))
    store(field(), folder / "era5.zarr")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_workers_read_a_url_by_themselves(served: str, mixed: Client) -> None:
    seen: list[Progress] = []
    url = f"{served}/x.zarr"
    assert run(Total(), url, client=mixed, progress=seen.append).sum == X.sum()
    assert set(seen[-1].by) == {"CPU", "a device that is none"}
    assert run(Borders(), url, client=mixed) == 0


def test_a_url_is_read_here(served: str, device: Backend) -> None:
    assert run(Total(), f"{served}/x.zarr").sum == X.sum()


def test_a_variable_has_a_url_too(served: str, mixed: Client, tmp_path: Path) -> None:
    found = climatology(f"{served}/era5.zarr/t2m", client=mixed)
    store(field(), tmp_path / "era5.zarr")
    with use("numpy"):
        xr.testing.assert_allclose(found, climatology(tmp_path / "era5.zarr" / "t2m"), rtol=1e-12)


def test_a_url_where_nothing_is_is_a_sentence(served: str, mixed: Client) -> None:
    with pytest.raises(AnalysisError, match=r"None of the 2 workers can read it: .*nowhere\.zarr"):
        run(Total(), f"{served}/nowhere.zarr", client=mixed)


def test_what_reads_a_url_is_named_where_it_is_missing(
    served: str, device: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = vars(import_module("fsspec.registry"))["_registry"]
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "fsspec.implementations.http", raising=False)
    monkeypatch.delitem(known, "http", raising=False)
    with pytest.raises(AnalysisError, match=r"has not \(.*aiohttp.* cluster\.install"):
        run(Total(), f"{served}/x.zarr")

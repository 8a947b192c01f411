"""What records say of data sets, as a person sees it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from jupyter_continuum.broker.data.view import dataset_view
from jupyter_continuum.broker.messages.datasets import DatasetView
from jupyter_continuum.broker.rows import DATASET_HEAD, dataset_row
from jupyter_continuum.catalogue import load_datasets
from jupyter_continuum.errors import CatalogueError
from jupyter_continuum.table import as_text

TODAY = date(2026, 11, 29)

ERA5 = """
id: era5
name: ERA5, our cut
url: file:///scratch/era5.zarr
site: lumi
owner: {value: ECMWF, source: cds, observed: 2026-03}
licence: [{value: CC-BY-4.0, source: cds}, {value: mine, kind: user}]
jurisdiction: {value: [FI], kind: user, expires: 2025}
size_gb: 120.5
stays: site
sources:
  cds:
    title: Climate Data Store
    tier: official
    url: https://cds.example.eu/era5
    date: 2026-01-05
"""


def own(tmp_path: Path, record: str) -> dict[str, DatasetView]:
    (tmp_path / "datasets").mkdir(exist_ok=True)
    (tmp_path / "datasets" / "mine.yaml").write_text(record)
    found = load_datasets([tmp_path])
    return {id: dataset_view(each, TODAY) for id, each in found.items()}


def test_ones_own_records_lie_beside_and_over_those_of_the_catalogue(tmp_path: Path) -> None:
    views = own(tmp_path, "id: pacific-sst\nsize_gb: 0.001\n")
    assert {"mauna-loa-co2", "pacific-sst"} <= set(views)
    size, law = views["pacific-sst"].size_gb, views["pacific-sst"].jurisdiction
    assert size is not None
    assert (size.value, size.kind) == (0.001, "user")
    assert law is not None
    assert (law.value, law.kind) == (["US"], "unverified")


def test_each_value_has_its_source_and_date(tmp_path: Path) -> None:
    view = own(tmp_path, ERA5)["era5"]
    assert (view.path, view.format, view.site) == ("/scratch/era5.zarr", "zarr", "lumi")
    assert view.owner is not None
    assert view.owner.model_dump() == {
        "value": "ECMWF",
        "kind": "official",
        "source": "Climate Data Store",
        "url": "https://cds.example.eu/era5",
        "date": "2026-03",
        "note": "",
    }
    assert view.licence is not None
    assert (view.licence.value, view.licence.date) == ("CC-BY-4.0", "2026-01-05")
    assert view.jurisdiction is not None
    assert view.jurisdiction.kind == "expired"


def test_unknown_stays_unknown_and_doubt_is_shown(tmp_path: Path) -> None:
    view = own(tmp_path, "id: bare\nname: Bare\nurl: https://data.example.eu/bare")["bare"]
    assert (view.owner, view.size_gb, view.format, view.path) == (None, None, "files", "")
    rows = [dataset_row(view.model_dump()), dataset_row(own(tmp_path, ERA5)["era5"].model_dump())]
    bare, era5 = as_text(DATASET_HEAD, rows).splitlines()[1:]
    assert bare.split() == ["bare", "Bare", "files", *"–", "anywhere", *"–––", view.url]
    assert "120.5 GB  lumi" in era5
    assert "FI (expired)" in era5


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('name: "a\\e[2Jb"', "name"),
        ("url: javascript:alert(1)", "url"),
        ("url: 'file:///a b'", "url"),
        ("size_gb: -1", "size_gb"),
        ("stays: at home", "stays"),
        ("colour: red", "colour"),
    ],
)
def test_what_is_wrong_in_a_record_is_named_with_its_line(
    tmp_path: Path, line: str, field: str
) -> None:
    lines = ["id: bare", "name: Bare", "url: https://data.example.eu/x"]
    kept = [each for each in lines if not each.startswith(line.partition(":")[0])]
    with pytest.raises(CatalogueError, match=rf"mine\.yaml, line {len(kept) + 1}, field {field}"):
        own(tmp_path, "\n".join([*kept, line]))

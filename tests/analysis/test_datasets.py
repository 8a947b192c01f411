"""Data sets opened by workers and here: the same values, whatever they are cut into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from distributed import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_continuum.analysis import frames, readers
from jupyter_continuum.analysis.dataset import open_alone, open_by_workers, open_here, open_packaged
from jupyter_continuum.analysis.readers import Readers
from jupyter_continuum.errors import AnalysisError

CUBE = xr.Dataset(
    {"t2m": (("time", "x"), np.arange(400.0).reshape(40, 10), {"units": "K"})},
    coords={"time": pd.date_range("2000-01-01", periods=40), "height": ("x", np.arange(10.0))},
    attrs={"title": "ours"},
)
TABLE = pd.DataFrame({"n": range(90), "x": np.linspace(0, 1, 90), "kind": ["a", "b", "c"] * 30})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    CUBE.chunk(time=8).to_zarr(made / "cube.zarr", zarr_format=2)
    (made / "parts").mkdir()
    for number, part in enumerate((TABLE[:45], TABLE[45:])):
        part.to_parquet(made / "parts" / f"{number}.parquet", row_group_size=10)
    TABLE.to_csv(made / "table.csv", index=False)
    return made


@pytest.fixture
def all_workers(mixed: Client) -> Readers:
    return Readers.of(mixed, "ours", None)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "BYTES", 300)


def test_a_cube_comes_without_its_values(folder: Path, all_workers: Readers) -> None:
    found = open_by_workers(f"{folder}/cube.zarr", "zarr", all_workers)
    assert found.t2m.chunks[0] == (8,) * 5
    assert (found.attrs, found.t2m.attrs["units"]) == (CUBE.attrs, "K")
    xr.testing.assert_identical(found.compute(), open_here(f"{folder}/cube.zarr", "zarr").compute())
    wide = open_by_workers(f"{folder}/cube.zarr", "zarr", all_workers, chunks={"time": -1})
    assert wide.t2m.chunks == ((40,), (10,))
    assert float(wide.t2m.sel(time="2000-02").mean()) == float(CUBE.t2m.sel(time="2000-02").mean())


def test_a_table_is_cut_into_row_groups(
    folder: Path, all_workers: Readers, small_pieces: None
) -> None:
    found = open_by_workers(f"{folder}/parts", "parquet", all_workers, columns=["n", "kind"])
    assert list(found.columns) == ["n", "kind"]
    assert found.npartitions > 2
    assert found.n.sum().compute() == TABLE.n.sum()
    assert open_here(f"{folder}/parts", "parquet").n.sum().compute() == TABLE.n.sum()


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_a_netcdf_file_is_a_cube(folder: Path, all_workers: Readers, engine: str) -> None:
    """Of version 4, in chunks that are compressed, and of version 3, which is one piece."""
    stored = {"t2m": {"chunksizes": (8, 10), "zlib": True}} if engine == "h5netcdf" else {}
    CUBE.to_netcdf(f"{folder}/{engine}.nc", engine=engine, encoding=stored)
    found = open_by_workers(f"{folder}/{engine}.nc", "netcdf", all_workers)
    assert found.t2m.chunks[0] == ((8,) * 5 if stored else (40,))
    assert found.t2m.attrs["units"] == "K"
    xr.testing.assert_equal(found.compute(), CUBE)
    xr.testing.assert_equal(open_here(f"{folder}/{engine}.nc", "netcdf").compute(), CUBE)
    part = open_by_workers(f"{folder}/{engine}.nc", "netcdf", all_workers, chunks={"time": 3})
    assert float(part.t2m.sel(time="2000-02").mean()) == float(CUBE.t2m.sel(time="2000-02").mean())


def test_folders_that_say_a_column_are_one_table(folder: Path, all_workers: Readers) -> None:
    hive = folder / "hive"
    if not hive.exists():
        TABLE.assign(year=2020 + TABLE.n % 3).to_parquet(hive, partition_cols=["year", "kind"])
    found = open_by_workers(str(hive), "parquet", all_workers)
    assert found.npartitions == 3
    assert [*found.columns] == ["n", "x", "year", "kind"]
    assert found.dtypes.year == "int64"
    known = found.compute().sort_values("n")
    assert [*known.kind] == [*TABLE.kind]
    assert [*known.year] == [*(2020 + TABLE.n % 3)]
    few = open_by_workers(str(hive), "parquet", all_workers, columns=["year", "n"])
    assert few[few.year == 2021].n.sum().compute() == TABLE.n[TABLE.n % 3 == 1].sum()
    assert open_here(str(hive), "parquet").n.sum().compute() == TABLE.n.sum()


def test_a_key_of_a_folder_is_text_unless_all_are_numbers(tmp_path: Path) -> None:
    for name in ("part=07/of=a%20b", f"part={frames.NO_VALUE}/of=c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "0.parquet").write_bytes(b"")
    (tmp_path / "part=07" / "other").mkdir()
    (tmp_path / "part=07" / "other" / "1.parquet").write_bytes(b"")
    assert [*frames._partitioned(str(tmp_path)).values()] == [
        (("part", "07"), ("of", "a b")),
        (("part", None), ("of", "c")),
    ]
    (tmp_path / "2.parquet").write_bytes(b"")
    with pytest.raises(AnalysisError, match="below different key=value folders"):
        frames._partitioned(str(tmp_path))


@pytest.mark.usefixtures("small_pieces")
def test_a_csv_file_is_cut_into_lines(folder: Path, all_workers: Readers) -> None:
    found = open_by_workers(f"{folder}/table.csv", "csv", all_workers)
    assert found.npartitions > 5
    pd.testing.assert_series_equal(
        found.groupby("kind").x.sum().compute().sort_index(),
        TABLE.groupby("kind").x.sum(),
        check_index_type=False,
        check_names=False,
    )
    commented = open_by_workers(f"{folder}/table.csv", "csv", all_workers, skiprows=[1])
    assert (commented.npartitions, len(commented)) == (1, 89)


@settings(deadline=None, max_examples=50)
@given(
    lines=st.lists(st.integers(0, 10**9), min_size=1, max_size=20),
    size=st.integers(1, 60),
    ended=st.booleans(),
)
def test_every_line_is_in_one_piece(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int], size: int, ended: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.csv"
    path.write_text("number\n" + "\n".join(map(str, lines)) + ("\n" if ended else ""))
    pieces = list(frames._by_bytes(str(path), size))
    read = [frames.Table("csv", {})(piece).number for piece in pieces]
    assert [int(number) for part in read for number in part] == lines


def test_files_are_opened_where_they_are(folder: Path, all_workers: Readers) -> None:
    files = open_by_workers(f"{folder}/*.csv", "files", all_workers)

    def length(file: object) -> int:
        with file as opened:  # type: ignore[attr-defined]
            return len(opened.read())

    client = all_workers.client
    (size,) = client.gather(client.map(length, files, workers=files.workers))
    assert size == (folder / "table.csv").stat().st_size
    assert [each.path for each in open_here(f"{folder}/*.csv", "files")] == [files[0].path]


@pytest.mark.parametrize(("name", "format"), [("cube.zarr", "zarr"), ("table.csv", "csv")])
def test_what_must_stay_is_read_by_nobody_else(
    folder: Path, mixed: Client, name: str, format: str
) -> None:
    """Whatever client there is when it is computed."""

    def total(opened: Any) -> Any:
        return opened.t2m.sum() if format == "zarr" else opened.n.sum()

    alone = total(open_alone(f"{folder}/{name}", format))
    wanted = CUBE.t2m.values.sum() if format == "zarr" else TABLE.n.sum()
    assert float(alone.compute(scheduler="threads")) == wanted
    with pytest.raises(AnalysisError, match=rf"{name} was opened by the notebook for itself: "):
        alone.compute()
    of_another = Readers.of(mixed, "ours", None, "0a1b2c")
    with pytest.raises(AnalysisError, match=rf"{name} must stay, .*open it again with this one"):
        total(open_by_workers(f"{folder}/{name}", format, of_another)).compute()


@pytest.mark.parametrize(
    ("name", "format", "kw", "said"),
    [
        ("nothing.zarr", "zarr", {}, "cannot be read as zarr"),
        ("table.csv", "zarr", {}, "cannot be read as zarr"),
        ("cube.zarr", "zarr", {"flavour": 3}, "cannot be read as zarr"),
        ("nothing.csv", "csv", {}, "no such file"),
        ("table.csv", "parquet", {}, "cannot be read as parquet"),
        ("parts", "parquet", {"columns": ["none"]}, "no columns none"),
        ("table.csv", "files", {"mode": "w"}, "take no mode"),
    ],
)
def test_what_cannot_be_opened_is_a_sentence(
    folder: Path, all_workers: Readers, name: str, format: str, kw: dict[str, object], said: str
) -> None:
    with pytest.raises(AnalysisError, match=said):
        open_by_workers(f"{folder}/{name}", format, all_workers, **kw)


def test_what_is_missing_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AnalysisError, match=r"nosuch is not installed on .* `pip install nosuch`"):
        open_packaged("nosuch.data")
    with pytest.raises(AnalysisError, match="has no load_pandas"):
        open_packaged("json")
    with pytest.raises(AnalysisError, match="workers at lumi"):
        readers.check_place("/data/x", ("lumi",))
    with pytest.raises(AnalysisError, match="s3fs"):
        open_here("s3://bucket/x", "files")


def test_a_site_without_workers_is_named(mixed: Client) -> None:
    with pytest.raises(AnalysisError, match=r"ours lies at lumi, .*offers --site lumi"):
        Readers.of(mixed, "ours", "lumi")

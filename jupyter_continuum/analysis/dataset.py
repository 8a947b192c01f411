"""A data set opened as what it is: by this process, or by the workers that can."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_continuum.analysis.cubes import open_cube
from jupyter_continuum.analysis.frames import ENDS, find_files, open_frame
from jupyter_continuum.analysis.readers import Alone, Readers, readable, wanted
from jupyter_continuum.errors import AnalysisError


class SiteFiles(list[Any]):  # of fsspec.core.OpenFile
    """Open files, each to be entered (``with``) by the workers that can see it."""

    def __init__(self, files: Iterable[Any], readers: Readers) -> None:
        super().__init__(files)
        self._readers = readers

    def __reduce__(self) -> tuple[type[list[Any]], tuple[list[Any]]]:
        """What travels to workers is the files alone: a client cannot."""
        return list, (list(self),)

    @property
    def workers(self) -> list[str]:
        """Addresses of those that can: ``client.map(work, files, workers=files.workers)``."""
        return self._readers.workers


def open_by_workers(place: str, format: str, readers: Readers, **kw: Any) -> Any:
    """An xarray.Dataset, a dask.dataframe, or SiteFiles, which those workers read."""
    if format in ("zarr", "netcdf"):
        return open_cube(place, format, readers, **kw)
    if format in ENDS and "://" not in place:
        return open_frame(place, format, readers, **kw)
    if "://" in place:  # nothing to be seen of a URL that this process does not see too
        return open_here(place, format, **kw)
    if kw:
        raise _takes_nothing(place, kw)
    found, able = readers.ask(find_files, place)
    return SiteFiles(wanted("fsspec").open_files(found), able)


def open_alone(place: str, format: str, **kw: Any) -> Any:
    """The same by this process, and by no worker whatever computes with it."""
    if format in ("zarr", "netcdf"):
        return open_cube(place, format, Alone(), **kw)
    if format in ENDS and "://" not in place:
        return open_frame(place, format, Alone(), **kw)
    return open_here(place, format, **kw)


def open_here(place: str, format: str, **kw: Any) -> Any:
    """The same by what reads it in this process: xarray, dask.dataframe, or fsspec."""
    with readable(place, format):
        if format in ("zarr", "netcdf"):
            if format == "zarr":
                wanted("zarr")
                kw.setdefault("engine", "zarr")
            wanted("dask.array")
            return wanted("xarray").open_dataset(place, **{"chunks": {}, **kw})
        if format in ENDS:
            wanted("pandas")
            wanted("pyarrow")
            import dask.dataframe as dd

            read = dd.read_parquet if format == "parquet" else dd.read_csv
            return read(place, **kw)
        if "://" not in place and not kw:
            return wanted("fsspec").open_files(find_files(place))
        return wanted("fsspec").open_files(place, **kw)


def open_packaged(module: str, **kw: Any) -> Any:
    """A dask.dataframe of the data that a package brings along, as those of statsmodels do."""
    if kw:
        raise _takes_nothing(module, kw)
    wanted("pyarrow")
    import dask.dataframe as dd

    package = wanted(module)
    if not hasattr(package, "load_pandas"):
        raise AnalysisError(f"{module} has no load_pandas(): import it and read it by hand.")
    return dd.from_pandas(package.load_pandas().data, npartitions=1)


def _takes_nothing(place: str, kw: dict[str, Any]) -> AnalysisError:
    return AnalysisError(f"{place} is opened as files, which take no {', '.join(kw)}.")

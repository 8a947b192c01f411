"""Climate statistics of fields over time: monthly climatology, spread, trend and anomalies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jupyter_continuum.analysis.crew import OnCluster
from jupyter_continuum.analysis.cuts import Chunk, Layout
from jupyter_continuum.analysis.method import Analysis
from jupyter_continuum.analysis.scan import Progress, run
from jupyter_continuum.analysis.stores import Variable
from jupyter_continuum.analysis.sums import Span, add_pieces, floating, join, span
from jupyter_continuum.errors import AnalysisError

YEAR = np.timedelta64(31_556_952, "s")
"""The Gregorian calendar's mean year."""
EPOCH = np.datetime64("2000-01-01", "s")


@dataclass(frozen=True, slots=True)
class Climate:
    """Of a field (time, \\*cells) in unit ``u``; NaN where too few values were there."""

    mean: np.ndarray
    """(12, \\*cells): of each month of the year, in ``u``."""
    deviation: np.ndarray
    """(12, \\*cells): of the values of each month about its mean, with ``n - 1``."""
    count: np.ndarray
    """(12, \\*cells): values of each month that are not NaN."""
    trend: np.ndarray
    """(\\*cells): in ``u`` per year."""
    trend_error: np.ndarray
    """(\\*cells): one standard error, as if the residuals were independent of each other."""

    def anomalies(self, field: Any, months: Any) -> Any:
        """``field`` (time, \\*cells) less the climatology; ``months`` (time,) are 1 to 12.

        A Dask array stays one.
        """
        months = np.asarray(months)
        if not hasattr(field, "__dask_graph__"):
            return field - self.mean[months - 1]

        def less(block: Any, block_info: Any = None) -> Any:
            time, *cells = (slice(*each) for each in block_info[0]["array-location"])
            return block - self.mean[(slice(None), *cells)][months[time] - 1]

        return field.map_blocks(less, dtype=np.result_type(field.dtype, self.mean.dtype))

    def to_xarray(self, like: Any) -> Any:
        """A Dataset with the coordinates of the DataArray ``like`` that was analysed."""
        import xarray as xr

        time, *cells = like.dims
        coordinates = {name: each for name, each in like.coords.items() if time not in each.dims}
        monthly = ("month", *cells)
        return xr.Dataset(
            {
                "mean": (monthly, self.mean),
                "deviation": (monthly, self.deviation),
                "count": (monthly, self.count),
                "trend": (tuple(cells), self.trend),
                "trend_error": (tuple(cells), self.trend_error),
            },
            coords={**coordinates, "month": np.arange(1, 13)},
        )

    def plot(self, ax: Any = None) -> Any:
        """A map of the trend, or of one cell the year's course, on the axes that are returned."""
        from matplotlib import pyplot

        ax = ax or pyplot.figure().add_subplot()
        if self.trend.ndim == 2:
            ax.figure.colorbar(ax.imshow(self.trend), ax=ax, label="trend per year")
        else:
            courses = self.mean.reshape(12, -1)
            ax.plot(np.arange(1, 13), courses)
            ax.set(xlabel="month", ylabel="mean")
        return ax


@dataclass(frozen=True, slots=True)
class ClimateStatistics(Analysis[dict[Span, Any], Climate]):
    """Monthly climatology and linear trend of a field (time, \\*cells), in one pass.

    ``months`` are 1 to 12 and ``years`` decimal, one for each time step in any order;
    `climatology` takes both from an xarray time axis. A NaN or an infinity does not count, in its
    cell alone.

    For each month of the year and cell: count, means and products of deviations of value and time,
    first of each chunk about its own means, then combined as by Chan, Golub and LeVeque
    (doi:10.1080/00031305.1983.10483115), all in float64: the offset of temperatures in kelvin costs
    no digits, and results are those of float64 on the values as they are stored. The trend is the
    least-squares slope with a mean of its own for each month, so that gaps in some season do not
    turn the year's course into a trend; the slope of plain least squares where there is one month.
    Its error takes residuals for independent, which those of daily values are not: it is then too
    small (von Storch and Zwiers 1999, 8.2.3). A storage block should hold some hundred time steps
    or more: what a chunk gives is as large as 144 of its own in float32.

    AnalysisError where ``months`` or ``years`` are not one for each time step, for a month that is
    none, and for complex values.
    """

    months: tuple[int, ...]
    years: tuple[float, ...]

    def layout(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Layout:
        if len(self.months) != shape[0] or len(self.years) != shape[0]:
            raise AnalysisError(
                f"The field has {shape[0]} time steps, and there are {len(self.months)} months "
                f"and {len(self.years)} years."
            )
        if not set(self.months) <= set(range(1, 13)):
            raise AnalysisError("Months are 1 to 12.")
        return Layout(axes=(*range(1, len(shape)), 0), working=5 * 8 / dtype.itemsize)

    def partial(self, xp: Any, block: Any, chunk: Chunk) -> Any:
        from jupyter_continuum.analysis.device import backend

        x = floating(xp, block)
        x = xp.reshape(x, (x.shape[0], -1))
        time = chunk.region[0]
        months = np.array(self.months[time])
        years = np.array(self.years[time])
        cells = [each.stop - each.start for each in chunk.region[1:]]
        moments = []
        for month in range(1, 13):
            (rows,) = np.nonzero(months == month)
            put = backend().put
            part = xp.take(x, put(rows), axis=0)
            moments.append(_moments(xp, xp.astype(part, xp.float64), put(years[rows])))
        stacked = tuple(
            xp.reshape(xp.stack(each), (12, *cells)) for each in zip(*moments, strict=True)
        )
        return {span(chunk, *range(1, len(chunk.region))): stacked}

    def combine(self, first: dict[Span, Any], second: dict[Span, Any]) -> dict[Span, Any]:
        return add_pieces(first, second, _joined)

    def finalise(self, partial: dict[Span, Any]) -> Climate:
        n, _, mean, tt, tx, xx = (
            join({cells: moments[at] for cells, moments in partial.items()}, leading=(12,))
            for at in range(6)
        )
        nothing = np.nan
        with np.errstate(invalid="ignore", divide="ignore"):
            deviation = np.where(n > 1, np.sqrt(xx / (n - 1)), nothing)
            total = tt.sum(axis=0)
            trend = np.where(total > 0, tx.sum(axis=0) / total, nothing)
            freedom = n.sum(axis=0) - (n > 0).sum(axis=0) - 1
            rest = np.maximum(xx.sum(axis=0) - trend * tx.sum(axis=0), 0)
            error = np.where(freedom > 0, np.sqrt(rest / freedom / total), nothing)
        return Climate(np.where(n > 0, mean, nothing), deviation, n.astype("int64"), trend, error)


def _moments(xp: Any, x: Any, t: Any) -> tuple[Any, ...]:
    """Count, means of t and x, and products of deviations tt, tx, xx of each column of x."""
    good = xp.isfinite(x)
    one = xp.astype(good, xp.float64)
    n = xp.sum(one, axis=0)
    some = xp.maximum(n, xp.ones_like(n))
    t = t[:, None] * one
    x = xp.where(good, x, xp.zeros_like(x))
    mean_t, mean_x = xp.sum(t, axis=0) / some, xp.sum(x, axis=0) / some
    t, x = (t - mean_t) * one, (x - mean_x) * one
    return (
        n,
        mean_t,
        mean_x,
        xp.sum(t * t, axis=0),
        xp.sum(t * x, axis=0),
        xp.sum(x * x, axis=0),
    )


def _joined(first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
    n1, t1, x1, tt1, tx1, xx1 = first
    n2, t2, x2, tt2, tx2, xx2 = second
    n = n1 + n2
    share = n2 / np.maximum(n, 1)
    dt, dx, weight = t2 - t1, x2 - x1, n1 * share
    return (
        n,
        t1 + dt * share,
        x1 + dx * share,
        tt1 + tt2 + dt * dt * weight,
        tx1 + tx2 + dt * dx * weight,
        xx1 + xx2 + dx * dx * weight,
    )


def climatology(
    field: Any,
    *,
    client: Any = None,
    progress: Callable[[Progress], object] | None = None,
) -> Any:
    """The `Climate` of an xarray DataArray as a Dataset: its time axis comes first, of datetime64.

    ``field`` may also be a place: ``"/scratch/era5.zarr/t2m"`` is the variable ``t2m`` of the
    xarray dataset in zarr at this path or URL. With ``client`` its workers open it, with xarray and
    zarr, and it is enough that those of one site can: coordinates and statistics alone come here.

    See `ClimateStatistics` for what the result holds and how right it is;
    ``field.groupby("time.month") - found["mean"]`` are the anomalies. AnalysisError where the first
    axis is no time, and for a place that nobody can read.
    """
    source = field
    if isinstance(field, str | Path):
        source = Variable.at(str(field))
        field = _frame(source, client)
    if not hasattr(field, "dims"):
        raise AnalysisError(
            f"climatology reads an xarray.DataArray or a zarr path, not {type(field).__name__}. "
            "ClimateStatistics takes months and years beside any array."
        )
    time = field[field.dims[0]]
    if time.dtype.kind != "M":
        raise AnalysisError(
            f"The first axis is {field.dims[0]!r} of {time.dtype}, not datetime64: "
            "field.transpose('time', ...) brings time to the front."
        )
    months, years = calendar(time.values)
    found = run(ClimateStatistics(months, years), source, client=client, progress=progress)
    return found.to_xarray(field)


def _frame(variable: Variable, client: Any) -> Any:
    """What a variable is like, as one that can open it sees it."""
    if client is None:
        return variable.open()
    worker = OnCluster(client, stores=[variable]).some_worker()
    return client.run(variable.frame, workers=[worker])[worker]


def calendar(times: np.ndarray) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Months from 1 to 12, and decimal years from 2000, of datetime64 (time,)."""
    months = times.astype("datetime64[M]").astype(int) % 12 + 1
    years = (times.astype("datetime64[s]") - EPOCH) / YEAR
    return tuple(months.tolist()), tuple(years.tolist())

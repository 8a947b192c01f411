"""Who opens a data set: workers at the sites that can, or this process."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, TypeVar

from jupyter_continuum.analysis.crew import here_at
from jupyter_continuum.cluster.reachability import site_of
from jupyter_continuum.errors import AnalysisError

T = TypeVar("T")
THIS_PROCESS = "this process"


@dataclass(frozen=True, slots=True)
class Readers:
    """Workers of a Dask client, at the sites that can open what is read."""

    client: Any  # distributed.Client
    sites: tuple[str, ...]
    """Those that may, and of a data set that is opened those that can."""
    only: str = ""
    """The id of the cluster for which alone it is read, where it must stay; "" is for anybody."""

    @classmethod
    def of(cls, client: Any, dataset: str, at: str | None, only: str = "") -> Readers:
        """All its workers, or those ``at`` a site. AnalysisError when there is none."""
        sites = sites_with_workers(client)
        if not sites:
            raise AnalysisError("The cluster has no workers yet: cluster.wait_for_workers(1).")
        if at is None:
            return cls(client, tuple(sites), only)
        if at not in sites:
            named = ", ".join(site or "no site of yours" for site in sites)
            raise AnalysisError(
                f"{dataset} lies at {at}, and this cluster has workers at {named} alone. Launch "
                f"one with workers there: `jupyter continuum offers --site {at}`."
            )
        return cls(client, (at,), only)

    @property
    def workers(self) -> list[str]:
        """Their addresses now."""
        return [at for at in self.client.nthreads() if site_of(at) in self.sites]

    @property
    def read_at(self) -> tuple[str, ...]:
        """What tasks are pinned to; () where every worker can read."""
        everybody = {site_of(address) for address in self.client.nthreads()}
        return () if everybody <= {*self.sites} else self.sites

    def ask(self, work: Callable[..., T], *given: Any) -> tuple[T, Readers]:
        """What ``work(*given)`` says on a worker of each site, and the sites where it can."""
        asked = [
            self.client.submit(
                _said_by,
                work,
                *given,
                workers=[first],
                allow_other_workers=False,
                pure=False,
                priority=100,
            )
            for first in self._one_each()
        ]
        answers = dict(zip(self.sites, self.client.gather(asked), strict=True))
        able = {site: said for site, (said, refused) in answers.items() if not refused}
        if not able:
            raise AnalysisError(next(refused for _, refused in answers.values()))
        return next(iter(able.values())), replace(self, sites=tuple(able))

    def pin(self) -> tuple[str, ...]:
        """``read_at``, which the cluster's scheduler keeps to from now on."""
        if sites := self.read_at:
            from jupyter_continuum.cluster.pins import SitePins

            self.client.register_plugin(SitePins())
        return sites

    def _one_each(self) -> list[str]:
        by_site: dict[str, str] = {}
        for address in sorted(self.workers):
            by_site.setdefault(site_of(address), address)
        return [by_site[site] for site in self.sites]


@dataclass(frozen=True, slots=True)
class Alone:
    """This process, as what reads data that workers cannot see, or must not."""

    only: str = THIS_PROCESS

    def ask(self, work: Callable[..., T], *given: Any) -> tuple[T, Alone]:
        return work(*given), self

    def pin(self) -> tuple[str, ...]:
        return ()


def sites_with_workers(client: Any) -> list[str]:
    """Asked of the scheduler: what a Client remembers of its workers may be none for a moment.

    AnalysisError for an asynchronous client.
    """
    if client.asynchronous:
        raise AnalysisError("Data is opened with a Client made without asynchronous=True.")
    return sorted({site_of(address) for address in client.nthreads()})


def cluster_of(client: Any) -> str:
    """Its id at the broker; "" for one that the broker did not launch."""
    from jupyter_continuum.cluster.scheduler import IDENTITY

    return str(client.scheduler_info(n_workers=0).get(IDENTITY, ""))


def _said_by(work: Callable[..., T], *given: Any) -> tuple[T | None, str]:
    """On the worker. An error travels as text: what zarr raised before it cannot be pickled."""
    try:
        return work(*given), ""
    except AnalysisError as error:
        return None, str(error)


def check_place(place: str, read_at: Sequence[str], only: str = "") -> None:
    """AnalysisError where this process may not be the one that reads, or not for its cluster."""
    if read_at and here_at() not in read_at:
        raise AnalysisError(
            f"{place} is read by workers at {', '.join(read_at)}, and {socket.gethostname()} is "
            "none: compute with the client that it was opened with."
        )
    if only and _reading_for() != only:
        if only == THIS_PROCESS:
            raise AnalysisError(
                f"{place} was opened by the notebook for itself: open it again with the client of "
                "a cluster that has workers where it lies, or compute it with scheduler='threads'."
            )
        raise AnalysisError(
            f"{place} must stay, and was opened with another client: compute with that client, or "
            "open it again with this one."
        )


def _reading_for() -> str:
    """The id of the cluster of this worker; "" for a worker of one that is none of the broker's."""
    from distributed import get_worker

    try:
        return str(getattr(get_worker(), "continuum_cluster", ""))
    except ValueError:
        return THIS_PROCESS


def wanted(package: str) -> Any:
    """The package; AnalysisError says how it gets here, or to the workers."""
    try:
        return import_module(package)
    except ImportError as error:
        missing = error.name or package
        name = missing.partition(".")[0]
        raise AnalysisError(
            f"{name} is not installed on {socket.gethostname()}. {_how_to_get(name)}"
        ) from error


@contextmanager
def readable(place: str, kind: str) -> Iterator[None]:
    """What opening a data set raises, as a sentence."""
    try:
        yield
    except ImportError as error:
        raise AnalysisError(
            f"{place} needs a package that {socket.gethostname()} has not ({_line(error)}). "
            f"{_how_to_get(error.name or 'PACKAGE')}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnalysisError(
            f"{place} on {socket.gethostname()} cannot be read as {kind} ({_line(error)})."
        ) from error


def _how_to_get(package: str) -> str:
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        extra = "'jupyter-continuum[analysis]'" if package in ("xarray", "zarr") else package
        return f"Get it with `pip install {extra}`."
    return (
        f"Bring it to the workers with cluster.install({package!r}), or prepare their site "
        f"--with {package}."
    )


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__

"""The Python face: the functions behind ``import jupyter_continuum as jc``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.rows import (
    CLUSTER_HEAD,
    FOREIGN_HEAD,
    GROUP_HEAD,
    OFFER_HEAD,
    SITE_HEAD,
    TRAVEL_HEAD,
    WORKER_HEAD,
    Record,
    Row,
    cluster_row,
    foreign_row,
    group_row,
    offer_row,
    site_row,
    travel_row,
    worker_row,
)
from jupyter_continuum.broker.selection import group_of, select_offers
from jupyter_continuum.errors import ContinuumError, PlanRefused, Unknown
from jupyter_continuum.table import as_html, as_text

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from distributed import Client

__all__ = [
    "Cluster",
    "Listing",
    "attach",
    "clusters",
    "connect",
    "foreign_clusters",
    "launch",
    "offers",
    "sites",
    "stop",
]

CLUSTER_VARIABLE = "JUPYTER_CONTINUUM_CLUSTER"
"""Environment variable with the name that ``attach()`` takes when it is given none."""


class Listing(list[Record]):
    """Records, shown as a table: text in a console, HTML in a notebook."""

    def __init__(
        self, records: Iterable[Record], head: Sequence[str], row: Callable[[Record], Row]
    ) -> None:
        super().__init__(records)
        self._head = head
        self._row = row

    def __repr__(self) -> str:
        return as_text(self._head, map(self._row, self))

    def _repr_html_(self) -> str:
        return as_html(self._head, map(self._row, self))


def sites(*, retired: bool = False) -> Listing:
    """Every site of the catalogue and of one's own, with its state; never waits for a site."""
    return Listing(call_broker("sites", retired=retired), SITE_HEAD, site_row)


def offers(
    *,
    gpu: str | bool | None = None,
    country: str | None = None,
    site: str | None = None,
    free: bool = False,
) -> Listing:
    """What can be allocated, those that can be launched first.

    ``gpu`` is a vendor or a part of a model, or True for any; ``country`` has two letters.
    """
    views = call_broker("sites", retired=False)
    found = select_offers(views, gpu=gpu, country=country, site=site, free=free)
    return Listing(found, OFFER_HEAD, offer_row)


def clusters() -> Listing:
    """The clusters of this person."""
    return Listing(call_broker("clusters"), CLUSTER_HEAD, cluster_row)


def foreign_clusters() -> Listing:
    """Clusters of the Dask operator at the person's sites, whoever started them."""
    return Listing(call_broker("foreign_clusters"), FOREIGN_HEAD, foreign_row)


def connect(site: str, *, kind: str = "slurm", **fields: Any) -> Record:
    """Log in at ``site`` and save the profile; ``fields`` are those of a Profile.

    A code or a host key is asked for in JupyterLab's panel: a kernel cannot ask in private.
    """
    from jupyter_continuum.broker.sites.profiles import checked_profile

    profile = checked_profile({"site": site, "kind": kind, **fields})
    view: Record = call_broker("connect", profile=profile.model_dump(mode="json"))
    return view


def launch(
    plan: Mapping[str, Any] | str | Sequence[Mapping[str, Any] | str],
    *,
    name: str | None = None,
    wait: bool = False,
) -> Cluster:
    """Start one cluster.

    ``plan`` is a whole Plan, or what each group comes from: offers of `offers()`, groups of a
    Plan, or text such as ``"lumi/standard-g:2"`` for two jobs. With ``wait``, returns when
    every worker is ready.
    """
    cluster = call_broker("launch", plan=_plan(plan, name))
    started = Cluster(cluster["name"])
    if wait:
        started.wait_for_workers(sum(group["workers_wanted"] for group in cluster["groups"]))
    return started


def attach(name: str | None = None) -> Cluster | ForeignCluster:
    """A running cluster by name; the only one there is when no name is given.

    ``site/name`` is a cluster that somebody else runs at a site, with the Dask operator.
    """
    name = name or os.environ.get(CLUSTER_VARIABLE) or _only_cluster()
    if "/" in name:
        return ForeignCluster(name)
    return Cluster(call_broker("cluster", name=name)["name"])


def stop(name: str) -> None:
    """End a cluster; returns when nothing of it is left at any site."""
    call_broker("stop", name=name)


class Cluster:
    """One Dask cluster. Holds its name alone; everything else is asked for anew."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def view(self) -> Record:
        """How it is now."""
        view: Record = call_broker("cluster", name=self.name)
        return view

    @property
    def groups(self) -> Listing:
        return Listing(self.view["groups"], GROUP_HEAD, group_row)

    @property
    def workers(self) -> Listing:
        found = [worker for group in self.view["groups"] for worker in group["workers"]]
        return Listing(found, WORKER_HEAD, worker_row)

    @property
    def addresses(self) -> dict[str, list[str]]:
        """Addresses of the ready workers of each site: what ``workers=`` of Dask takes."""
        found: dict[str, list[str]] = {}
        for group in self.view["groups"]:
            ready = [each["address"] for each in group["workers"] if each["state"] == "ready"]
            found.setdefault(group["site"], []).extend(ready)
        return found

    def get_client(self, *, asynchronous: bool = False) -> Client:
        """A Dask client; with ``asynchronous``, await it as any asynchronous ``Client``."""
        from jupyter_continuum.cluster.attach import Attachment, open_client
        from jupyter_continuum.cluster.security import make_identity
        from jupyter_continuum.cluster.wide_link import adopt
        from jupyter_continuum.server.address import dashboard_link

        # Dask would make a link of the relay's host name, which no browser can open.
        adopt({"distributed": {"dashboard": {"link": dashboard_link(os.environ)}}})
        identity = make_identity(f"client of {self.name}")
        answer = call_broker("attach", name=self.name, csr=identity.request)
        return open_client(Attachment.from_answer(answer), identity, asynchronous=asynchronous)

    def upload(self, what: ModuleType | str | Path) -> Listing:
        """Bring a module or package of yours to all workers, also to those that join later.

        A module, its name, a .py file or a folder. Called again, it replaces what was there; ask
        for results anew then (``pure=False``), since Dask keeps what it has computed. Hidden files
        and virtual environments stay here; what is left out is printed.
        """
        from jupyter_continuum.cluster.code import read_code, send

        code = read_code(what)
        if code.left_out:
            print(f"Left out of {code.name}: {_some(code.left_out)}.")
        with self._client() as client:
            workers = send(client, code)
        return _by_site(workers, code.name)

    def install(self, *packages: str) -> Listing:
        """Bring more packages to all workers, also to those that join later.

        Each is ``NAME`` or ``NAME==VERSION``, in the version that is installed here where one is.
        They end with the jobs, and replace nothing: `jupyter continuum prepare SITE --with`
        builds them into an environment.
        """
        from jupyter_continuum.environments.extra import add_packages

        with self._client() as client:
            added = client.sync(add_packages, client, packages, print)
        return Listing(
            [
                {
                    "site": each.site,
                    "workers": each.workers,
                    "what": ", ".join(each.sent) or "was there already",
                }
                for each in added
            ],
            TRAVEL_HEAD,
            travel_row,
        )

    def share_credentials(self, values: Mapping[str, str], *, minutes: float = 60) -> None:
        """Set environment variables on all workers for so long, in their memory alone.

        For keys of object stores, such as ``{"AWS_ACCESS_KEY_ID": ...}``. Workers that join or
        start again while they are valid have them too. Whoever may attach to this cluster can
        read them; so can what a task starts.
        """
        from jupyter_continuum.cluster.credentials import share

        with self._client() as client:
            client.sync(share, client, values, minutes)

    def revoke_credentials(self) -> None:
        """Take back what was shared: every variable is as it was before."""
        from jupyter_continuum.cluster.credentials import revoke

        with self._client() as client:
            client.sync(revoke, client)

    @contextmanager
    def _client(self) -> Iterator[Client]:
        """One of our own, beside whatever the notebook works with."""
        from jupyter_continuum.cluster.attach import Attachment, open_client
        from jupyter_continuum.cluster.security import make_identity

        identity = make_identity(f"client of {self.name}")
        answer = call_broker("attach", name=self.name, csr=identity.request)
        attachment = Attachment.from_answer(answer)
        with open_client(attachment, identity, set_as_default=False) as client:
            yield client

    def scale(self, group: str, jobs: int) -> None:
        """Change how many jobs a group has; workers follow."""
        call_broker("scale", name=self.name, group=group, jobs=jobs)

    def logs(self, group: str = "", lines: int = 50) -> dict[str, str]:
        """What the jobs printed last, by job."""
        found: dict[str, str] = call_broker("logs", name=self.name, group=group, lines=lines)
        return found

    def stop(self) -> None:
        """End it; returns when nothing of it is left at any site."""
        stop(self.name)

    def wait_for_workers(self, number: int) -> None:
        """Return when ``number`` workers are ready; prints what each group waits for.

        ContinuumError as soon as so many can no longer come.
        """
        shown: dict[str, str] = {}
        with open_broker() as broker:
            broker.call("subscribe")
            for event in broker.events():
                if event.get("kind") == "cluster-gone" and event.get("name") == self.name:
                    raise Unknown(f"{self.name} was stopped before {number} workers were ready.")
                if event.get("kind") != "cluster" or event["cluster"]["name"] != self.name:
                    continue
                _print_changes(event["cluster"]["groups"], shown)
                if _enough(event["cluster"], number):
                    return

    def __repr__(self) -> str:
        return self._shown(lambda view: f"{_headline(view)}\n{as_text(*_group_table(view))}")

    def _repr_html_(self) -> str:
        from html import escape

        shown = self._shown(
            lambda view: f"<p>{escape(_headline(view))}</p>" + as_html(*_group_table(view))
        )
        return shown if shown.startswith("<p>") else f"<p>{escape(shown)}</p>"

    def _shown(self, render: Callable[[Record], str]) -> str:
        try:
            return render(self.view)
        except ContinuumError as error:
            return str(error)  # a repr that raises hides the object


class ForeignCluster:
    """A Dask cluster at a site that somebody else runs: a client of it, and no more."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._find()

    def _find(self) -> Record:
        found = call_broker("foreign_clusters")
        view: Record | None = next((each for each in found if each["name"] == self.name), None)
        if view is None:
            known = ", ".join(each["name"] for each in found) or "none"
            raise Unknown(f"No cluster of others is called {self.name!r}. There are: {known}.")
        return view

    def get_client(self, *, asynchronous: bool = False) -> Client:
        """A Dask client; with ``asynchronous``, await it as any asynchronous ``Client``."""
        from pathlib import Path

        from jupyter_continuum.cluster.foreign import open_foreign_client

        site, _, name = self.name.partition("/")
        answer = call_broker("attach_foreign", site=site, name=name)
        return open_foreign_client(Path(answer["socket"]), asynchronous=asynchronous)

    def __repr__(self) -> str:
        try:
            return f"{self.name}: {self._find()['state']}, run by others"
        except ContinuumError as error:
            return str(error)  # a repr that raises hides the object


def _some(names: Sequence[str], most: int = 10) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _by_site(workers: Iterable[str], what: str) -> Listing:
    from collections import Counter

    from jupyter_continuum.relay.address import parse

    counted = Counter(parse(address).site for address in workers)
    records = [{"site": site, "workers": n, "what": what} for site, n in counted.items()]
    return Listing(records, TRAVEL_HEAD, travel_row)


def _group_table(view: Record) -> tuple[Sequence[str], list[Row]]:
    return GROUP_HEAD, [group_row(group) for group in view["groups"]]


def _headline(view: Record) -> str:
    return f"{view['name']}: {view['state']}" + (f", {view['reason']}" if view["reason"] else "")


def _print_changes(groups: Iterable[Record], shown: dict[str, str]) -> None:
    from jupyter_continuum.table import clean

    for group in groups:
        counted = f"{group['workers_ready']} of {group['workers_wanted']} workers"
        text = f"{group['name']}: {group['state']}, {counted}"
        text += f", {clean(group['reason'])}" if group["reason"] else ""
        if shown.get(group["name"]) != text:
            shown[group["name"]] = text
            print(text, flush=True)


def _enough(cluster: Record, number: int) -> bool:
    groups = cluster["groups"]
    if sum(group["workers_ready"] for group in groups) >= number:
        return True
    over = {"failed", "stopped"}
    if cluster["state"] in over:
        raise ContinuumError(f"{cluster['name']} {cluster['state']}: {cluster['reason']}")
    lost = [group for group in groups if group["state"] in over]
    hoped = sum(
        group["workers_ready"] if group in lost else group["workers_wanted"] for group in groups
    )
    if hoped < number:
        reasons = "; ".join(f"{group['name']}: {group['reason']}" for group in lost)
        raise ContinuumError(
            f"{cluster['name']} can have {hoped} workers, not {number}. {reasons}".strip()
        )
    return False


def _plan(
    plan: Mapping[str, Any] | str | Sequence[Mapping[str, Any] | str], name: str | None
) -> Record:
    if isinstance(plan, Mapping) and "groups" in plan:
        whole = dict(plan)
    else:
        parts = [plan] if isinstance(plan, str | Mapping) else plan
        whole = {"groups": [_group(part) for part in parts]}
    return whole | ({"name": name} if name else {})


def _group(part: Mapping[str, Any] | str) -> Record:
    if isinstance(part, str):
        return group_of(part)
    if "offer" in part:
        return dict(part)
    if "id" in part and "launchable" in part:
        return {"offer": part["id"]}
    raise PlanRefused(
        f"{dict(part)!r} is neither an offer nor a group. "
        "Pass offers of `jc.offers()`, or {'offer': 'site/offer', 'jobs': 2}."
    )


def _only_cluster() -> str:
    names = [view["name"] for view in call_broker("clusters") if view["state"] != "stopped"]
    if len(names) != 1:
        known = f"these run: {', '.join(names)}" if names else "none runs; `jc.launch` starts one"
        raise Unknown(f"Which cluster? {known}.")
    return str(names[0])

"""One cluster of this person."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.rows import (
    CLIENT_HEAD,
    GROUP_HEAD,
    LINK_HEAD,
    PLACE_HEAD,
    TRAVEL_HEAD,
    WORKER_HEAD,
    Record,
    Row,
    client_row,
    group_row,
    link_row,
    place_row,
    spent_text,
    travel_row,
    worker_row,
)
from jupyter_continuum.broker.waiting import wait_for_workers
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.table import as_html, as_text
from jupyter_continuum.workbench.listings import Listing

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from distributed import Client

    from jupyter_continuum.workbench.card import Card
    from jupyter_continuum.workbench.cluster_record import ClusterRecord


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
    def links(self) -> Listing:
        """Bytes that have crossed between two sites so far, in one direction; "home" is here.

        Counted where they cross, and told once a second.
        """
        return Listing(self.view["links"], LINK_HEAD, link_row)

    @property
    def clients(self) -> Listing:
        """Who is connected now, and may run code at all its ``places``."""
        return Listing(self.view["access"]["clients"], CLIENT_HEAD, client_row)

    @property
    def places(self) -> Listing:
        """Where code of clients runs, with whose rights there, and what is charged."""
        return Listing(self.view["access"]["places"], PLACE_HEAD, place_row)

    def end_access(self) -> None:
        """End all access now: every client is dropped, this notebook's too, and none comes back.

        Returns when that is so. Nobody can attach until ``open_access``; jobs, and results that are
        published, stay. What clients still waited for is given up. ``stop`` ends all of it.
        """
        call_broker("end_access", name=self.name)

    def open_access(self) -> None:
        """Let clients attach again; those from before ``end_access`` stay out."""
        call_broker("open_access", name=self.name)

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
        from jupyter_continuum.workbench.announcing import announce

        # Dask would make a link of the relay's host name, which no browser can open.
        adopt({"distributed": {"dashboard": {"link": dashboard_link(os.environ)}}})
        identity = make_identity(f"client of {self.name}")
        attachment = Attachment.from_answer(self._attach(identity.request))
        client = open_client(attachment, identity, asynchronous=asynchronous)
        announce(self.name, client)
        return client

    def _attach(self, request: str) -> Record:
        from jupyter_continuum.cluster.attach import this_program

        who = this_program(os.environ, sys.argv[0], os.getpid())
        answer: Record = call_broker("attach", name=self.name, csr=request, who=who)
        return answer

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
        attachment = Attachment.from_answer(self._attach(identity.request))
        with open_client(attachment, identity, set_as_default=False) as client:
            yield client

    def scale(self, group: str, jobs: int) -> None:
        """Change how many jobs a group has; workers follow."""
        call_broker("scale", name=self.name, group=group, jobs=jobs)

    def logs(self, group: str = "", lines: int = 50) -> dict[str, str]:
        """What the jobs printed last, by job."""
        found: dict[str, str] = call_broker("logs", name=self.name, group=group, lines=lines)
        return found

    def record(self) -> ClusterRecord:
        """What ran where so far, under which versions, for how long, and what crossed borders.

        A notebook shows it; ``record().save("name")`` writes JSON and a page.
        """
        from jupyter_continuum.workbench.cluster_record import ClusterRecord

        return ClusterRecord(self.name)

    def card(self) -> Card:
        """How it is, in this notebook, as it changes."""
        from jupyter_continuum.workbench.card import Card

        return Card(self.name, lambda: (repr(self), self._repr_html_()))

    def stop(self) -> None:
        """End it; returns when nothing of it is left at any site."""
        call_broker("stop", name=self.name)

    def wait_for_workers(self, number: int) -> None:
        """Return when ``number`` workers are ready; prints what each group waits for.

        ContinuumError as soon as so many can no longer come.
        """
        wait_for_workers(self.name, number)

    def __repr__(self) -> str:
        return self._shown(lambda view: "\n".join([*_head(view), as_text(*_group_table(view))]))

    def _repr_html_(self) -> str:
        from html import escape

        shown = self._shown(
            lambda view: (
                "".join(f"<p>{escape(line)}</p>" for line in _head(view))
                + as_html(*_group_table(view))
            )
        )
        return shown if shown.startswith("<p>") else f"<p>{escape(shown)}</p>"

    def _shown(self, render: Callable[[Record], str]) -> str:
        try:
            return render(self.view)
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


def _head(view: Record) -> list[str]:
    """The lines above the table of its groups."""
    state = f"{view['name']}: {view['state']}" + (f", {view['reason']}" if view["reason"] else "")
    return [state, spent_text(view), *(each["said"] for each in view["residency"])]

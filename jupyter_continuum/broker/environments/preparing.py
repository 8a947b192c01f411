"""`prepare`: one building of a worker environment a site at a time, and the profile it ends in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from jupyter_continuum.broker.messages.environments import KeptView, PreparedView
from jupyter_continuum.broker.messages.events import PrepareEvent
from jupyter_continuum.broker.sites.opening import WORK_DIRECTORY
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.environments import steps
from jupyter_continuum.environments.build import Built, Wanted, build
from jupyter_continuum.environments.lock import GPU, parse_requirement
from jupyter_continuum.environments.target import Target
from jupyter_continuum.errors import ContinuumError, SiteError, Unknown
from jupyter_continuum.sites.protocols import Shell

NODE_LOCAL = re.compile(r"(/|\$[A-Z][A-Z0-9_]{0,40}(/|$))[A-Za-z0-9_.@+/-]{0,200}")
"""A folder, or one that a variable of the job names."""
LIST_SECONDS = 600
MEASURE_SECONDS = 60
"""Of all that is removed: a parallel file system takes minutes for many."""
Publish = Callable[[PrepareEvent], None]


class Preparing:
    """What is being built, by site, until it has ended: what is stopped clears up first."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._tasks: dict[str, asyncio.Task[Built]] = {}

    async def run(self, session: Session, wanted: Wanted) -> Built:
        """Build, and tell how it goes. One at a time at a site."""
        site = session.site
        if site in self._tasks:
            raise SiteError(f"{site}: an environment is being built there already. Wait for it.")
        shell = shell_of(session)

        def tell(text: str) -> None:
            self._publish(PrepareEvent(name=site, message=one_line(text)))

        task = self._tasks[site] = asyncio.create_task(
            session.attempt(lambda: build(shell, wanted, tell)), name=f"prepare {site}"
        )
        task.add_done_callback(lambda _: self._tasks.pop(site))
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()  # nobody is told of its end any more; ``close`` waits for it
            raise
        if task.cancelled():
            raise SiteError(f"{site}: building was stopped. Nothing half is left there.")
        return task.result()

    async def stop(self, site: str) -> None:
        """End the building there. Unknown when there is none, SiteError when some of it is left."""
        task = self._tasks.get(site)
        if task is None:
            raise Unknown(f"{site}: no environment is being built there.")
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            raise error

    async def close(self) -> None:
        """End every building; what is left of one is told in the log."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        for task in tasks:
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()):
                print(one_line(error), flush=True)


def shell_of(session: Session) -> Shell:
    """SiteError where commands cannot be run."""
    if not hasattr(session.transport, "run"):
        raise SiteError(
            f"{session.site}: its workers run in an image. Make one: "
            "`jupyter continuum prepare --recipe oci`."
        )
    return cast(Shell, session.transport)


def wanted_at(
    session: Session,
    *,
    gpu: Any,
    packages: Any,
    directory: Any,
    under_home: Any,
    node_local: Any,  # Any: whatever JSON held
) -> Wanted:
    """What a face asked for, checked. ContinuumError names what is wrong."""
    profile = session.profile
    if profile.kind == "local":
        raise ContinuumError("This machine needs no preparing: its workers run under this Python.")
    if gpu not in ("", *GPU):
        raise ContinuumError(f"{gpu!r} is none of {', '.join(GPU)}.")
    if not isinstance(packages, list) or not all(isinstance(each, str) for each in packages):
        raise ContinuumError("The packages are a list of names.")
    for each in packages:
        parse_requirement(each)
    if node_local and not (isinstance(node_local, str) and NODE_LOCAL.fullmatch(node_local)):
        raise ContinuumError(
            f"{node_local!r} is no node-local folder. Write /FOLDER, or a variable of the job "
            "such as $TMPDIR."
        )
    version = Target.here().python_text
    return Wanted(
        site=session.site,
        directory=str(directory or profile.work_directory or WORK_DIRECTORY),
        pythons=tuple(dict.fromkeys((profile.python, f"python{version}", "python3"))),
        prologue=profile.prologue,
        gpu=gpu,
        extra=tuple(packages),
        under_home=under_home is True,
        node_local=str(node_local),
    )


async def earlier(
    session: Session, built: Built, *, used: Iterable[str], remove: bool
) -> list[KeptView]:
    """Environments of earlier locks beside ``built``; ``remove`` those that nothing uses.

    ``used`` are the interpreters of clusters and profiles here; jobs that any cluster still
    has at the site are found by their scripts. None are found at a site that does not answer.
    """
    shell = shell_of(session)
    work = session.profile.work_directory or WORK_DIRECTORY
    text = steps.listing(built.root, f"{work}/jobs")
    try:
        result = await shell.run("sh -s", input=text.encode(), timeout_seconds=LIST_SECONDS)
    except SiteError as error:
        if remove:
            raise _not_removed(session.site, built.root, str(error)) from None
        return []
    named = set(used)
    others = [
        KeptView(
            path=f"{built.root}/{each.name}",
            used=each.used or any(f"/{each.name}/" in python for python in named),
        )
        for each in steps.read_listing(result.stdout)
        if each.name != built.name
    ]
    if remove:
        unused = {
            view.path.removeprefix(f"{built.root}/"): view for view in others if not view.used
        }
        sizes = await _measure(shell, built.root, unused)
        await _remove(shell, session.site, built.root, list(unused))
        for name, view in unused.items():
            view.bytes, view.removed = sizes.get(name), True
    return others


async def _measure(shell: Shell, root: str, names: Iterable[str]) -> dict[str, int | None]:
    """Bytes by name, as far as ``MEASURE_SECONDS`` last; it is only to be told."""
    found: dict[str, int | None] = {}
    try:
        async with asyncio.timeout(MEASURE_SECONDS):
            for name in names:
                result = await shell.run(steps.size(root, name), timeout_seconds=MEASURE_SECONDS)
                found[name] = steps.read_size(result.stdout)
    except (TimeoutError, SiteError):
        pass  # unknown, and told so
    return found


async def _remove(shell: Shell, site: str, root: str, names: Sequence[str]) -> None:
    try:
        result = await shell.run(steps.prune(root, names), timeout_seconds=600)
    except SiteError as error:
        raise _not_removed(site, root, str(error)) from None
    if result.status:
        raise _not_removed(site, root, steps.own_words(result.stderr))


def _not_removed(site: str, root: str, why: str) -> SiteError:
    return SiteError(
        f"{site}: the environment is in its place, and earlier ones could not be removed "
        f"({why.rstrip('.')}). Prune again later, or remove them in {root} by hand."
    )


def prepared_view(session: Session, built: Built, kept: list[KeptView]) -> PreparedView:
    return PreparedView(
        site=session.site,
        python=built.python,
        packages=built.packages,
        way=built.way,
        carried_bytes=built.carried_bytes,
        earlier=kept,
    )

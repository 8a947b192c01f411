"""The probes that run: one a site, and nothing of any of them left, whatever ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.clusters.ending import end_named
from jupyter_continuum.broker.probes.probing import Order, Probe
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.errors import BrokerError, ContinuumError, SiteError
from jupyter_continuum.paths import data_dir, private_dir, write_private
from jupyter_continuum.sites.probe.facts import Facts

CLOSE_SECONDS = 10
"""What the broker's end waits for jobs to be removed; a later broker removes the rest."""
END_SECONDS = 60
AGAIN_SECONDS = 5
"""Between looks whether a site answers that still holds a job."""


class Probes:
    """Starts and cancels; remembers on disk which job has still to be removed."""

    def __init__(
        self, changed: Callable[[str], None], find_session: Callable[[str], Session | None]
    ) -> None:
        """``changed`` is called with a site's id whenever ``progress`` of it has changed."""
        self.progress: dict[str, str] = {}
        """How far the probe of a site is, in words; no entry where none runs."""
        self.jobs: set[str] = set()
        """Names of jobs that are ours and not removed yet."""
        self._changed = changed
        self._find_session = find_session
        self._running: dict[str, asyncio.Task[None]] = {}
        self._removing: set[asyncio.Task[None]] = set()

    async def run(self, session: Session, order: Order, keep: Callable[[str, Facts], None]) -> bool:
        """Probe; ``keep`` gets job and facts before the job is removed. False when cancelled.

        Raises ContinuumError where nothing was measured.
        """
        site = session.site
        if site in self._running:
            how_far = self.progress.get(site, "it begins.")
            raise ContinuumError(f"{site} is being probed already: {how_far}")
        task = asyncio.create_task(self._probe(session, order, keep), name=f"probe {site}")
        self._running[site] = task
        task.add_done_callback(lambda _: self._ran(site))
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
        return not task.cancelled()

    async def cancel(self, site: str) -> None:
        """Returns when nothing is left, or when that is being seen to in the background."""
        task = self._running.get(site)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        """The broker ends: what cannot be removed now is removed by the next one."""
        for task in self._running.values():
            task.cancel()
        tasks = [*self._running.values(), *self._removing]
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        for task in self._removing:
            task.cancel()
        if self._removing:
            await asyncio.wait(self._removing)

    def resume(self) -> None:
        """Remove what an earlier broker could not."""
        for note in _folder().glob("*.job"):
            job = note.read_text().strip()
            if job.startswith("jc-probe-"):
                self._sweep(note.stem, job)

    async def _probe(
        self, session: Session, order: Order, keep: Callable[[str, Facts], None]
    ) -> None:
        site = session.site
        probe = Probe(session, order, lambda text: self._tell(site, text))
        try:
            self._note(site, probe.job)
        except OSError as error:
            self.jobs.discard(probe.job)
            raise BrokerError(
                f"{site} is not probed: what must be removed there cannot be noted in {_folder()} "
                f"({error.strerror or error}). Make room, then try again."
            ) from error
        try:
            keep(probe.job, await probe.run())
        finally:
            # Shielded: a second cancellation must not leave a job behind.
            await asyncio.shield(self._aside(self._end(session, probe)))

    async def _end(self, session: Session, probe: Probe) -> None:
        try:
            async with asyncio.timeout(END_SECONDS):
                await probe.end()
            self._forget_note(session.site, probe.job)
        except (ContinuumError, OSError, TimeoutError) as error:
            print(f"{session.site}: {probe.job} is not removed yet: {error!r}", flush=True)
            self._sweep(session.site, probe.job)

    def _ran(self, site: str) -> None:
        self._running.pop(site, None)
        self.progress.pop(site, None)
        self._changed(site)

    def _sweep(self, site: str, job: str) -> None:
        self.jobs.add(job)
        self._aside(self._until_gone(site, job))

    def _aside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)
        return task

    async def _until_gone(self, site: str, job: str) -> None:
        """The site may be gone for long, or be connected anew meanwhile."""
        while True:
            session = self._find_session(site)
            if session is not None and session.ready:
                try:
                    await end_named(session, [job], doubtful=False)
                    self._forget_note(site, job)
                    return
                except SiteError as error:
                    print(f"{site}: {job} is not removed yet: {error}", flush=True)
            await asyncio.sleep(AGAIN_SECONDS)

    def _tell(self, site: str, text: str) -> None:
        if self.progress.get(site) != text:
            self.progress[site] = text
            self._changed(site)

    def _note(self, site: str, job: str) -> None:
        """Before the site is told: a later broker must know the name."""
        self.jobs.add(job)
        write_private(_note_of(site), job.encode())

    def _forget_note(self, site: str, job: str) -> None:
        self.jobs.discard(job)
        note = _note_of(site)
        if note.exists() and note.read_text().strip() == job:
            note.unlink()


def _folder() -> Path:
    return private_dir(data_dir() / "reach")


def _note_of(site: str) -> Path:
    return _folder() / f"{site}.job"

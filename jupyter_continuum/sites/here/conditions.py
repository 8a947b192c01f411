"""What an imitated site is like just now: its Launcher finds it out, its Transport follows."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from jupyter_continuum.errors import SiteError, SiteUnreachable
from jupyter_continuum.sites.emulation import Begun, EmulatedSite, Fault, in_force, in_words, under
from jupyter_continuum.sites.here.job_folder import JobFolder
from jupyter_continuum.sites.here.kept_faults import read_faults, write_faults


class Conditions:
    """One imitated site, and the faults that last there."""

    def __init__(
        self, usual: EmulatedSite, site: str = "emulated", kept: Path | None = None
    ) -> None:
        """``kept``: a file with what somebody began; without one it is forgotten."""
        self.usual = usual
        self.site = site
        self.now = usual
        """As ``usual``, changed by what is wrong."""
        self.faults: tuple[Begun, ...] = ()
        self.follow: Callable[[], Awaitable[None]] | None = None
        """Called when the link may have changed."""
        self._kept = kept
        self._told, self._over = read_faults(kept) if kept else ([], None)

    @property
    def down(self) -> bool:
        return any(each.fault.down for each in self.faults)

    @property
    def away(self) -> bool:
        return any(each.fault.away for each in self.faults)

    @property
    def words(self) -> str:
        return in_words(self.now, self.faults)

    def begin(self, fault: Fault | None, now: datetime) -> None:
        """Let ``fault`` begin; None: every fault of the site that waits for somebody to say so."""
        waiting = [each for each in self.usual.faults if each.waits_to_be_told]
        begun = [fault] if fault else waiting
        if not begun:
            raise SiteError(
                f"{self.site} has no fault that waits to be told. Say what goes wrong, for "
                f"example `jupyter continuum fault {self.site} --down`."
            )
        lasting = [each for each in self._told if each.lasts(now)]
        self._told = lasting + [Begun(each, now) for each in begun]
        self._keep()

    def end(self, now: datetime) -> None:
        """All that is wrong is over."""
        self._told.clear()
        self._over = now
        self._keep()

    def _keep(self) -> None:
        if self._kept is None:
            return
        try:
            write_faults(self._kept, self._told, self._over)
        except OSError as error:
            raise SiteError(
                f"{self.site}: what was asked for is so now, and is forgotten when the broker "
                f"starts anew: {self._kept} cannot be written ({error.strerror})."
            ) from error

    async def look(self, jobs: Sequence[JobFolder], now: datetime) -> None:
        """Find out what lasts now, and have the link follow. SiteUnreachable when it is cut."""
        started = [job.started for job in jobs if job.started]
        # A shared folder may hang: then only this site does.
        told = [*self._told, *await asyncio.to_thread(_begun_by_file, self.usual.faults)]
        before = self.faults
        self.faults = in_force(
            self.usual, told, now, first_job=min(started, default=None), over=self._over
        )
        self.now = under(self.usual, self.faults)
        if self.faults != before and self.follow is not None:
            await self.follow()
        self.check()

    def check(self) -> None:
        """Raise SiteUnreachable while the site is cut off."""
        if self.away:
            raise SiteUnreachable(
                f"{self.site}, an imitation, is cut off on purpose. "
                f"`jupyter continuum fault {self.site} --over` brings it back."
            )


def _begun_by_file(faults: Iterable[Fault]) -> list[Begun]:
    """Those whose file is there, since it was written."""
    begun = []
    for fault in faults:
        if fault.when_file is None:
            continue
        try:
            written = os.stat(fault.when_file).st_mtime
        except OSError:  # not there, or not for us: nothing has begun
            continue
        begun.append(Begun(fault, datetime.fromtimestamp(written, UTC)))
    return begun

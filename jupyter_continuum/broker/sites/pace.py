"""How often a site is looked at, and tried again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_continuum.sites.protocols import Job, JobState

RETRY_SECONDS = (2.0, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between looks at a site."""

    first: float
    """While jobs of ours start."""
    steady: float
    """Once they all run."""
    idle: float
    """While nothing of ours is there."""
    starts_jobs: bool = False
    """A look is what starts jobs that wait."""
    longest_retry: float = RETRY_SECONDS[-1]
    """Between tries of a site that does not answer."""

    def seconds(self, jobs: Iterable[Job], *, starting: bool) -> float:
        """Until the next look; ``starting``: agents of these jobs are awaited."""
        states = {job.state for job in jobs}
        if starting or (self.starts_jobs and JobState.QUEUED in states):
            return self.first
        live = states & {JobState.QUEUED, JobState.RUNNING}
        return self.steady if live else self.idle

    def retry_seconds(self, failures: int) -> float:
        """Until a site that failed so often in a row is tried again."""
        seconds = RETRY_SECONDS[max(1, min(failures, len(RETRY_SECONDS))) - 1]
        return min(seconds, self.longest_retry)


PROCESSES = Pace(0.5, 3.0, 6.0, starts_jobs=True, longest_retry=5.0)
"""Jobs are processes of this machine: a look costs no batch system anything."""
PACES = {"slurm": Pace(2.0, 15.0, 60.0), "kubernetes": Pace(1.0, 5.0, 30.0)}

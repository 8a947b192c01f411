"""What the person's own jobs waited at each offer, by the records of clusters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from jupyter_continuum.broker.clusters import kept
from jupyter_continuum.broker.clusters.cluster import Cluster
from jupyter_continuum.broker.clusters.ledger import job_facts
from jupyter_continuum.broker.messages.records import GroupFacts, JobFacts
from jupyter_continuum.planning.wait import Waited


class OwnWaits:
    """Of ended clusters as their records say, read again when one was added; of others as it is."""

    def __init__(self, running: Iterable[Cluster]) -> None:
        self._running = running
        self._kept: dict[str, list[Waited]] = {}
        self._read_at: int | None = None

    def waited(self, offer: str) -> Sequence[Waited]:
        now = datetime.now(UTC)
        return [
            *self._of_ended().get(offer, ()),
            *(
                each
                for cluster in self._running
                for group in cluster.groups.values()
                if group.plan.offer == offer
                for each in waits_of(
                    [
                        *(job for job in cluster.ledger.jobs if job.group == group.plan.name),
                        *(job_facts(group.plan.name, job) for job in group.jobs),
                    ],
                    now,
                )
            ),
        ]

    def job_names(self, offer: str) -> set[str]:
        return {
            job.name
            for cluster in self._running
            for group in cluster.groups.values()
            if group.plan.offer == offer
            for job in group.live
        }

    def _of_ended(self) -> dict[str, list[Waited]]:
        changed = kept.records_dir().stat().st_mtime_ns
        if changed != self._read_at:
            found: dict[str, list[Waited]] = defaultdict(list)
            for facts in kept.every():
                for offer, jobs in by_offer(facts.groups, facts.jobs):
                    found[offer] += waits_of(jobs, facts.ended or facts.asked)
            self._kept, self._read_at = dict(found), changed
        return self._kept


def by_offer(
    groups: Iterable[GroupFacts], jobs: Sequence[JobFacts]
) -> Iterator[tuple[str, list[JobFacts]]]:
    for group in groups:
        yield group.offer, [job for job in jobs if job.group == group.name]


def waits_of(jobs: Iterable[JobFacts], until: datetime) -> Iterator[Waited]:
    """Of those that were asked for; one that never began was watched to its end or ``until``."""
    for job in jobs:
        if job.asked is None:
            continue
        seen = job.started or job.ended or until
        # A job that was over when it was first seen had begun somewhen between.
        over = job.started is None and job.state in ("ended", "failed")
        if not over:
            waited = max(0.0, (seen - job.asked).total_seconds())
            foretold = (job.foretold - job.asked).total_seconds() if job.foretold else None
            yield Waited(job.asked, waited, job.started is not None, foretold)

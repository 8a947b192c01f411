"""What is expected of each offer of a site, from claims, live status and what jobs waited there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Protocol

from jupyter_continuum.broker.messages.sites import AmountView, OfferView, SiteView, WaitView
from jupyter_continuum.broker.sites.claims import offer_claims, site_claims, stated
from jupyter_continuum.broker.sites.records import Records
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.planning.allocation import Charged
from jupyter_continuum.planning.amount import Claims
from jupyter_continuum.planning.estimate import Estimate, estimate
from jupyter_continuum.planning.wait import Said, Wait, Waited, expected_wait
from jupyter_continuum.sites.protocols import JobState


class Waits(Protocol):
    """What the person's own jobs waited."""

    def waited(self, offer: str) -> Sequence[Waited]: ...
    def job_names(self, offer: str) -> set[str]:
        """Those of clusters that run."""


class Estimating:
    """Keeps nothing: every answer is made of what is known now."""

    def __init__(self, records: Records, waits: Waits) -> None:
        self._records = records
        self._waits = waits

    def of_site(self, view: SiteView, session: Session | None) -> Iterator[Estimate]:
        """One for each offer of ``view``."""
        now = datetime.now(UTC)
        of_site = stated(
            site_claims(view.id, session, self._records.catalogue, now.date()), now.date()
        )
        for offer in view.offers:
            yield self._of_offer(offer, session, of_site, now)

    def fill(self, view: SiteView, session: Session | None) -> None:
        """Put them into ``view``."""
        for offer, found in zip(view.offers, self.of_site(view, session), strict=True):
            offer.per = found.per
            offer.wait = WaitView(**asdict(found.wait))
            offer.unit, offer.whole_node = found.unit, found.whole_node
            offer.price_eur = AmountView(**asdict(found.eur))
            offer.units = AmountView(**asdict(found.units))
            offer.left = AmountView(**asdict(found.left))
            offer.energy_kwh = AmountView(**asdict(found.energy_kwh))
            offer.carbon_g = AmountView(**asdict(found.carbon_g))

    def _of_offer(
        self, offer: OfferView, session: Session | None, of_site: Claims, now: datetime
    ) -> Estimate:
        today = now.date()
        claims = offer_claims(offer.id, offer.name, session, self._records.catalogue, today)
        return estimate(
            offer.id,
            of_site,
            stated(claims, today),
            wait=self.wait(offer.id, session, now),
            books=session.status.books if session and session.status else None,
            charged=_charged(offer, session),
            here=session is not None and session.profile.kind in ("local", "emulated"),
        )

    def wait(
        self, offer: str, session: Session | None, now: datetime, *, foretold: Sequence[Said] = ()
    ) -> Wait:
        """``foretold`` of the very job that is planned."""
        queue, queue_by = _queue(session)
        return expected_wait(
            self._waits.waited(offer),
            now,
            said=[*foretold, *_said(self._waits.job_names(offer), session, now)],
            stated=queue,
            stated_by=queue_by,
        )


def _charged(offer: OfferView, session: Session | None) -> Charged:
    """By the profile's word; else by the only account that may be named with the partition."""
    own = session.profile.account if session is not None else None
    accounts = (own,) if own else tuple(sorted({each.account for each in offer.charge}))
    status = session.status if session is not None else None
    live = next((o for o in status.offers if o.partition == offer.name), None) if status else None
    return Charged(accounts, offer.name, live.gpu_type if live else "")


def _said(names: set[str], session: Session | None, now: datetime) -> list[Said]:
    """When the batch system means to begin the first of our jobs that wait in the offer."""
    status = session.status if session is not None else None
    starts = [
        job.expected_start
        for job in (status.jobs if status else ())
        if job.name in names and job.state is JobState.QUEUED and job.expected_start is not None
    ]
    if not starts:
        return []
    seconds = max(0.0, (min(starts) - now).total_seconds())
    return [Said(seconds, "the batch system, of a job that waits")]


def _queue(session: Session | None) -> tuple[float | None, str]:
    if session is None:
        return None, ""
    if session.profile.emulated is not None:
        return session.profile.emulated.queue_seconds, "the profile of the imitation"
    if session.profile.kind == "local":
        return 0.0, "this machine has no queue"
    return None, ""

"""An imitation of a far site: what it is like, and what goes wrong there, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

QueueSeconds = Annotated[float, Field(ge=0, le=3600)]
WalltimeMinutes = Annotated[int, Field(ge=1)]
Delay = Annotated[float, Field(ge=0, le=1000, description="one way")]
Rate = Annotated[float, Field(gt=0)]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]{1,1023}$")]
Duration = Annotated[float, Field(ge=0, le=24 * 3600)]


class Fault(BaseModel):
    """Something that goes wrong at an imitated site. What is left out stays as it is.

    With neither a time nor a file it waits for somebody to say so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_seconds: Duration | None = Field(
        default=None, description="after the first job there started"
    )
    when_file: AbsolutePath | None = Field(
        default=None,
        description="as long as this file is there: in a folder that all of a class can read, its "
        "instructor begins and ends the fault for everybody",
    )
    for_seconds: Duration | None = Field(default=None, description="None: for good")
    down: bool = Field(
        default=False, description="its nodes fail: jobs end at once, and none starts"
    )
    away: bool = Field(
        default=False, description="it is cut off: nothing answers, and its jobs go on"
    )
    queue_seconds: QueueSeconds | None = None
    max_walltime_minutes: WalltimeMinutes | None = Field(
        default=None, description="jobs that have run longer are ended"
    )
    delay_ms: Delay | None = None
    rate_mbit: Rate | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not (self.down or self.away or self.changes()):
            words = ", ".join(("down", "away", *CHANGED))
            raise ValueError(f"nothing goes wrong in it; give at least one of {words}")
        if self.after_seconds is not None and self.when_file is not None:
            raise ValueError("it begins after a time or with a file, not both")
        return self

    @property
    def waits_to_be_told(self) -> bool:
        return self.after_seconds is None and self.when_file is None

    def changes(self) -> dict[str, float]:
        """Fields of the site that have another value meanwhile."""
        fields = {name: getattr(self, name) for name in CHANGED}
        return {name: value for name, value in fields.items() if value is not None}


CHANGED = ("queue_seconds", "max_walltime_minutes", "delay_ms", "rate_mbit")
"""What a Fault may change for a while, under the names that a site has for it."""


class EmulatedSite(BaseModel):
    """An imitation of a far site on this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queue_seconds: QueueSeconds = 2
    nodes: int = Field(default=2, ge=1, le=64)
    cpus_per_node: int = Field(default=4, ge=1, le=256)
    max_walltime_minutes: WalltimeMinutes = 60
    delay_ms: Delay = 10
    rate_mbit: Rate = 200
    country: str | None = None
    faults: tuple[Fault, ...] = Field(default=(), max_length=32)


@dataclass(frozen=True, slots=True)
class Begun:
    """A fault, and since when."""

    fault: Fault
    at: datetime

    def lasts(self, now: datetime) -> bool:
        seconds = self.fault.for_seconds
        ends = None if seconds is None else self.at + timedelta(seconds=seconds)
        return self.at <= now and (ends is None or now < ends)


def in_force(
    site: EmulatedSite,
    told: Iterable[Begun],
    now: datetime,
    *,
    first_job: datetime | None,
    over: datetime | None,
) -> tuple[Begun, ...]:
    """Faults that last at ``now``: those whose time has come, and those that somebody began.

    What began before ``over`` is over.
    """
    timed = [
        Begun(fault, first_job + timedelta(seconds=fault.after_seconds))
        for fault in site.faults
        if fault.after_seconds is not None and first_job is not None
    ]
    begun = [each for each in (*timed, *told) if each.lasts(now)]
    return tuple(each for each in begun if over is None or each.at > over)


def under(site: EmulatedSite, begun: Sequence[Begun]) -> EmulatedSite:
    """What the site is like meanwhile; where two faults change the same, the later one counts."""
    changes: dict[str, float] = {}
    for each in sorted(begun, key=lambda each: each.at):
        changes |= each.fault.changes()
    return site.model_copy(update=changes)


def in_words(site: EmulatedSite, begun: Sequence[Begun]) -> str:
    """What a person at this site should know of it: queue, walltime and link, and what is wrong."""
    wait = f"jobs wait {site.queue_seconds:g} s and run {site.max_walltime_minutes} min at most"
    link = f"{site.delay_ms:g} ms and {site.rate_mbit:g} Mbit/s away"
    if any(each.fault.down for each in begun):
        return f"Its nodes are down. An imitation on this machine: {wait}, {link}."
    changed = " Something is wrong there now." if begun else ""
    return f"An imitation on this machine: {wait}, {link}.{changed}"

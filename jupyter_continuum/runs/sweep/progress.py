"""How far a sweep is, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    total: int
    before: int
    """Finished by an earlier sweep in the same folder."""
    ended: int
    """By this one."""
    failed: int
    running: int
    elapsed_seconds: float

    @property
    def seconds_left(self) -> float | None:
        """None before the first has ended. Those under way count as half done."""
        left = self.total - self.before - self.ended
        done = self.ended + self.running / 2
        return self.elapsed_seconds / done * (left - self.running / 2) if self.ended else None

    def __str__(self) -> str:
        said = f"{self.before + self.ended} of {self.total} runs"
        if self.failed:
            said += f", {self.failed} failed"
        if self.running:
            said += f", {self.running} running"
        left = self.seconds_left
        if left is not None and self.before + self.ended < self.total:
            said += f", about {duration(left)} left"
        return said


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3 h 20 min``: no more exact than an estimate is."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"

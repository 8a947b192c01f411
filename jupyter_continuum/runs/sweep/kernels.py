"""Where the kernels of a sweep are: on this machine, or at a site."""

from __future__ import annotations

from typing import Protocol

from jupyter_continuum.runs.sweep.order import Ended, Order


class Kernels(Protocol):
    """It ends with its context, and all its runs with it."""

    @property
    def site(self) -> str: ...

    def slots(self) -> int:
        """How many there is room for at once; 0 while there is no worker for them."""

    def wait_until_ready(self) -> None:
        """Return when there is room for one. RunError says why there cannot be."""

    def run(self, order: Order) -> None:
        """Start it. Raises Lost."""

    def ended(self, seconds: float) -> tuple[int, Ended] | None:
        """The next run that has ended, by its number; None when none does in time."""

    def again(self) -> None:
        """After Lost."""

"""Jupyter's manager of a kernel that has done all it was asked, and ends without a word."""

from __future__ import annotations

from jupyter_client.manager import AsyncKernelManager


class QuietKernelManager(AsyncKernelManager):
    """Asks the kernel to end, and does not interrupt it first.

    An interrupt that meets the last moments of a cell is an error on the person's terminal. A
    kernel that does not end when it is asked is killed as ever.
    """

    async def _async_interrupt_kernel(self) -> None:
        """Only ``shutdown_kernel`` calls this one; whoever interrupts, ``interrupt_kernel``."""

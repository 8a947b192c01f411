"""Jupyter's client of a kernel, without the time it waits for messages that do not come."""

from __future__ import annotations

import time
from queue import Empty

from jupyter_client.asynchronous.client import AsyncKernelClient

AGAIN_SECONDS = 1
"""After so long without an answer, the kernel is asked again."""


class WarmClient(AsyncKernelClient):
    """Knows that a kernel is ready by the end of its answer.

    Jupyter's own listens for another 0.2 s once the kernel has answered, lest something of the
    start comes after the first cell has begun. But whatever a kernel says about a request lies
    between its words ``busy`` and ``idle``: the latter is the last of it.
    """

    async def _async_wait_for_ready(self, timeout: float | None = None) -> None:
        deadline = time.monotonic() + (timeout or float("inf"))
        while True:
            request = self.kernel_info()
            if await self._is_idle_after(request):
                return
            if not await self._async_is_alive():
                raise RuntimeError("The kernel died before it was ready.")
            if time.monotonic() > deadline:
                raise RuntimeError(f"The kernel was not ready after {timeout:g} seconds.")

    wait_for_ready = _async_wait_for_ready

    async def _is_idle_after(self, request: str) -> bool:
        """False when nothing was heard of it: its broadcasts may not have been joined in time."""
        try:
            reply = await self.get_shell_msg(timeout=AGAIN_SECONDS)
            self._handle_kernel_info_reply(reply)
            while True:
                heard = await self.get_iopub_msg(timeout=AGAIN_SECONDS)
                ours = heard["parent_header"].get("msg_id") == request
                if ours and heard["content"].get("execution_state") == "idle":
                    return True
        except Empty:
            return False

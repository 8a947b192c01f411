"""How the demo reaches its kernels."""

from __future__ import annotations

from pathlib import Path

LONGEST = "kernel-00000000-0000-0000-0000-000000000000-ipc-5"
SOCKET_PATH_BYTES = 107


def kernel_transport(runtime: Path) -> dict[str, str]:
    """Traits of jupyter_client's KernelManager, for kernels of this Python.

    A port is chosen before the kernel starts, and among all that the demo starts somebody else may
    have it by then: such a kernel dies, or is never heard of. A file in ``runtime``, which is the
    user's alone, is nobody else's; where its path would be too long it is ports, encrypted.
    """
    if len(bytes(runtime / LONGEST)) <= SOCKET_PATH_BYTES:
        return {"transport": "ipc"}
    return {"transport_encryption": "auto"}

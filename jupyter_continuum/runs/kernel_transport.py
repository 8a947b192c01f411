"""How a kernel is reached: by files, where it is known to have them."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from jupyter_continuum.paths import socket_dir
from jupyter_continuum.runs.sweep.launcher import flags_of

LONGEST = "kernel-00000000-0000-0000-0000-000000000000-ipc-5"
SOCKET_PATH_BYTES = 107
ENCRYPTED = {"transport_encryption": "auto"}
"""By ports, where it can be so that no other user of the machine reads what they carry."""


def kernel_transport(folder: Path) -> dict[str, str]:
    """Traits of jupyter_client's KernelManager, for an ipykernel whose files lie in ``folder``.

    A port is chosen before the kernel starts, and on a busy machine somebody else may have it by
    then: such a kernel dies, or is never heard of. A file in a folder that is the user's alone is
    nobody else's; where its path would be too long it is ports, encrypted.
    """
    if len(bytes(folder / LONGEST)) <= SOCKET_PATH_BYTES:
        return {"transport": "ipc"}
    return ENCRYPTED


def kernel_traits(kernel: str) -> dict[str, str]:
    """The same for the kernel of that name, with a file to write it to.

    Raises NoSuchKernel.
    """
    from jupyter_client.kernelspec import get_kernel_spec

    spec = get_kernel_spec(kernel)
    is_here = spec.argv and "kernel_provisioner" not in spec.metadata
    if not is_here or flags_of(spec.argv) is None:
        return ENCRYPTED  # which transports it has is not known
    folder = socket_dir()
    return kernel_transport(folder) | {"connection_file": str(folder / f"kernel-{uuid4()}.json")}

"""Where things lie on this machine: Jupyter's own folders, and one short folder for sockets."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import tempfile
from pathlib import Path

from jupyter_continuum.errors import ContinuumError


def config_dir() -> Path:
    """Folder of what the person writes: profiles and own records."""
    from jupyter_core.paths import jupyter_config_dir

    return Path(jupyter_config_dir()) / "continuum"


def config_path() -> list[Path]:
    """Folders with records to merge over the shipped ones, weakest first."""
    from jupyter_core.paths import jupyter_config_path

    return [Path(folder) / "continuum" for folder in reversed(jupyter_config_path())]


def data_dir() -> Path:
    """Folder of durable state: clusters, job names, CA keys. Created 0700."""
    from jupyter_core.paths import jupyter_data_dir

    return private_dir(Path(jupyter_data_dir()) / "continuum")


def installation() -> str:
    """A name for this person's folder of state, made up once: 12 hexadecimal digits.

    Tells what is ours at a site where several people work under one account.
    """
    path = data_dir() / "installation"
    known = path.read_text() if path.exists() else ""
    if not re.fullmatch(r"[0-9a-f]{12}", known):
        known = secrets.token_hex(6)
        write_private(path, known.encode())
    return known


def socket_dir() -> Path:
    """Folder of Unix sockets, 0700, short: a socket's path may have 107 bytes.

    One per user and Jupyter data folder, so that tests and a second installation
    have a broker of their own.
    """
    key = hashlib.sha256(os.fsencode(data_dir())).hexdigest()[:8]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and len(runtime) <= 32 and os.access(runtime, os.W_OK):
        return private_dir(Path(runtime) / f"jc-{key}")
    return private_dir(Path(tempfile.gettempdir()) / f"jc-{os.getuid()}-{key}")


def private_dir(path: Path) -> Path:
    """Create ``path`` readable by its owner alone; refuse a folder of somebody else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = path.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
        raise ContinuumError(f"{path} belongs to somebody else. Remove it, then try again.")
    if stat.S_IMODE(state.st_mode) & 0o077:
        path.chmod(0o700)
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` in one step, readable by its owner alone."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    os.replace(partial, path)

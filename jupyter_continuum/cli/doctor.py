"""``doctor``: is this installation in order, and does every connected site answer."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.start import socket_path
from jupyter_continuum.cli.terminal import print_json, say
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.paths import data_dir

PACKAGES = ("jupyter-continuum", "dask", "distributed", "asyncssh", "jupyterlab", "jupyter-server")
SOCKET_PATH_BYTES = 107


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    ok: bool
    text: str
    """What was found; what to do when it is not ok."""


def doctor(options: Namespace) -> int:
    """Print one line a check; 1 when something is not ok. Of one site, what works there."""
    if options.site:
        from jupyter_continuum.cli.reach import probe

        return probe(options)
    findings = []
    for finding in examine():
        findings.append(finding)
        if not options.json:
            say(f"{'ok    ' if finding.ok else 'not ok'}  {finding.what}: {finding.text}")
    if options.json:
        print_json([asdict(finding) for finding in findings])
    return 0 if all(finding.ok for finding in findings) else 1


def examine() -> Iterator[Finding]:
    for what, check in CHECKS.items():
        yield _tried(what, check)
    yield from broken_profiles()
    yield from connected_sites()


def _tried(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except (ContinuumError, OSError) as error:
        return Finding(what, False, str(error))


def python_version() -> str:
    text = ".".join(map(str, sys.version_info[:3]))
    return f"{text} at {sys.executable}"


def packages() -> str:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        raise ContinuumError(
            f"{', '.join(missing)} missing. `{sys.executable} -m pip install {' '.join(missing)}`."
        )
    return ", ".join(found)


def signatures() -> str:
    """That what is overridden in distributed is still there, and takes what it took."""
    from jupyter_continuum.cluster.signatures import check_signatures

    check_signatures()
    return f"distributed {version('distributed')} is as expected"


def panel() -> str:
    """That JupyterLab finds the panel."""
    from pathlib import Path

    from jupyter_core.paths import jupyter_path

    for folder in jupyter_path("labextensions"):
        if (Path(folder) / "jupyter-continuum" / "package.json").is_file():
            return f"installed in {folder}"
    raise ContinuumError(
        "JupyterLab does not find it. Install with `pip install .`; "
        "`jupyter labextension list` tells more."
    )


def folders() -> str:
    path = socket_path()
    length = len(os.fsencode(path))
    # A cluster's sockets lie one folder deeper, in names of up to 24 bytes.
    if length + 24 > SOCKET_PATH_BYTES:
        raise ContinuumError(
            f"{path.parent} is too long for Unix sockets ({length} bytes). "
            "Set XDG_RUNTIME_DIR or TMPDIR to a shorter folder."
        )
    probe = data_dir() / f".doctor-{os.getpid()}"
    probe.write_bytes(b"x" * 4096)
    probe.unlink()
    return f"state in {data_dir()}, sockets in {path.parent}"


def catalogue() -> str:
    from jupyter_continuum.catalogue.load import load

    return f"{len(load().sites)} sites"


def broker() -> str:
    found = call_broker("version")
    return f"process {found['pid']} answers, protocol {found['protocol']}"


def address() -> str:
    """That workers can dial the person's own address, where there is one."""
    found = call_broker("address")
    if found is None:
        return "none is configured; no worker dials out to you"
    if found["reason"]:
        raise ContinuumError(found["reason"])
    return f"{found['url']}, {found['agents']} agents wait there"


CHECKS: dict[str, Callable[[], str]] = {
    "Python": python_version,
    "packages": packages,
    "Dask's private parts": signatures,
    "JupyterLab panel": panel,
    "folders": folders,
    "catalogue": catalogue,
    "broker": broker,
    "address": address,
}


def broken_profiles() -> Iterator[Finding]:
    from jupyter_continuum.broker.sites.profiles import load_profiles

    loaded = load_profiles()
    if not loaded.broken:
        yield Finding("profiles", True, f"{len(loaded.by_site)}")
    for name, fault in loaded.broken.items():
        yield Finding(f"profile {name}", False, fault)


def connected_sites() -> Iterator[Finding]:
    from jupyter_continuum.broker.sites.profiles import load_profiles

    for site in load_profiles().by_site:
        try:
            view = call_broker("refresh", site=site)
        except ContinuumError as error:
            yield Finding(f"site {site}", False, str(error))
            continue
        ok = view["state"] == "ready"
        text = f"{view['state']}{': ' if view['reason'] else ''}{view['reason']}"
        yield Finding(f"site {site}", ok, text)

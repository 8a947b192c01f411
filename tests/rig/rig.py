"""The sites together: which instance, started side by side, always taken down."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.rig import absence
from tests.rig.daemons import RigError, started
from tests.rig.guard import guarded
from tests.rig.site import SlurmSite, log_tail
from tests.rig.spec import INSTANCES, SiteSpec


class Rig:
    """The sites that can be had here; ``lacks`` says why others cannot."""

    def __init__(self, instance: int) -> None:
        self.instance = instance
        self.root = folder(instance)
        self.lacks = absence.missing()
        self.sites: dict[str, SlurmSite] = {}
        if not absence.missing_for_any_site():
            self.sites["sitea"] = SlurmSite(site_a(instance, self.root))
        if not self.lacks:
            self.sites["siteb"] = SlurmSite(site_b(instance, self.root))
        self.site_c: SlurmSite | None = None
        """Started by ``up_site_c`` alone; None where it cannot be had."""
        if not absence.missing_for_proxied_site():
            self.site_c = SlurmSite(site_c(instance, self.root))

    @property
    def every(self) -> list[SlurmSite]:
        return [*self.sites.values(), *([self.site_c] if self.site_c else [])]

    def up(self) -> None:
        """Start the sites side by side; on failure everything is taken down again."""
        try:
            # Accounts of the machine are made one after the other: useradd locks /etc/passwd.
            with ThreadPoolExecutor(len(self.sites) or 1) as pool:
                list(pool.map(SlurmSite.up, self.sites.values()))
        except BaseException as error:
            tails = "\n".join(log_tail(site) for site in self.sites.values())
            self.down()
            if isinstance(error, RigError):
                raise RigError(f"{error}\n{tails}") from None
            raise

    def up_site_c(self) -> SlurmSite:
        """Start it where it does not run yet."""
        site = self.site_c
        assert site is not None
        if not site.spec.root.exists():
            try:
                site.up()
            except RigError as error:
                tail = log_tail(site)
                site.down()
                raise RigError(f"{error}\n{tail}") from None
        return site

    def down(self) -> None:
        for site in self.every:
            site.down()
        shutil.rmtree(self.root, ignore_errors=True)


def folder(instance: int) -> Path:
    """Short, as Unix sockets lie below it, and one per person who runs tests."""
    return Path(tempfile.gettempdir()) / f"jcr{os.getuid()}-{instance}"


def site_a(instance: int, root: Path) -> SiteSpec:
    """Host network, no accounting. As an ordinary user: one person's own little Slurm."""
    me = pwd.getpwuid(os.getuid()).pw_name
    contained = os.getuid() == 0 and absence.has_user("slurm") and absence.may_contain()
    return SiteSpec(
        name="sitea",
        letter="a",
        instance=instance,
        root=root / "a",
        user=f"jcrig{instance}a" if os.getuid() == 0 else me,
        slurm_user="slurm" if contained else me,
        contained=contained,
        host_name=socket.gethostname().split(".")[0],
        gpu_devices=f"{root}/a/gpu/nvidia[0-3]" if os.getuid() == 0 else "/dev/tty[0-3]",
    )


def site_b(instance: int, root: Path) -> SiteSpec:
    """Behind walls and a wide link: 20 ms there and back, 200 Mbit/s; with accounts and QoS."""
    return SiteSpec(
        name="siteb",
        letter="b",
        instance=instance,
        root=root / "b",
        user=f"jcrig{instance}b",
        slurm_user="slurm",
        gpu_nodes=1,
        isolated=True,
        accounts=True,
        gpu_devices=f"{root}/b/gpu/nvidia[0-3]",
    )


def site_c(instance: int, root: Path) -> SiteSpec:
    """Isolated from a home of its own; nodes of ``cpu`` reach a proxy, of ``gpu`` the home."""
    return SiteSpec(
        name="sitec",
        letter="c",
        instance=instance,
        root=root / "c",
        user=f"jcrig{instance}c",
        slurm_user="slurm",
        gpu_nodes=1,
        isolated=True,
        proxied=True,
        gpu_devices=f"{root}/c/gpu/nvidia[0-3]",
    )


def claim() -> Rig:
    """A free instance, after removing what a run that was killed has left behind."""
    with _lock():
        for instance in range(INSTANCES):
            owner = folder(instance) / "owner"
            if owner.exists() and _alive(owner.read_text()):
                continue
            rig = Rig(instance)
            rig.down()
            if not all(_free(site.spec) for site in rig.every):
                continue  # another person's rig
            rig.root.mkdir(mode=0o755)
            owner.write_text(f"{os.getpid()} {started(os.getpid())}")
            return rig
    raise RigError(f"All {INSTANCES} rigs of this machine are in use.")


def _free(spec: SiteSpec) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", spec.port))
        except OSError:
            return False
    return True


def kept() -> Rig | None:
    """The rig that ``python -m tests.rig up`` left running."""
    for instance in range(INSTANCES):
        owner = folder(instance) / "owner"
        if owner.exists() and owner.read_text() == "kept":
            return Rig(instance)
    return None


def keep(rig: Rig) -> None:
    (rig.root / "owner").write_text("kept")


@contextlib.contextmanager
def running() -> Iterator[Rig]:
    """Both sites, up; taken down whatever happens inside."""
    rig = claim()
    with guarded("slurm", rig.instance):
        rig.up()
        try:
            yield rig
        finally:
            rig.down()


def take_down(instance: int) -> None:
    """What is left of a rig whose owner has died; one that somebody owns by now is left alone."""
    with _lock():
        owner = folder(instance) / "owner"
        if owner.exists() and not _alive(owner.read_text()):
            Rig(instance).down()


def _alive(owner: str) -> bool:
    if owner == "kept":
        return True
    pid, _, start = owner.partition(" ")
    return pid.isdecimal() and started(int(pid)) == start


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    path = Path(tempfile.gettempdir()) / f"jcr{os.getuid()}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

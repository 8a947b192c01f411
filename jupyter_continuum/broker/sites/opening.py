"""From a profile to a Session: which Transport and which Launcher a site has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jupyter_continuum.broker.front_door.door import FrontDoor
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.paths import data_dir, installation
from jupyter_continuum.sites.emulation import EmulatedSite
from jupyter_continuum.sites.here.conditions import Conditions
from jupyter_continuum.sites.here.emulated import EmulatedLauncher, EmulatedTransport
from jupyter_continuum.sites.here.local import LocalLauncher, LocalTransport
from jupyter_continuum.sites.profile import KubernetesSite, Profile, SshLogin
from jupyter_continuum.sites.protocols import Asker, BooksCommand, Launcher, Shell, Transport

HERE = Profile(site="local", kind="local", name="This machine")
"""A site that everybody has."""
WORK_DIRECTORY = "continuum"
"""Below the home directory, where the profile names no other."""


def faults_file(site: str) -> Path:
    """What somebody began at an imitated site."""
    return data_dir() / "faults" / f"{site}.json"


def open_session(
    profile: Profile,
    *,
    asker: Asker,
    save: Callable[[Profile], None],
    on_change: Callable[[Session], None],
    door: FrontDoor,
    books: BooksCommand | None = None,
) -> Session:
    """A session that is not connected yet; ``save`` keeps the profile with a pinned host key.

    ``books`` is the site's own command for what is left of allocations.
    ``door`` is for agents of sites that are not imitated on this machine.
    """
    transport, launcher = _parts(profile, asker, save, books)
    here = profile.kind in ("local", "emulated")
    return Session(profile, transport, launcher, on_change, None if here else door)


def _parts(
    profile: Profile,
    asker: Asker,
    save: Callable[[Profile], None],
    books: BooksCommand | None,
) -> tuple[Transport, Launcher]:
    if profile.kind == "local":
        return LocalTransport(), LocalLauncher(profile.site)
    if profile.kind == "emulated":
        conditions = Conditions(
            profile.emulated or EmulatedSite(),
            profile.site,
            kept=faults_file(profile.site),
        )
        return EmulatedTransport(conditions), EmulatedLauncher(conditions)
    if profile.kubernetes is not None:
        return _kubernetes_parts(profile, profile.kubernetes)
    from jupyter_continuum.sites.slurm.launcher import SlurmLauncher

    transport = _to_login_node(profile, asker, save)
    work = profile.work_directory or WORK_DIRECTORY
    return transport, SlurmLauncher(transport, work, site=profile.site, books=books)


def _kubernetes_parts(profile: Profile, where: KubernetesSite) -> tuple[Transport, Launcher]:
    from jupyter_continuum.sites.kubernetes.launcher import KubernetesLauncher, KubernetesTransport

    transport = KubernetesTransport(where, profile.site)
    return transport, KubernetesLauncher(
        transport.api, where, site=profile.site, owner=installation()
    )


def _to_login_node(profile: Profile, asker: Asker, save: Callable[[Profile], None]) -> Shell:
    login = profile.ssh
    if login is None:
        from jupyter_continuum.sites.here.shell import ShellTransport

        return ShellTransport(profile.site)
    from jupyter_continuum.sites.ssh.transport import SshTransport

    current = [profile]

    def keep(new: SshLogin) -> None:
        current[0] = current[0].model_copy(update={"ssh": new})
        save(current[0])

    def pin(line: str) -> None:
        now = current[0].ssh
        assert now is not None
        keep(now.model_copy(update={"host_key": line}))

    def pin_jump(hop: SshLogin, line: str) -> None:
        now = current[0].ssh
        assert now is not None
        jump = tuple(
            each.model_copy(update={"host_key": line}) if each == hop else each for each in now.jump
        )
        keep(now.model_copy(update={"jump": jump}))

    return SshTransport(login, profile.site, asker, pin, pin_jump, profile.python)

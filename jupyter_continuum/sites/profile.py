"""The person's side of a site: login, account, work directory. Never part of a site record."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from jupyter_continuum.sites.protocols import CarrierName

SiteId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$")]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}$")]
FilePath = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f'\"`$;&|<>]{1,1024}$")]
Word = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9_.@+-]{0,62}[A-Za-z0-9])?$")
]


class SshLogin(BaseModel):
    """How to reach a login node."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: HostName
    port: int = Field(default=22, ge=1, le=65535)
    user: UserName
    key: FilePath | None = None
    """Private key; a certificate beside it (KEY-cert.pub) is used. None: agent and default keys."""
    certificate: FilePath | None = None
    use_agent: bool = True
    jump: tuple[SshLogin, ...] = ()
    """Hosts to go through, outermost first."""
    host_key: str | None = None
    """Pinned public key, ``ssh-ed25519 AAAA...``; asked once when None."""


class EmulatedSite(BaseModel):
    """An imitation of a far site on this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queue_seconds: float = Field(default=2, ge=0, le=3600)
    nodes: int = Field(default=2, ge=1, le=64)
    cpus_per_node: int = Field(default=4, ge=1, le=256)
    max_walltime_minutes: int = Field(default=60, ge=1)
    delay_ms: float = Field(default=10, ge=0, le=1000, description="one way")
    rate_mbit: float = Field(default=200, gt=0)
    country: str | None = None


class Profile(BaseModel):
    """How this person uses one site. Holds no secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: SiteId
    kind: Literal["local", "emulated", "slurm"]
    name: str | None = Field(default=None, max_length=80, description="for a site of one's own")
    ssh: SshLogin | None = Field(default=None, description="None: sbatch runs on this machine")
    emulated: EmulatedSite | None = None
    account: Word | None = None
    qos: Word | None = None
    work_directory: FilePath | None = Field(
        default=None,
        description="never under a home quota unless told; `$HOME/continuum` is the last resort",
    )
    python: FilePath = Field(default="python3", description="interpreter of the worker environment")
    carrier: CarrierName | None = Field(
        default=None, description="the one way to the workers; None: the best that works"
    )
    prologue: str = Field(default="", max_length=4000, description="shell lines before the agent")
    terms_accepted: bool = False

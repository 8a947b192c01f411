"""The person's side of a site: login, account, work directory. Never part of a site record."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from jupyter_continuum.sites.emulation import EmulatedSite
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


ContextName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20'\"`$;&|<>\x7f]{1,253}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
"""What Kubernetes calls a DNS label: namespaces, pull secrets."""
ImageName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,510}[A-Za-z0-9]$")
]
LabelKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?"
        r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"
    ),
]
LabelValue = Annotated[
    str, StringConstraints(pattern=r"^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$")
]


class Toleration(BaseModel):
    """A taint of nodes that pods of an offer put up with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: LabelKey | None = Field(default=None, description="None with Exists: every taint")
    operator: Literal["Exists", "Equal"] = "Exists"
    value: LabelValue = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class PodFlavour(BaseModel):
    """What one pod of an offer may have at most."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Word
    image: ImageName
    """Holds a worker environment; nothing else is assumed of it."""
    cpus: int = Field(default=1, ge=1, le=1024)
    memory_gb: float = Field(default=4, gt=0, le=100_000)
    gpus: int = Field(default=0, ge=0, le=64)
    gpu_resource: LabelKey = "nvidia.com/gpu"
    gpu_model: Word | None = None
    node_selector: dict[LabelKey, LabelValue] = {}
    tolerations: tuple[Toleration, ...] = ()
    pull_secret: Label | None = Field(default=None, description="a Secret in the namespace")
    user: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="numeric user; None: the image's own"
    )
    max_walltime_minutes: int | None = Field(default=None, ge=1)
    python: FilePath = "python"
    """Interpreter of the worker environment in the image."""


class KubernetesSite(BaseModel):
    """A namespace of a Kubernetes cluster, as a context of a kubeconfig reaches it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: ContextName
    kubeconfig: FilePath | None = Field(
        default=None, description="None: $KUBECONFIG, then ~/.kube/config"
    )
    namespace: Label | None = Field(default=None, description="None: the context's own")
    offers: tuple[PodFlavour, ...] = Field(min_length=1, max_length=64)

    @field_validator("offers")
    @classmethod
    def _each_name_once(cls, offers: tuple[PodFlavour, ...]) -> tuple[PodFlavour, ...]:
        names = [offer.name for offer in offers]
        if len(set(names)) < len(names):
            raise ValueError("two offers have the same name")
        return offers


class Profile(BaseModel):
    """How this person uses one site. Holds no secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: SiteId
    kind: Literal["local", "emulated", "slurm", "kubernetes"]
    name: str | None = Field(default=None, max_length=80, description="for a site of one's own")
    ssh: SshLogin | None = Field(default=None, description="None: sbatch runs on this machine")
    emulated: EmulatedSite | None = None
    kubernetes: KubernetesSite | None = None
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

    @model_validator(mode="after")
    def _kubernetes_has_a_context(self) -> Self:
        if (self.kind == "kubernetes") != (self.kubernetes is not None):
            raise ValueError("a site of kind kubernetes, and no other, names its context")
        return self

"""What a probe found out, read from a job's log as from a stranger. None means unknown."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from jupyter_continuum.sites.protocols import CarrierName

MAX_LINE = 8192
"""Signs; the program's longest line has about 3,000."""
MAX_ENTRIES = 16

Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}$")]
Address = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f.:]{2,45}$")]
HostPort = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}:\d{1,5}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Version = Annotated[str, StringConstraints(pattern=r"^(?:[0-9]{1,5}(?:\.[0-9]{1,5}){0,3})?$")]
"""``""``: looked for, and not there."""
Driver = Annotated[str, StringConstraints(pattern=r"^(?:(?:amdgpu )?[0-9][0-9.]{0,30})?$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Path = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./+@,=-]{1,512}$")]
Model = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._()/+-]{0,80}$")]
Sentence = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{0,600}$")]
Outcome = Literal[
    "connected", "refused", "timed out", "no route", "no name", "somebody else", "turned away"
]
"""How a connection went; ``somebody else`` answered, ``turned away`` by a proxy."""


class Found(BaseModel):
    """A record of the probe: nothing beside its fields, and no type but theirs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Dial(Found):
    """A connection that was tried from the node."""

    host: Host
    port: Port
    outcome: Outcome
    milliseconds: Annotated[float, Field(ge=0, le=1e6)]

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


class ProxyDial(Found):
    """A proxy that was asked to connect; ``status`` 0 where its answer was none."""

    proxy: HostPort
    outcome: Outcome
    status: Annotated[int, Field(ge=0, le=999)]


class ProxyVariable(Found):
    """Its name and whom it names; never user or password."""

    name: Word
    address: HostPort


class Tool(Found):
    name: Word
    version: Version


class Disk(Found):
    path: Path
    kind: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,32}$")]
    free_bytes: Annotated[int, Field(ge=0, le=2**63)]


class Interpreter(Found):
    path: Path
    version: Version


class Trial(Found):
    """What came back through one carrier, as this side saw it."""

    carrier: CarrierName
    works: bool
    why: Sentence = ""
    """The reason when it does not."""
    milliseconds: Annotated[float, Field(ge=0, le=1e6)] | None = None
    """Of one round trip."""
    mbytes_per_second: Annotated[float, Field(ge=0, le=1e6)] | None = None


class Facts(Found):
    """Everything a probe can find. None: not measured, or no longer valid."""

    node: Host | None = None
    architecture: Word | None = None
    glibc: Version | None = None
    addresses: Annotated[tuple[Address, ...], Field(max_length=MAX_ENTRIES)] | None = None
    outbound: Dial | None = None
    outbound_by_proxy: ProxyDial | None = None
    proxies: Annotated[tuple[ProxyVariable, ...], Field(max_length=MAX_ENTRIES)] | None = None
    login: Annotated[tuple[Dial, ...], Field(max_length=MAX_ENTRIES)] | None = None
    gateway_ports: Dial | None = None
    driver: Driver | None = None
    cuda: Version | None = None
    rocm: Version | None = None
    gpus: Annotated[tuple[Model, ...], Field(max_length=MAX_ENTRIES)] | None = None
    containers: Annotated[tuple[Tool, ...], Field(max_length=MAX_ENTRIES)] | None = None
    disks: Annotated[tuple[Disk, ...], Field(max_length=MAX_ENTRIES)] | None = None
    pythons: Annotated[tuple[Interpreter, ...], Field(max_length=MAX_ENTRIES)] | None = None
    """The profile's own first."""
    energy: Annotated[tuple[Word, ...], Field(max_length=MAX_ENTRIES)] | None = None
    trials: Annotated[tuple[Trial, ...], Field(max_length=MAX_ENTRIES)] | None = None
    """Measured on this side; never believed from a node."""


OWN = frozenset({"trials", "gateway_ports"})
"""Fields that this side measures itself: a job's log has no say about them."""
TYPES: dict[str, TypeAdapter[Any]] = {
    # Any: each field has a type of its own.
    name: TypeAdapter(field.rebuild_annotation())
    for name, field in Facts.model_fields.items()
}


def read_facts(log: str, nonce: str) -> tuple[Facts, tuple[str, ...]]:
    """What a job's log says behind ``nonce``, and the fields whose text was odd.

    The last word on a field counts. What is odd is left out: unknown, never guessed.
    """
    found: dict[str, Any] = {}
    odd: set[str] = set()
    for field, text in _lines(log, nonce):
        if field not in TYPES or field in OWN:
            continue
        try:
            found[field] = TYPES[field].validate_json(text)
            odd.discard(field)
        except ValidationError:
            found.pop(field, None)
            odd.add(field)
    return Facts(**found), tuple(sorted(odd))


def is_measured(log: str, nonce: str) -> bool:
    """True once the program has said that it has found all it will find by itself."""
    return any(field == "measured" and text == "true" for field, text in _lines(log, nonce))


def announced_endpoints(log: str, nonce: str) -> Any:
    """What the program printed of its door, unchecked; None when nothing.

    For sites whose job folder nobody else can read: feed it to ``parse_agent``.
    """
    for field, text in _lines(log, nonce):
        if field == "endpoints":
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                return None
    return None


def _lines(log: str, nonce: str) -> list[tuple[str, str]]:
    pattern = re.compile(rf"{re.escape(nonce)} ([a-z_]{{1,32}}) (.+)")
    lines = (line for line in log.splitlines() if len(line) <= MAX_LINE)
    return [(match[1], match[2]) for line in lines if (match := pattern.fullmatch(line))]

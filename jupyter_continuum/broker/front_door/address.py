"""The person's own address that sites can dial: where the broker's front door is to be found."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from jupyter_continuum.broker.words import first_fault
from jupyter_continuum.errors import BrokerError, CatalogueError, ContinuumError
from jupyter_continuum.paths import config_dir, private_dir, write_private

NONE_CONFIGURED = (
    "No address that sites can dial is configured: `jupyter continuum address wss://HOST:PORT`."
)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PATH = re.compile(r"[A-Za-z0-9._~/@-]*")
_LISTEN = re.compile(r"(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>\d{1,5})")


class Address(BaseModel):
    """Where agents dial, and where this machine listens for them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="what agents dial, as wss://vm.example.org:8443")
    listen: str = Field(
        default="", description="HOST:PORT of this machine; left out, that of the URL"
    )
    certificate: Path | None = Field(default=None, description="PEM chain; None: self-made")
    key: Path | None = Field(default=None, description="PEM key of the certificate")
    plain_behind_proxy: bool = Field(
        default=False, description="TLS ends at a proxy of the person's own, in front of us"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme not in ("wss", "ws") or not (_HOST.fullmatch(host) or is_number(host)):
            raise ValueError("the address is wss://HOST:PORT, with a path where there is one")
        if parts.query or parts.fragment or parts.username or not _PATH.fullmatch(parts.path):
            raise ValueError("the address holds a host, a port and a path, and nothing else")
        if parts.port == 0:
            raise ValueError("port 0 cannot be dialled")
        if parts.scheme == "ws" and not is_loopback(host):
            raise ValueError("without TLS only this machine itself may be dialled: write wss://")
        if self.listen and not _LISTEN.fullmatch(self.listen):
            raise ValueError("where to listen is HOST:PORT, as 0.0.0.0:8443")
        if self.listen and int(self.listen.rpartition(":")[2]) not in range(1, 65536):
            raise ValueError("where to listen names a port from 1 to 65535")
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("a certificate and its key belong together: give both or neither")
        if self.plain_behind_proxy and self.certificate is not None:
            raise ValueError("behind a proxy of your own the certificate is the proxy's: not here")
        return self

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def encrypted(self) -> bool:
        """TLS ends here."""
        return self.url.startswith("wss:") and not self.plain_behind_proxy

    @property
    def self_made(self) -> bool:
        """Agents cannot know this certificate from their own system: they are told it."""
        return self.encrypted and self.certificate is None

    @property
    def listens_at(self) -> tuple[str, int] | None:
        """Host and port; None where others pass WebSockets on to the Unix socket alone."""
        if self.listen:
            host, _, port = self.listen.rpartition(":")
            return host.strip("[]"), int(port)
        if self.plain_behind_proxy:
            return None
        parts = urlsplit(self.url)
        return self.host, parts.port or (443 if parts.scheme == "wss" else 80)


def is_number(host: str) -> bool:
    """True for an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    return host == "localhost" or (is_number(host) and ipaddress.ip_address(host).is_loopback)


def address_file() -> Path:
    return config_dir() / "address.json"


def checked_address(fields: Mapping[str, Any]) -> Address:
    """The address that ``fields`` describe. ContinuumError says what is wrong with it."""
    try:
        return Address.model_validate(fields)
    except (ValidationError, ValueError) as error:  # ValueError: urlsplit's own, of a port
        raise ContinuumError(f"{fields.get('url', '?')}: {_fault(error)}") from error


def load_address() -> Address | None:
    """The one configured; None when there is none. CatalogueError names file and field."""
    path = address_file()
    try:
        return Address.model_validate(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CatalogueError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValidationError, ValueError) as error:
        raise CatalogueError(f"{path}: {_fault(error)}") from error


def save_address(address: Address) -> None:
    """Keep it. BrokerError when the disk takes nothing."""
    content = address.model_dump(mode="json", exclude_defaults=True)
    try:
        private_dir(config_dir())
        write_private(address_file(), json.dumps(content, indent=2).encode() + b"\n")
    except OSError as error:
        raise BrokerError(f"{address_file()} cannot be written: {error.strerror}.") from error


def forget_address() -> None:
    address_file().unlink(missing_ok=True)


def _fault(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        if fault["type"] == "value_error":
            return f"{fault['ctx']['error']!s}."
        return first_fault(error)
    return f"{error}."

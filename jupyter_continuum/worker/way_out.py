"""How a node gets out to an address of the person's, and one sentence on why it does not. Pure."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from websockets.exceptions import InvalidProxyStatus, InvalidStatus, ProxyError, WebSocketException

from jupyter_continuum.errors import RelayError

VARIABLES = {
    "wss": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
    "ws": ("http_proxy", "all_proxy", "ALL_PROXY"),
}
"""Where a site names its proxy, as curl reads it: HTTP_PROXY alone is not for us."""
WANTS_A_NAME = (407, 401)
"""401 is no proxy's answer, and that of tinyproxy 1.11 to a wrong password."""


@dataclass(frozen=True, slots=True)
class WayOut:
    """What is dialled, and through which proxy."""

    url: str
    proxy: str = field(default="", repr=False)
    """URL of an HTTP CONNECT proxy; "" for none. May hold a password: for no log."""

    @property
    def proxy_place(self) -> str:
        """``host:port`` of the proxy."""
        parts = urlsplit(self.proxy)
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    @property
    def place(self) -> str:
        """``host:port`` of who is dialled."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'wss' else 80)}"


def way_out(url: str, environment: Mapping[str, str]) -> WayOut:
    """As the node's own environment says. RelayError for a proxy that cannot be one."""
    parts = urlsplit(url)
    named = next((name for name in VARIABLES[parts.scheme] if environment.get(name)), "")
    excepted = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    way = WayOut(url)
    if not named or urllib.request.proxy_bypass(way.place, {"no": excepted}):
        return way
    proxy = environment[named].strip()
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if not _is_proxy(proxy):
        raise RelayError(
            f"{named} on this node is not http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, "
            "so its proxy cannot be used."
        )
    return WayOut(url, proxy)


def sentence(error: Exception, way: WayOut) -> str:
    """Why it did not get out, and what helps; never with what is secret."""
    if isinstance(error, RelayError):
        return str(error)
    if isinstance(error, InvalidProxyStatus):
        return _proxy_refused(error.response.status_code, way)
    if isinstance(error, ProxyError):
        return f"the proxy at {way.proxy_place} gave no answer that a proxy gives."
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"what answers at {way.place} does not have the certificate of your front door "
            f"({error.verify_message}), so nothing was sent."
        )
    if isinstance(error, InvalidStatus):
        return (
            f"what answers at {way.place} is not the front door of your broker "
            f"(HTTP {error.response.status_code}): check the path of the address, and that the "
            "broker runs."
        )
    if isinstance(error, WebSocketException | ValueError):
        return f"what answers at {way.place} hung up before the agent was let in."
    words = _words(error)
    if way.proxy:
        return f"{way.place} does not answer through the proxy at {way.proxy_place} ({words})."
    return (
        f"{way.place} does not answer ({words}), and this node's environment names no proxy "
        "(https_proxy)."
    )


def _proxy_refused(status: int, way: WayOut) -> str:
    if status not in WANTS_A_NAME:
        return (
            f"the proxy at {way.proxy_place} does not let this node through to {way.place} "
            f"(HTTP {status}): ask the site to allow it, or listen at port 443."
        )
    if urlsplit(way.proxy).username:
        return (
            f"the proxy at {way.proxy_place} takes neither the user name nor the password that "
            "this node's environment names."
        )
    return (
        f"the proxy at {way.proxy_place} wants a user name and password: set https_proxy in a file "
        "of yours at the site, and read that file in the profile's prologue."
    )


def _is_proxy(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy)
        complete = parts.username is None or parts.password is not None
        _ = parts.port
    except ValueError:
        return False
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    return parts.scheme in ("http", "https") and bool(parts.hostname) and complete and bare


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    return (getattr(error, "strerror", None) or type(error).__name__).rstrip(".")

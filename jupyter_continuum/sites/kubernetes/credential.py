"""Until when a context of a kubeconfig lets in, as far as what lies in the file tells.

An exec plugin is not run for it: it may open a browser, and renews what it gave by itself.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_continuum.errors import SignInRequired
from jupyter_continuum.sites.credential import Credential
from jupyter_continuum.sites.kubernetes.kubeconfig import choose_context, kubeconfig_paths
from jupyter_continuum.sites.profile import KubernetesSite

LATEST = datetime.max.replace(tzinfo=UTC).timestamp()


def credentials_of(
    where: KubernetesSite, site: str, environment: Mapping[str, str]
) -> tuple[Credential, ...]:
    """The tokens and certificates of the context's user."""
    name = f"context {where.context}"
    try:
        paths = [path for path in kubeconfig_paths(where, environment) if path.is_file()]
        _, _, user = choose_context(where, site, paths, environment)
        return tuple(_of_user(user, name, _renewal(site)))
    except (SignInRequired, OSError, ValueError, AttributeError, TypeError) as error:
        why = str(error) if isinstance(error, SignInRequired) else _unreadable(where, error)
        return (Credential(name, note=why),)


def _of_user(user: dict[str, Any], name: str, renewal: str) -> Iterator[Credential]:
    if plugin := (user.get("exec") or {}).get("command"):
        yield Credential(
            f"credentials of {name}",
            note=f"{Path(str(plugin)).name} renews the credentials of {name} by itself.",
        )
        return
    provider = (user.get("auth-provider") or {}).get("config") or {}
    if path := user.get("tokenFile"):
        # Who mounts such a file also writes the next token into it.
        yield _of_token(Path(path).read_text(encoding="utf-8"), f"token in {path}", "")
    elif token := user.get("token") or provider.get("id-token"):
        yield _of_token(str(token), f"token of {name}", renewal)
    if (pem := _certificate(user)) is not None:
        from cryptography import x509

        found = x509.load_pem_x509_certificate(pem)
        begins, expires = found.not_valid_before_utc, found.not_valid_after_utc
        yield Credential(f"client certificate of {name}", begins, expires, renewal)


def _of_token(token: str, name: str, renewal: str) -> Credential:
    claims = _claims(token)
    expires, begins = _moment(claims.get("exp")), _moment(claims.get("nbf") or claims.get("iat"))
    if expires is None:
        return Credential(name, note=f"The {name} does not say until when it is valid.")
    return Credential(name, begins, expires, renewal)


def _claims(token: str) -> dict[str, Any]:
    """What a JSON web token says of itself; nothing where it is none. Not verified: it is ours."""
    parts = token.strip().split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _moment(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < LATEST else None


def _certificate(user: dict[str, Any]) -> bytes | None:
    if data := user.get("client-certificate-data"):
        return base64.b64decode(str(data))
    path = user.get("client-certificate")
    return Path(path).read_bytes() if path else None


def _renewal(site: str) -> str:
    return f"Renew it as your provider says, then `jupyter continuum connect {site}`."


def _unreadable(where: KubernetesSite, error: Exception) -> str:
    """Without a word of the file: a message may quote a secret."""
    why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else "not readable"
    return f"The credentials of context {where.context!r} cannot be read ({why})."

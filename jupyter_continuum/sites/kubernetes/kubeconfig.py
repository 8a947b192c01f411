"""A context of the person's kubeconfig: where it lies, and credentials from it.

kr8s turns it into a server, a token and a TLS context: exec plugins, service accounts and
proxies included. Nothing of what is read here is ever logged.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from jupyter_continuum.errors import SignInRequired
from jupyter_continuum.sites.profile import KubernetesSite

Record = dict[str, Any]  # YAML of a kubeconfig


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """How to speak to one API server as one user. Secret."""

    server: str
    namespace: str
    token: str | None
    tls: ssl.SSLContext | bool
    proxy: str | None
    server_name: str | None


def kubeconfig_paths(where: KubernetesSite, environment: Mapping[str, str]) -> list[Path]:
    """The files that hold the context, strongest first, as kubectl finds them."""
    told = where.kubeconfig or environment.get("KUBECONFIG") or "~/.kube/config"
    return [Path(part).expanduser() for part in told.split(os.pathsep) if part]


async def credentials(
    where: KubernetesSite, site: str, environment: Mapping[str, str]
) -> Credentials:
    """Read the kubeconfig anew. SignInRequired says what is wrong with it."""
    paths = [path for path in kubeconfig_paths(where, environment) if path.is_file()]
    user = _user(where, site, paths, environment)
    from kr8s._auth import KubeAuth  # half a second of imports

    try:
        auth = KubeAuth(
            kubeconfig=os.pathsep.join(map(str, paths)),
            context=where.context,
            namespace=where.namespace,
            serviceaccount="",
        )
        await auth
        tls: ssl.SSLContext | bool = await auth.ssl_context()  # type: ignore[no-untyped-call]
    except Exception as error:  # kr8s has no family of errors: a plugin, a file, a field
        raise SignInRequired(
            f"{site}: context {where.context!r} of {_named(paths)} gives no credentials "
            f"({_kind_of(error)}). Check it with `kubectl --context {where.context} get pods`, "
            f"then `jupyter continuum connect {site}`."
        ) from None
    _remove_copies(auth, user)
    context = _entry(paths, "contexts", where.context).get("context") or {}
    return Credentials(
        server=str(auth.server),
        namespace=where.namespace or str(context.get("namespace") or "default"),
        token=auth.token,
        tls=tls,
        proxy=auth.proxy,
        server_name=auth.tls_server_name,
    )


def _user(
    where: KubernetesSite, site: str, paths: list[Path], environment: Mapping[str, str]
) -> Record:
    """The user that the context names, as it stands in the file."""
    if not paths:
        named = ", ".join(map(str, kubeconfig_paths(where, environment)))
        raise SignInRequired(
            f"{site}: there is no kubeconfig {named}. Get one from the cluster's owner, or name "
            f"it: `jupyter continuum connect {site} --kubeconfig FILE`."
        )
    try:
        context = _entry(paths, "contexts", where.context)
        if not context:
            known = ", ".join(str(each.get("name")) for each in _items(paths, "contexts"))
            raise SignInRequired(
                f"{site}: {_named(paths)} has no context {where.context!r} (it has: "
                f"{known or 'none'}). `jupyter continuum connect {site} --context NAME`."
            )
        name = str((context.get("context") or {}).get("user", ""))
        found = _entry(paths, "users", name).get("user")
        return found if isinstance(found, dict) else {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise SignInRequired(
            f"{site}: {_named(paths)} is no kubeconfig ({_kind_of(error)}). Correct it, "
            f"then `jupyter continuum connect {site}`."
        ) from None


def _items(paths: list[Path], kind: str) -> list[Record]:
    found: list[Record] = []
    for path in paths:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        found += [each for each in content.get(kind) or () if isinstance(each, dict)]
    return found


def _entry(paths: list[Path], kind: str, name: str) -> Record:
    """The first of that name, as kubectl merges files; {} when there is none."""
    return next((each for each in _items(paths, kind) if each.get("name") == name), {})


def _named(paths: list[Path]) -> str:
    return ", ".join(map(str, paths))


def _kind_of(error: Exception) -> str:
    """What went wrong without a word of the file: a message may quote a secret."""
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} is not there"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1} is not YAML"
    return type(error).__name__


def _remove_copies(auth: Any, user: Record) -> None:  # kr8s' KubeAuth
    """kr8s writes keys of a kubeconfig to temporary files and leaves them there."""
    copies = [auth.client_key_file] if "client-key" not in user else []
    copies += [auth.client_cert_file] if "client-certificate" not in user else []
    for path in copies:
        if path:
            Path(str(path)).unlink(missing_ok=True)
    ca = auth._cluster.get("certificate-authority-data") and auth.server_ca_file
    if ca:
        Path(str(ca)).unlink(missing_ok=True)

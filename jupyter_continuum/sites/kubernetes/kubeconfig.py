"""A context of the person's kubeconfig: where it lies, and credentials from it.

The context is chosen here, as kubectl merges files; kr8s turns it into a server, a token and
a TLS context: exec plugins and proxies included. Nothing of what is read here is ever logged.
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

FILES = ("client-key", "client-certificate", "certificate-authority", "tokenFile")
"""Fields that name a file, seen from the folder of the kubeconfig."""


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
    context, cluster, user = choose_context(where, site, paths, environment)
    from kr8s._auth import KubeAuth  # half a second of imports

    auth = None
    try:
        own = _check_files(cluster | user)
        if "tokenFile" in user:  # it wins over `token`, and may be renewed at any time
            user["token"] = Path(user["tokenFile"]).read_text(encoding="utf-8").strip()
        auth = KubeAuth(
            kubeconfig=_one_context(where.context, context, cluster, user),  # type: ignore[arg-type]
            context=where.context,
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
    finally:
        if auth is not None:
            _remove_copies(auth, own)
    return Credentials(
        server=str(auth.server),
        namespace=where.namespace or str(context.get("namespace") or "default"),
        token=auth.token,
        tls=tls,
        proxy=auth.proxy,
        server_name=auth.tls_server_name,
    )


def choose_context(
    where: KubernetesSite, site: str, paths: list[Path], environment: Mapping[str, str]
) -> tuple[Record, Record, Record]:
    """The context, its cluster and its user; of several files the first that has a name wins."""
    if not paths:
        named = ", ".join(map(str, kubeconfig_paths(where, environment)))
        raise SignInRequired(
            f"{site}: there is no kubeconfig {named}. Get one from the cluster's owner, or name "
            f"it: `jupyter continuum connect {site} --kubeconfig FILE`."
        )
    try:
        files = [(path, yaml.safe_load(path.read_text(encoding="utf-8")) or {}) for path in paths]
        contexts = _entries(files, "contexts", "context")
        if where.context not in contexts:
            raise SignInRequired(
                f"{site}: {_named(paths)} has no context {where.context!r} (it has: "
                f"{', '.join(contexts) or 'none'}). "
                f"`jupyter continuum connect {site} --context NAME`."
            )
        context = contexts[where.context]
        clusters, users = _entries(files, "clusters", "cluster"), _entries(files, "users", "user")
        cluster = clusters.get(str(context.get("cluster")), {})
        return context, cluster, users.get(str(context.get("user")), {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise SignInRequired(
            f"{site}: {_named(paths)} is no kubeconfig ({_kind_of(error)}). Correct it, "
            f"then `jupyter continuum connect {site}`."
        ) from None


def _entries(files: list[tuple[Path, Record]], kind: str, field: str) -> dict[str, Record]:
    """Entries by name, their files named in full."""
    found: dict[str, Record] = {}
    for path, content in files:
        for each in content.get(kind) or ():
            values = dict(each.get(field) or {})
            for name in FILES:
                if values.get(name):
                    values[name] = str(path.absolute().parent / values[name])
            found.setdefault(str(each.get("name")), values)
    return found


def _one_context(name: str, context: Record, cluster: Record, user: Record) -> Record:
    """A kubeconfig with nothing else in it: kr8s merges files in another order than kubectl."""
    return {
        "contexts": [{"name": name, "context": context | {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "current-context": name,
    }


def _check_files(values: Record) -> set[str]:
    """The person's own files. FileNotFoundError for one that is not there."""
    own = {str(values[name]) for name in FILES if values.get(name)}
    for name in sorted(own):
        if not Path(name).exists():
            raise FileNotFoundError(2, "not there", name)
    return own


def _named(paths: list[Path]) -> str:
    return ", ".join(map(str, paths))


def _kind_of(error: Exception) -> str:
    """What went wrong without a word of the file: a message may quote a secret."""
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} is not there"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1} is not YAML"
    return type(error).__name__


def _remove_copies(auth: Any, own: set[str]) -> None:  # kr8s' KubeAuth
    """kr8s writes keys of a kubeconfig to temporary files and leaves them there."""
    for path in (auth.client_key_file, auth.client_cert_file, auth.server_ca_file):
        if path and str(path) not in own:
            Path(str(path)).unlink(missing_ok=True)

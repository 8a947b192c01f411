"""Who may do what in the cluster: a namespace, service accounts, and a kubeconfig for each."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.rig.daemons import RigError, wait_until
from tests.rig.kubernetes.kubectl import Kubectl

RESTRICTED = "restricted"
"""Bound to the shipped namespaced Role alone."""
READER = "reader"
"""The same, and the shipped read-only ClusterRole."""
STRANGER = "stranger"
"""Bound to nothing."""
ROLE, CLUSTER_ROLE = "namespaced-role.yaml", "cluster-reader.yaml"
LABEL = "jupyter-continuum.tests"
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Access:
    """Kubeconfigs of what ``grant`` made lie in ``folder``, under the account's name."""

    admin: Kubectl
    namespace: str
    folder: Path

    def kubeconfig(self, account: str) -> Path:
        """``restricted``, ``reader``, ``stranger`` or ``invalid``."""
        path = self.folder / account
        if not path.exists():
            raise RigError(f"Nobody is called {account!r} in the cluster of the tests")
        return path

    def kubectl(self, account: str) -> Kubectl:
        return self.admin.as_somebody(self.kubeconfig(account))

    def grant(self) -> None:
        accounts = (RESTRICTED, READER, STRANGER)
        role, cluster_role = shipped(ROLE), shipped(CLUSTER_ROLE)
        role["metadata"] = {"name": role["metadata"]["name"], "namespace": self.namespace}
        # With the namespace in it, so that two test runs in one cluster keep apart.
        cluster_role["metadata"] = {"name": f"{self.namespace}-reader"}
        label = {"labels": {LABEL: "true"}}
        self.admin.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": label | {"name": self.namespace}},
            *(
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self._named(account)}
                for account in accounts
            ),
            role,
            cluster_role,
            self._binding("RoleBinding", role, (RESTRICTED, READER)),
            self._binding("ClusterRoleBinding", cluster_role, (READER,)),
        )
        for account in accounts:
            self.write(account, self.token(account))
        default = ("get", "serviceaccount", "default", f"--namespace={self.namespace}")
        wait_until(
            lambda: self.admin.attempt(*default).returncode == 0,
            f"Pods cannot start in the namespace {self.namespace}: no default service account",
            60,
        )
        self.write("invalid", "not-a-token-of-this-cluster")

    def revoke(self) -> None:
        """Remove all of it, in a cluster that is not ours."""
        _revoke(self.admin, self.namespace)

    def revoke_old(self) -> None:
        """Remove what runs that were killed have left there, a day after."""
        for one in self.admin.get("namespaces", f"--selector={LABEL}")["items"]:
            made = datetime.fromisoformat(one["metadata"]["creationTimestamp"])
            if datetime.now(UTC) - made > timedelta(days=1):
                _revoke(self.admin, one["metadata"]["name"])

    def limit(self, **hard: str) -> None:
        """A ResourceQuota in the namespace, ``limit(pods="2")``; underscores are for dots."""
        quota = {"hard": {name.replace("_", "."): value for name, value in hard.items()}}
        metadata = self._named("quota")
        self.admin.apply(
            {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": quota}
        )
        here = ("resourcequota", "quota", f"--namespace={self.namespace}")
        wait_until(
            lambda: "used" in self.admin.get(*here).get("status", {}),
            f"The quota of {self.namespace} is not counted",
            30,
        )

    def unlimit(self) -> None:
        self.admin.run(
            "delete",
            "resourcequota",
            "quota",
            "--ignore-not-found",
            f"--namespace={self.namespace}",
        )

    def write(self, account: str, token: str) -> Path:
        """A kubeconfig that shows ``token``."""
        words = ("config", "view", "--raw", "--minify", "--flatten", "--output=json")
        content = json.loads(self.admin.run(*words))
        context = content["contexts"][0]["context"] | {"user": account, "namespace": self.namespace}
        content["users"] = [{"name": account, "user": {"token": token}}]
        content["contexts"] = [{"name": "rig", "context": context}]
        content["current-context"] = "rig"
        path = self.folder / account
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, indent=1))
        return path

    def token(self, account: str) -> str:
        """A token for a day, asked for as a pod's is: 1.20 has no ``kubectl create token``."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86_400},
        }
        told = self.admin.run("create", "--raw", path, "--filename=-", stdin=json.dumps(request))
        return str(json.loads(told)["status"]["token"])

    def _named(self, name: str) -> dict[str, str]:
        return {"name": name, "namespace": self.namespace}

    def _binding(self, kind: str, role: dict[str, Any], accounts: Sequence[str]) -> dict[str, Any]:
        name = role["metadata"]["name"]
        metadata = self._named(name) if kind == "RoleBinding" else {"name": name}
        return {
            "apiVersion": f"{RBAC}/v1",
            "kind": kind,
            "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": role["kind"], "name": name},
            "subjects": [{"kind": "ServiceAccount", **self._named(name)} for name in accounts],
        }


def _revoke(admin: Kubectl, namespace: str) -> None:
    admin.run("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
    for kind in ("clusterrolebinding", "clusterrole"):
        admin.run("delete", kind, f"{namespace}-reader", "--ignore-not-found")


def shipped(file: str) -> dict[str, Any]:
    """The role that the project ships in this file."""
    found = importlib.util.find_spec("jupyter_continuum.sites")
    assert found is not None
    assert found.submodule_search_locations
    path = Path(found.submodule_search_locations[0]) / "kubernetes" / "rbac" / file
    roles = [one for one in yaml.safe_load_all(path.read_text()) if "rules" in (one or {})]
    if len(roles) != 1:
        raise RigError(f"{path} holds {len(roles)} roles, and the tests know what to do with one")
    return dict(roles[0])

"""``rbac``: the rights that a Kubernetes site gives, for its administrator to apply."""

from __future__ import annotations

from argparse import Namespace
from importlib.resources import files

from jupyter_continuum.cli.terminal import say


def rbac(options: Namespace) -> int:
    name = "cluster-reader.yaml" if options.cluster_reader else "namespaced-role.yaml"
    say((files("jupyter_continuum.sites.kubernetes") / "rbac" / name).read_text().rstrip())
    return 0

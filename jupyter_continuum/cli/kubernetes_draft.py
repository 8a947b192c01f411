"""From words about a Kubernetes cluster to the fields of a Profile. Pure."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_continuum.errors import ContinuumError

Draft = dict[str, Any]  # fields of a Profile, to be checked by it

WORDS = ("context", "namespace", "kubeconfig", "image", "offer")
"""Options that only a Kubernetes site has."""
NUMBERS = {"cpus": int, "gpus": int, "user": int, "memory_gb": float, "max_walltime_minutes": int}
TEXTS = ("name", "image", "gpu_resource", "gpu_model", "pull_secret", "python")
SHORT = {"memory": "memory_gb", "walltime": "max_walltime_minutes", "model": "gpu_model"}
OFFER = "cpu"
"""Name of the one offer of a site for which none was described."""


def is_kubernetes(draft: Mapping[str, Any], options: Namespace) -> bool:
    """The options or what is known of the site mean a Kubernetes cluster."""
    said = any(getattr(options, word, None) for word in WORDS)
    return said or draft.get("kind") == "kubernetes" or options.kind == "kubernetes"


def merge_kubernetes(
    before: Mapping[str, Any] | None, options: Namespace, environment: Mapping[str, str]
) -> Draft:
    """``before`` with what was said on the command line put over it."""
    merged: Draft = dict(before or {})
    for word in ("context", "namespace", "kubeconfig"):
        if getattr(options, word):
            merged[word] = getattr(options, word)
    told = merged.get("kubeconfig") or environment.get("KUBECONFIG")
    if told:  # the broker has another folder, and another environment
        merged["kubeconfig"] = os.pathsep.join(
            str(Path(part).expanduser().absolute()) for part in told.split(os.pathsep) if part
        )
    if options.offer:
        merged["offers"] = [parse_offer(text, image=options.image) for text in options.offer]
    elif options.image:
        offers = merged.get("offers") or [{"name": OFFER}]
        merged["offers"] = [{**offer, "image": options.image} for offer in offers]
    return merged


def parse_offer(text: str, *, image: str | None = None) -> Draft:
    """``name=gpu,cpus=8,gpus=1,memory=32,select=zone:a`` as fields of a PodFlavour."""
    fields: Draft = {"image": image} if image else {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        key = SHORT.get(key.strip(), key.strip())
        if not equals:
            raise ContinuumError(f"--offer {text}: {part!r} is not KEY=VALUE.")
        if key == "select":
            label, _, wanted = value.partition(":")
            fields.setdefault("node_selector", {})[label] = wanted
        elif key == "tolerate":
            fields.setdefault("tolerations", []).append({"key": value} if value != "*" else {})
        elif key in NUMBERS:
            fields[key] = _number(text, part, value, NUMBERS[key])
        elif key in TEXTS:
            fields[key] = value
        else:
            known = ", ".join(sorted((*NUMBERS, *TEXTS, *SHORT, "select", "tolerate")))
            raise ContinuumError(f"--offer {text}: there is no {key!r}. There are: {known}.")
    return fields


def _number(text: str, part: str, value: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(value)
    except ValueError:
        raise ContinuumError(f"--offer {text}: {part!r} is not a number.") from None

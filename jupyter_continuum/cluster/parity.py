"""Whether two environments can be parts of one cluster. Pure: reports in, sentences out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Report = Mapping[str, Any]
"""What ``environment()`` gives; from a site, so any field may be missing or strange."""

SAME_PARTS = {"dask": 2, "distributed": 2, "msgpack": 1, "cloudpickle": 1, "numpy": 1}
"""Leading version parts that must agree: Dask's wire form changes from month to month, pickles
of NumPy 2 cannot be read by NumPy 1."""
TOLD_PARTS = {"cloudpickle": 2, "numpy": 2, "pandas": 1, "dask": 3, "distributed": 3}
"""Leading parts that should agree; a difference is told and nothing more."""
OPTIONAL = frozenset({"numpy", "pandas"})


def mismatches(here: Report, there: Report) -> list[str]:
    """Why the environment ``there`` cannot join a cluster of ``here``; empty when it can."""
    return list(_refusals(here, there))


def differences(here: Report, there: Report) -> list[str]:
    """What differs, does no harm as a rule, and should be known."""
    found = [
        f"{package} is {_package(there, package)} there and {_package(here, package)} here."
        for package, parts in TOLD_PARTS.items()
        if _both(here, there, package)
        and _differ(_package(here, package), _package(there, package), parts)
        and not _differ(
            _package(here, package), _package(there, package), SAME_PARTS.get(package, 0)
        )
    ]
    if here.get("architecture") != there.get("architecture"):
        found.append(
            f"The processor is {there.get('architecture')} there and "
            f"{here.get('architecture')} here: compiled functions do not travel."
        )
    return found


def _refusals(here: Report, there: Report) -> Iterator[str]:
    if there.get("protocol") != here.get("protocol"):
        yield (
            f"The worker agent speaks protocol {there.get('protocol')}, this cluster "
            f"{here.get('protocol')}. Install the same jupyter-continuum on both sides."
        )
    if _differ(str(here.get("python")), str(there.get("python")), 2):
        yield (
            f"Python is {there.get('python')} there and {here.get('python')} here, and functions "
            "do not travel between them. Use the same minor version on both sides."
        )
    for package, parts in SAME_PARTS.items():
        ours, theirs = _package(here, package), _package(there, package)
        if package in OPTIONAL and not _both(here, there, package):
            continue
        if _differ(ours, theirs, parts):
            yield (
                f"{package} is {theirs or 'missing'} there and {ours or 'missing'} here. "
                f"Install {package}=={ours} in the worker environment."
            )


def _package(report: Report, name: str) -> str:
    packages = report.get("packages")
    found = packages.get(name) if isinstance(packages, Mapping) else None
    return found if isinstance(found, str) else ""


def _both(here: Report, there: Report, package: str) -> bool:
    return bool(_package(here, package) and _package(there, package))


def _differ(one: str, other: str, parts: int) -> bool:
    """True when the first ``parts`` numbers of two versions are not the same."""
    return _numbers(one)[:parts] != _numbers(other)[:parts]


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text.partition("+")[0])

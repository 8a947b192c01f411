"""Whether two environments can be parts of one cluster. Pure: reports in, sentences out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Report = Mapping[str, Any]
"""What ``environment()`` gives; from a site, so any field may be missing or strange."""

SAME_PARTS = {"dask": 2, "distributed": 2, "msgpack": 1, "cloudpickle": 1, "numpy": 1}
"""Leading version parts that must agree: Dask's wire form changes from month to month, pickles
of NumPy 2 cannot be read by NumPy 1."""
TOLD_PARTS = {"cloudpickle": 2, "numpy": 2, "pandas": 1, "dask": 3, "distributed": 3}
"""Leading parts that should agree; a difference is told and nothing more."""
OPTIONAL = frozenset({"numpy", "pandas"})
LONGEST = 60
"""Signs of a version that are shown."""

Verdict = Literal["same", "fine", "told", "refused", "unknown"]
"""``fine``: they differ, and it does not matter. ``told``: it does no harm as a rule."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing on both sides."""

    what: str
    here: str
    """"": not there, or not known."""
    there: str
    verdict: Verdict
    why: str = ""
    """A sentence where the verdict needs one."""
    mend: str = ""
    """What to do where there is no `jupyter continuum prepare`."""


def compare(here: Report, there: Report, *, gpus: bool = False) -> tuple[Row, ...]:
    """Everything that is compared, in the order in which it is shown.

    With ``gpus``, workers are to compute on GPUs there.
    """
    return (
        _agent(here, there),
        _python(here, there),
        *(_package_row(here, there, name) for name in dict.fromkeys((*SAME_PARTS, *TOLD_PARTS))),
        _cupy(here, there, gpus=gpus),
        _cuda_runtime(here, there),
        _cuda_driver(here, there, gpus=gpus),
        _architecture(here, there),
        _libc(here, there),
    )


def mismatches(here: Report, there: Report) -> list[str]:
    """Why the environment ``there`` cannot join a cluster of ``here``; empty when it can."""
    rows = compare(here, there)
    return [f"{row.why} {row.mend}".strip() for row in rows if row.verdict == "refused"]


def differences(here: Report, there: Report) -> list[str]:
    """What differs, does no harm as a rule, and should be known."""
    return [row.why for row in compare(here, there) if row.verdict == "told"]


def _agent(here: Report, there: Report) -> Row:
    """The agent's protocol decides; the release is what is shown."""
    what = "jupyter-continuum"
    ours, theirs = _package(here, what), _package(there, what)
    if there.get("protocol") == here.get("protocol"):
        return Row(what, ours, theirs, "same" if ours == theirs else "fine")
    if not theirs and there.get("protocol") is None:
        why = "jupyter-continuum is missing there."
    else:
        why = (
            f"The worker agent speaks protocol {shown(there.get('protocol'))}, this cluster "
            f"{here.get('protocol')}."
        )
    mend = "Install the same jupyter-continuum on both sides."
    return Row(what, ours, theirs, "refused", why, mend)


def _python(here: Report, there: Report) -> Row:
    ours, theirs = shown(here.get("python")), shown(there.get("python"))
    if not _differ(ours, theirs, 2):
        return Row("Python", ours, theirs, "same" if ours == theirs else "fine")
    why = (
        f"Python is {theirs or 'missing'} there and {ours} here, and functions do not travel "
        "between them."
    )
    mend = "Use the same minor version on both sides."
    return Row("Python", ours, theirs, "refused", why, mend)


def _package_row(here: Report, there: Report, package: str) -> Row:
    ours, theirs = _package(here, package), _package(there, package)
    if package in OPTIONAL and not (ours and theirs):
        return Row(package, ours, theirs, "same" if ours == theirs else "fine")
    if _differ(ours, theirs, SAME_PARTS.get(package, 0)):
        why = f"{package} is {theirs or 'missing'} there and {ours or 'missing'} here."
        mend = f"Install {package}=={ours} in the worker environment."
        return Row(package, ours, theirs, "refused", why, mend)
    if ours and theirs and _differ(ours, theirs, TOLD_PARTS.get(package, 0)):
        why = f"{package} is {theirs} there and {ours} here."
        return Row(package, ours, theirs, "told", why)
    return Row(package, ours, theirs, "same" if ours == theirs else "fine")


def _cupy(here: Report, there: Report, *, gpus: bool) -> Row:
    ours, theirs = shown(here.get("cupy")), shown(there.get("cupy"))
    if gpus and not theirs:
        why = "CuPy is missing there, so arrays on its GPUs need another package."
        return Row("cupy", ours, theirs, "told", why)
    return Row("cupy", ours, theirs, "same" if ours == theirs else "fine")


def _cuda_runtime(here: Report, there: Report) -> Row:
    ours, theirs = shown(here.get("cuda_runtime")), shown(there.get("cuda_runtime"))
    return Row("CUDA runtime", ours, theirs, "same" if ours == theirs else "fine")


def _cuda_driver(here: Report, there: Report, *, gpus: bool) -> Row:
    """A driver serves the CUDA releases up to its own major one."""
    ours, theirs = shown(here.get("cuda_driver")), shown(there.get("cuda_driver"))
    wants = re.match(r"cupy-cuda(\d+)x ", shown(there.get("cupy")))
    if not theirs:
        return Row("CUDA driver", ours, theirs, "unknown" if gpus else "same")
    serves = _numbers(theirs)[:1]
    if wants and serves and int(serves[0]) < int(wants[1]):
        why = f"CuPy is built for CUDA {wants[1]} there, and the driver serves CUDA {theirs}."
        mend = f"Install cupy-cuda{serves[0]}x in the worker environment."
        return Row("CUDA driver", ours, theirs, "refused", why, mend)
    return Row("CUDA driver", ours, theirs, "fine")


def _architecture(here: Report, there: Report) -> Row:
    ours, theirs = shown(here.get("architecture")), shown(there.get("architecture"))
    if ours == theirs:
        return Row("processor", ours, theirs, "same")
    why = f"The processor is {theirs} there and {ours} here: compiled functions do not travel."
    return Row("processor", ours, theirs, "told", why)


def _libc(here: Report, there: Report) -> Row:
    ours, theirs = shown(here.get("libc")), shown(there.get("libc"))
    return Row("C library", ours, theirs, "same" if ours == theirs else "fine")


def _package(report: Report, name: str) -> str:
    packages = report.get("packages")
    return shown(packages.get(name)) if isinstance(packages, Mapping) else ""


def shown(value: object) -> str:
    """``value`` where a version may look like it; whatever else a site said is not repeated."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and _SHOWN.fullmatch(value) else ""


_SHOWN = re.compile(rf"[\w.+()!~ -]{{1,{LONGEST}}}", re.ASCII)


def _differ(one: str, other: str, parts: int) -> bool:
    """True when the first ``parts`` numbers of two versions are not the same."""
    return _numbers(one)[:parts] != _numbers(other)[:parts]


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text.partition("+")[0])

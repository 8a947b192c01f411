"""What accounts may still use: by Slurm's own books, or by the command that a site has for it.

Pure, and wary. Slurm counts minutes and tells limits beside what was used of them; a site that
keeps its books elsewhere has a command that prints a table, and Slurm knows no limit there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jupyter_continuum.sites.protocols import Books, BooksCommand, Budget
from jupyter_continuum.sites.slurm.text import fields
from jupyter_continuum.sites.text import clean

COMMANDS: Mapping[BooksCommand, str] = MappingProxyType(
    {
        "lumi-allocations": "lumi-allocations",
        "saldo": "saldo -b; echo --dcgp; saldo -b --dcgp",
    }
)
"""What each of the words of a record runs. Nothing else of a record reaches a shell."""
MOST = 1_000
"""Rows of a table; more are not believed."""
RESOURCE = re.compile(r"(?:cpu|node|billing|gres/gpu(?::[\w.+-]{1,40})?)")
DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Row:
    """One association, with its limits in minutes: granted and used."""

    account: str
    user: str
    parent: str
    partition: str
    limits: Mapping[str, tuple[float, float]]


def parse_books(text: str, command: BooksCommand | None = None) -> Books | None:
    """What ``commands.books`` printed, by whichever of its programs; None where none are kept."""
    if command == "lumi-allocations":
        return Books(tuple(_lumi(text)))
    if command == "saldo":
        return Books(tuple(_saldo(text)))
    rows = [*_assoc_mgr(text), *_sshare(text)][:MOST]
    if not rows:
        return None
    above = {row.account: row for row in rows if not row.user}
    return Books(
        tuple(budget for row in rows if row.user for budget in _of(row, above)),
        {account: row.parent for account, row in above.items() if row.parent},
    )


def _of(own: Row, above: Mapping[str, Row]) -> Iterator[Budget]:
    """What holds for the person's association: its own limits, and those of all accounts above."""
    row: Row | None = own
    for _ in range(DEEPEST):
        if row is None:
            return
        for resource, (granted, used) in row.limits.items():
            yield Budget(
                own.account,
                resource,
                granted / 60,
                used / 60,
                holder=row.account if not row.user else f"you in {row.account}",
                partition=own.partition,
            )
        row = above.get(row.account if row.user else row.parent)


def _assoc_mgr(text: str) -> Iterator[Row]:
    """Lines of ``scontrol -o show assoc_mgr``: ``GrpTRESMins=cpu=6000(17),gres/gpu=N(3)``."""
    for line in text.splitlines():
        found = fields(line[:65_536])
        account = clean(found.get("Account", ""), 64)
        if not account or "GrpTRESMins" not in found:
            continue
        limits = re.findall(r"([\w/:.+-]+)=([0-9.]{1,18})\(([0-9.]{1,18})\)", found["GrpTRESMins"])
        yield Row(
            account,
            clean(found.get("UserName", "").partition("(")[0], 64),
            clean(found.get("ParentAccount", "").partition("(")[0], 64),
            clean(found.get("Partition", ""), 64),
            _limits((name, granted, used) for name, granted, used in limits),
        )


def _sshare(text: str) -> Iterator[Row]:
    """Rows of ``sshare -nP -o Account,User,GrpTRESMins,GrpTRESRaw``, indented below parents."""
    line_of: list[tuple[int, str]] = []
    for line in text.splitlines():
        parts = line[:65_536].split("|")
        if len(parts) != 4 or not parts[0].strip():
            continue
        depth, account = len(parts[0]) - len(parts[0].lstrip(" ")), clean(parts[0], 64)
        while line_of and line_of[-1][0] >= depth:
            line_of.pop()
        user, parent = clean(parts[1], 64), line_of[-1][1] if line_of else ""
        if not user:
            line_of.append((depth, account))
        used = dict(_pairs(parts[3]))
        granted = _pairs(parts[2])
        limits = _limits((name, most, used.get(name, "0")) for name, most in granted)
        yield Row(account, user, "" if user else parent, "", limits)


def _pairs(text: str) -> list[tuple[str, str]]:
    return re.findall(r"([\w/:.+-]+)=([0-9.]{1,18})(?=,|$)", text)


def _limits(found: Iterator[tuple[str, str, str]]) -> Mapping[str, tuple[float, float]]:
    limits = {}
    for name, granted, used in found:
        most, gone = _number(granted), _number(used)
        if RESOURCE.fullmatch(name) and most is not None and gone is not None:
            limits[name] = (most, gone)
    return limits


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,15}(?:\.[0-9]{1,9})?", text) else None


def _lumi(text: str) -> Iterator[Budget]:
    """``project_1 | 5/500 (1.0%) core/hours| 113/100 (113.0%) gpu/hours| ...``; 0 is no grant."""
    for line in text.splitlines()[:MOST]:
        account = clean(line[:1024].partition("|")[0], 64)
        counted = re.findall(
            r"([0-9]{1,15})/([0-9]{1,15}) +\([^)]{1,12}\) (core|gpu)/hours", line[:1024]
        )
        for used, granted, what in counted:
            unit = "core-hour" if what == "core" else "GPU-hour"
            yield Budget(account, unit, float(granted), float(used), holder=account)


def _saldo(text: str) -> Iterator[Budget]:
    """``account start end total local-used used % ...``; both parts of the machine count alone."""
    partition = "boost_*"
    for line in text.splitlines()[: 2 * MOST]:
        words = line[:1024].split()
        if words == ["--dcgp"]:
            partition = "dcgp_*"
        if len(words) < 7 or not all(re.fullmatch(r"[0-9]{8}", each) for each in words[1:3]):
            continue
        granted, used = _number(words[3]), _number(words[5])
        if granted is not None and used is not None:
            account = clean(words[0], 64)
            yield Budget(
                account, "core-hour", granted, used, holder=account, partition=partition,
                until=f"{words[2][:4]}-{words[2][4:6]}-{words[2][6:]}",
            )  # fmt: skip

"""What a person reads of a view, column by column: the same in a terminal and in a notebook."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jupyter_continuum.table import UNKNOWN, duration

Record = dict[str, Any]  # a view as it crossed the socket
Row = tuple[object, ...]

SITE_HEAD = ("SITE", "NAME", "KIND", "COUNTRY", "STATE", "OFFERS", "LOGIN", "WHY")
OFFER_HEAD = ("OFFER", "COUNTRY", "GPUS", "FREE", "WAIT", "PRICE", "CARBON", "LAUNCHABLE")
WIDE_HEAD = (
    *(*OFFER_HEAD[:-1], "CPUS", "MEMORY", "WAITING", "ENERGY", "ALLOCATION", "LEFT", "NODES"),
    "LAUNCHABLE",
)
CLUSTER_HEAD = ("CLUSTER", "STATE", "GROUPS", "WORKERS", "WHY")
FOREIGN_HEAD = ("CLUSTER OF OTHERS", "STATE", "WORKERS")
GROUP_HEAD = ("GROUP", "OFFER", "STATE", "WORKERS", "CARRIER", "WHY")
WORKER_HEAD = ("WORKER", "STATE", "NODE", "DEVICE", "JOB", "TASKS", "WHY")
REACH_HEAD = ("WHAT", "FOUND", "VERDICT", "MEASURED")
DATASET_HEAD = ("DATASET", "NAME", "FORMAT", "SIZE", "SITE", "OWNER", "LAW", "LICENCE", "WHERE")
FILE_HEAD = ("NAME", "KIND", "SIZE", "MODIFIED")
LINK_HEAD = ("FROM", "TO", "BYTES")
TRAVEL_HEAD = ("SITE", "WORKERS", "WHAT")
CLIENT_HEAD = ("CLIENT", "CERTIFICATE", "SINCE", "UNTIL")
PLACE_HEAD = ("SITE", "CODE RUNS AS", "ACCOUNT", "WORKERS", "UNTIL")
ORPHAN_HEAD = ("SITE", "JOB", "ID", "STATE", "WHY")


def site_row(site: Record) -> Row:
    return (
        site["id"],
        site["name"],
        site["kind"],
        site.get("country"),
        site["state"],
        len(site["offers"]),
        login_text(site),
        why(site),
    )


def login_text(site: Record) -> str | None:
    """Until when what lets the person in does so; None where nothing expires, or it is unknown."""
    first = next(iter(site["credentials"]), None)
    if first is None or first["expires"] is None:
        return None
    until = datetime.fromisoformat(first["expires"]).astimezone()
    words = {"expired": "expired", "early": "not yet,"}.get(first["verdict"], "until")
    return f"{words} {until:%Y-%m-%d %H:%M}"


def offer_row(offer: Record) -> Row:
    per = f"/{offer['per']}-h"
    return (
        offer["id"],
        offer.get("country"),
        gpu_text(offer),
        free_text(offer),
        wait_text(offer["wait"]),
        amount_text(offer["price_eur"], f" EUR{per}") or _units(offer),
        amount_text(offer["carbon_g"], f" g{per}"),
        _launchable(offer),
    )


def wide_row(offer: Record) -> Row:
    """All that is known of an offer and fits into a line."""
    memory, whole = offer.get("memory_gb_per_node"), offer["whole_node"]
    return (
        *offer_row(offer)[:-1],
        offer.get("cpus_per_node"),
        None if memory is None else f"{memory:.0f} GB",
        offer.get("jobs_pending"),
        amount_text(offer["energy_kwh"], f" kWh/{offer['per']}-h"),
        _units(offer),
        amount_text(offer["left"], f" {offer['unit']}s"),
        None if whole is None else "whole" if whole else "shared",
        _launchable(offer),
    )


def _launchable(offer: Record) -> str:
    return "yes" if offer["launchable"] else f"no: {offer['reason']}"


def _units(offer: Record) -> str | None:
    """What an hour takes of an allocation; None where the site has none, or it is unknown."""
    if not offer["unit"]:
        return None
    counted = amount_text(offer["units"], "") or "?"
    return f"{counted} {offer['unit']}s/{offer['per']}-h"


def amount_text(amount: Record, unit: str) -> str | None:
    """``~0.28 kWh``: what is estimated says so; None when it is unknown."""
    if amount["value"] is None:
        return None
    about = "~" if amount["kind"] == "estimated" else ""
    return f"{about}{amount['value']:.3g}{unit}"


def spent_text(cluster: Record) -> str:
    """``Spent: ~1.2 EUR, ~0.6 EUR/h now; kgCO2eq unknown``: one line, without the reasons."""
    parts = [
        _spent(cluster[field], cluster[f"{field}_per_hour"], unit)
        for field, unit in (("eur", "EUR"), ("carbon_kg", "kgCO2eq"))
    ]
    return f"Spent: {'; '.join(parts)}"


def _spent(so_far: Record, per_hour: Record, unit: str) -> str:
    known = amount_text(so_far, f" {unit}")
    if known is None:
        return f"{unit} unknown"
    now = amount_text(per_hour, f" {unit}/h") or f"{unit}/h unknown"
    # What some site does not tell is not in it.
    return f"{'at least ' if so_far['reason'] else ''}{known}, {now} now"


def wait_text(wait: Record) -> str | None:
    """``12 min, 90 %: 2 h``"""
    if wait["median"] is None:
        return None
    likely = UNKNOWN if wait["likely"] is None else duration(wait["likely"])
    about = "~" if wait["kind"] == "estimated" else ""
    half = duration(wait["median"])
    return f"{about}{half}" if likely == half else f"{about}{half}, 90 %: {likely}"


def reach_row(row: Record) -> Row:
    verdict = {"works": "works", "fails": "does not"}.get(row["verdict"])
    return (row["what"], row["found"], verdict, row["measured"])


def foreign_row(cluster: Record) -> Row:
    return cluster["name"], cluster["state"], cluster.get("workers")


def cluster_row(cluster: Record) -> Row:
    groups = cluster["groups"]
    return (
        cluster["name"],
        cluster["state"],
        ", ".join(group["name"] for group in groups),
        f"{sum(g['workers_ready'] for g in groups)} of {sum(g['workers_wanted'] for g in groups)}",
        why(cluster),
    )


def group_row(group: Record) -> Row:
    return (
        group["name"],
        group["offer"],
        group["state"],
        f"{group['workers_ready']} of {group['workers_wanted']}",
        group["carrier"] or " ",
        why(group),
    )


def worker_row(worker: Record) -> Row:
    return (
        worker["name"],
        worker["state"],
        worker["node"],
        worker["device"],
        worker["job_id"] or worker["job"],
        worker["tasks_done"],
        why(worker),
    )


def orphan_row(job: Record) -> Row:
    return job["site"], job["job"], job["job_id"], job["state"], why(job)


def dataset_row(record: Record) -> Row:
    return (
        record["id"],
        record["name"],
        record["format"],
        told_text(record["size_gb"], " GB"),
        record["site"] or "anywhere",
        told_text(record["owner"]),
        told_text(record["jurisdiction"]),
        told_text(record["licence"]),
        record["path"] or record["url"],
    )


def file_row(record: Record) -> Row:
    changed, size = record["modified"], record["size"]
    when = datetime.fromisoformat(changed).astimezone() if changed else None
    return (
        record["name"] + ("/" if record["kind"] == "folder" else ""),
        record["kind"],
        None if size is None else bytes_text(size),
        None if when is None else f"{when:%Y-%m-%d %H:%M}",
    )


def bytes_text(size: int) -> str:
    """``1.5 GB``"""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} B"


def told_text(told: Record | None, unit: str = "") -> str | None:
    """``US (unverified)``: a value that nobody vouches for says so; None where it is unknown."""
    if told is None:
        return None
    value = told["value"]
    if isinstance(value, list):
        value = ", ".join(value)
    shown = f"{value:g}" if isinstance(value, int | float) else str(value)
    doubt = f" ({told['kind']})" if told["kind"] in ("unverified", "expired") else ""
    return f"{shown}{unit}{doubt}"


def travel_row(record: Record) -> Row:
    return (record["site"], record["workers"], record["what"])


def client_row(client: Record) -> Row:
    who = client["who"] or UNKNOWN
    return who, client["leaf"], _minute(client["since"]), _minute(client["until"])


def place_row(place: Record) -> Row:
    runs_as, account = place["runs_as"] or UNKNOWN, place["account"] or " "
    until = _minute(place["until"]) if place["until"] else " "
    return place["site"], runs_as, account, place["workers"], until


def access_text(cluster: Record) -> str:
    """What the tables of clients and sites leave open, in sentences."""
    access, lease = cluster["access"], duration(cluster["lease_seconds"])
    parts = [] if access["open"] else ["All access was ended: nobody is let in."]
    if access["away"]:
        parts.append(
            f"{access['away']} more certificates of clients are valid, the last until "
            f"{_minute(access['away_until'])}; who has them is not connected, or has ended."
        )
    parts.append(f"Lease: jobs that hear nothing from the cluster for {lease} end by themselves.")
    if cluster["held"]:
        parts.append("A run holds it: it is stopped when that has been gone for so long.")
    return " ".join(parts)


def _minute(time: str) -> str:
    return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M}"


def link_row(link: Record) -> Row:
    return link["source"], link["target"], link["bytes"]


def why(record: Record) -> str:
    """The reason; a blank when none is needed, since nothing is unknown then."""
    return record["reason"] or " "


def gpu_text(offer: Record) -> str:
    """``4 x A100 64 GB``, "none", or unknown."""
    number, model = offer.get("gpus_per_node"), offer.get("gpu_model") or offer.get("gpu_vendor")
    if not (number or model):
        return "none" if number == 0 else UNKNOWN
    memory = f" {offer['gpu_memory_gb']:g} GB" if offer.get("gpu_memory_gb") else ""
    return f"{number or '?'} x {model or 'GPU'}{memory}"


def free_text(offer: Record) -> str:
    """What was free at the last look."""
    if offer.get("gpus_total"):
        return _of(offer.get("gpus_free"), offer["gpus_total"], "GPUs")
    if offer.get("nodes_free") is None and offer.get("cpus_free") is not None:
        return f"{offer['cpus_free']} CPUs"
    return _of(offer.get("nodes_free"), offer.get("nodes_total"), "nodes")


def _of(free: int | None, total: int | None, what: str) -> str:
    if free is None:
        return UNKNOWN
    return f"{free} {what}" if total is None else f"{free} of {total} {what}"

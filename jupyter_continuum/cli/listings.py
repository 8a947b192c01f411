"""``sites``, ``offers`` and ``list``: what there is, as tables or as JSON."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.cli.terminal import UNKNOWN, print_json, say, table

Record = dict[str, Any]  # a view as it crossed the socket


def sites(options: Namespace) -> int:
    found = call_broker("sites", retired=options.retired)
    if options.json:
        print_json(found)
        return 0
    say(
        table(
            ("SITE", "NAME", "KIND", "COUNTRY", "STATE", "OFFERS", "WHY"),
            [
                (
                    site["id"],
                    site["name"],
                    site["kind"],
                    site["country"],
                    site["state"],
                    len(site["offers"]),
                    site["reason"] or " ",
                )
                for site in found
            ],
        )
    )
    return 0


def offers(options: Namespace) -> int:
    from jupyter_continuum.broker.selection import select_offers

    found = select_offers(
        call_broker("sites", retired=False),
        gpu=options.gpu,
        country=options.country,
        site=options.site,
        free=options.free,
    )
    if options.json:
        print_json(found)
    elif found:
        say(
            table(
                ("OFFER", "COUNTRY", "GPUS", "CPUS", "MEMORY", "FREE", "WAITING", "LAUNCHABLE"),
                [offer_row(offer) for offer in found],
            )
        )
    else:
        say("No offer fits. `jupyter continuum offers` lists all of them.")
    return 0


def offer_row(offer: Record) -> tuple[object, ...]:
    return (
        offer["id"],
        offer["country"],
        gpu_text(offer),
        offer["cpus_per_node"],
        None if offer["memory_gb_per_node"] is None else f"{offer['memory_gb_per_node']:.0f} GB",
        free_text(offer),
        offer["jobs_pending"],
        "yes" if offer["launchable"] else f"no: {offer['reason']}",
    )


def gpu_text(offer: Record) -> str:
    """``4 x A100 64 GB``, "none", or unknown."""
    if not (offer["gpus_per_node"] or offer["gpu_model"] or offer["gpu_vendor"]):
        return "none" if offer["gpus_per_node"] == 0 else UNKNOWN
    memory = f" {offer['gpu_memory_gb']:g} GB" if offer["gpu_memory_gb"] else ""
    model = offer["gpu_model"] or offer["gpu_vendor"] or "GPU"
    return f"{offer['gpus_per_node'] or '?'} x {model}{memory}"


def free_text(offer: Record) -> str:
    if offer["gpus_total"]:
        return _of(offer["gpus_free"], offer["gpus_total"], "GPUs")
    if offer["nodes_free"] is None and offer["cpus_free"] is not None:
        return f"{offer['cpus_free']} CPUs"
    return _of(offer["nodes_free"], offer["nodes_total"], "nodes")


def _of(free: int | None, total: int | None, what: str) -> str:
    if free is None:
        return UNKNOWN
    return f"{free} {what}" if total is None else f"{free} of {total} {what}"


def clusters(options: Namespace) -> int:
    named = bool(options.name)
    found = [call_broker("cluster", name=options.name)] if named else call_broker("clusters")
    if options.json:
        print_json(found[0] if named else found)
    elif not found:
        say("No cluster runs. `jupyter continuum launch --on SITE/OFFER` starts one.")
    for cluster in found if not options.json else ():
        say(cluster_text(cluster, with_workers=named))
    return 0


def cluster_text(cluster: Record, *, with_workers: bool) -> str:
    head = f"{cluster['name']}: {cluster['state']}"
    parts = [f"{head}, {cluster['reason']}" if cluster["reason"] else head]
    parts.append(
        table(
            ("  GROUP", "OFFER", "STATE", "WORKERS", "WHY"),
            [
                (
                    f"  {group['name']}",
                    group["offer"],
                    group["state"],
                    f"{group['workers_ready']} of {group['workers_wanted']}",
                    group["reason"] or " ",
                )
                for group in cluster["groups"]
            ],
        )
    )
    if with_workers:
        parts.append(workers_text(cluster))
        parts.append(cluster["attach"])
    return "\n".join(part for part in parts if part)


def workers_text(cluster: Record) -> str:
    workers = [worker for group in cluster["groups"] for worker in group["workers"]]
    if not workers:
        return ""
    return table(
        ("  WORKER", "STATE", "NODE", "DEVICE", "JOB", "TASKS", "WHY"),
        [
            (
                f"  {worker['name']}",
                worker["state"],
                worker["node"],
                worker["device"],
                worker["job_id"] or worker["job"],
                worker["tasks_done"],
                worker["reason"] or " ",
            )
            for worker in workers
        ],
    )

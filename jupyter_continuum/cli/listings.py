"""``sites``, ``offers`` and ``list``: what there is, as tables or as JSON."""

from __future__ import annotations

from argparse import Namespace

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.rows import (
    DATASET_HEAD,
    FOREIGN_HEAD,
    GROUP_HEAD,
    OFFER_HEAD,
    SITE_HEAD,
    WIDE_HEAD,
    WORKER_HEAD,
    Record,
    dataset_row,
    foreign_row,
    group_row,
    offer_row,
    site_row,
    spent_text,
    wide_row,
    worker_row,
)
from jupyter_continuum.cli.terminal import print_json, say
from jupyter_continuum.table import as_text


def sites(options: Namespace) -> int:
    found = call_broker("sites", retired=options.retired)
    if options.json:
        print_json(found)
    else:
        say(as_text(SITE_HEAD, map(site_row, found)))
    return 0


def offers(options: Namespace) -> int:
    from jupyter_continuum.broker.selection import in_order, select_offers

    found = select_offers(
        call_broker("sites", retired=False),
        gpu=options.gpu,
        country=options.country,
        site=options.site,
        free=options.free,
    )
    if options.policy:
        return refused(found, json=options.json)
    places: dict[str, Record] = {}
    if options.sort:
        places = {each["offer"]: each for each in call_broker("rank", by=options.sort)}
        found = in_order(found, places)
    if options.json:
        print_json(found)
    elif found and options.wide:
        say(as_text(WIDE_HEAD, map(wide_row, found)))
        say("\n".join(f"{each['id']}: {places[each['id']]['line']}" for each in found if places))
    elif found:
        say(as_text(OFFER_HEAD, map(offer_row, found)))
    else:
        say("No offer fits. `jupyter continuum offers` lists all of them.")
    return 0


def refused(offers: list[Record], *, json: bool) -> int:
    """What the person's policy does not let through, and why."""
    policy = call_broker("policy")
    stopped = {each["id"]: policy["offers"].get(each["id"], []) for each in offers}
    if json:
        print_json({**policy, "offers": {id: found for id, found in stopped.items() if found}})
        return 0
    rows = [
        (id, each["rule"], each["verdict"], each["claim"], each["said"])
        for id, found in stopped.items()
        for each in found
    ]
    if rows:
        say(as_text(("OFFER", "RULE", "VERDICT", "CLAIM", "WHY"), rows))
    elif policy["limits"]:
        say(f"Your policy ({policy['path']}) refuses none of them.")
    else:
        say(f"You have no policy. {policy['path']} would hold it.")
    return 0


def datasets(options: Namespace) -> int:
    found = call_broker("datasets")
    if options.json:
        print_json(found)
    else:
        say(as_text(DATASET_HEAD, map(dataset_row, found)))
    return 0


def clusters(options: Namespace) -> int:
    named = bool(options.name)
    found = [call_broker("cluster", name=options.name)] if named else call_broker("clusters")
    if options.json:
        print_json(found[0] if named else found)
        return 0
    others = [] if named else call_broker("foreign_clusters")
    if found:
        say("\n\n".join(cluster_text(cluster, with_workers=named) for cluster in found))
    elif not others:
        say("No cluster runs. `jupyter continuum launch --on SITE/OFFER` starts one.")
    if others:
        say(("\n" if found else "") + as_text(FOREIGN_HEAD, map(foreign_row, others)))
        say(f'In Python, `jc.attach("{others[0]["name"]}").get_client()` is a client of it.')
    return 0


def cluster_text(cluster: Record, *, with_workers: bool) -> str:
    """A cluster with its groups; with its workers and the attaching cell too when asked."""
    head = f"{cluster['name']}: {cluster['state']}"
    parts = [f"{head}, {cluster['reason']}" if cluster["reason"] else head]
    parts.append(spent_text(cluster))
    parts += [each["said"] for each in cluster["residency"]]
    if with_workers:
        amounts = [cluster["eur"], cluster["carbon_kg"]]
        parts += dict.fromkeys(each["reason"] for each in amounts if each["reason"])
    parts.append(as_text(GROUP_HEAD, map(group_row, cluster["groups"])))
    workers = [worker for group in cluster["groups"] for worker in group["workers"]]
    if with_workers and workers:
        parts.append(as_text(WORKER_HEAD, map(worker_row, workers)))
    if with_workers:
        parts.append(cluster["attach"])
    return "\n".join(part for part in parts if part)

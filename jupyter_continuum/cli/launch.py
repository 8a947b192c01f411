"""``launch``: from offers or a plan file to a cluster, with a reason for every wait."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.lines import Message
from jupyter_continuum.broker.plan_file import read_plan
from jupyter_continuum.broker.rows import amount_text, wait_text
from jupyter_continuum.broker.selection import group_of
from jupyter_continuum.cli.prompts import Prompts
from jupyter_continuum.cli.terminal import note, print_json, say
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.table import as_text

Record = dict[str, Any]  # a plan or a view, as it crosses the socket
SETTLED = {"ready", "failed", "stopped"}
MEANING = {
    "fine": "does no harm",
    "told": "should be known",
    "refused": "does not fit",
    "unknown": "not known before a job runs",
}


def launch(options: Namespace) -> int:
    plan = plan_of(options)
    if options.dry_run:
        return dry_run(plan, options.accept, json=options.json)
    progress = Progress(note if options.json else say)
    with open_broker() as broker:
        broker.call("subscribe")
        answer = Prompts(others=progress)
        cluster = broker.call("launch", on_event=answer, plan=plan, accept=options.accept)
        progress.watch(cluster)
        if not options.no_wait:
            if not progress.settled:
                note(f"{cluster['name']} can be attached to already; Ctrl-C ends this view of it.")
            for event in broker.events():
                answer(event)
                if progress.settled:
                    break
        cluster = progress.cluster or cluster
    if options.json:
        print_json(cluster)
    return report(cluster, quiet=options.json)


def report(cluster: Record, *, quiet: bool) -> int:
    """Say how it went; 1 when a group failed."""
    failed = [group for group in cluster["groups"] if group["state"] == "failed"]
    if cluster["state"] == "failed":
        note(f"{cluster['name']} failed: {cluster['reason']}")
        return 1
    for group in failed:
        note(f"{group['name']} failed: {group['reason']}")
    if not quiet:
        say(f"Attach a notebook with:\n{cluster['attach']}")
    return 1 if failed else 0


def dry_run(plan: Record, accept: list[str], *, json: bool) -> int:
    found = call_broker("dry_run", plan=plan, accept=accept, foretell=True)
    if json:
        print_json(found)
        return 0
    for group in found["groups"]:
        say(
            f"==> {group['group']}: {counted(group['jobs'], 'job')}, "
            f"{counted(group['workers'], 'worker')} on {group['offer']} <=="
        )
        say(group["script"].rstrip())
        say(as_text(("EXPECTED", "", "HOW IT IS KNOWN"), expected(group)))
        if group["certificate"]:
            say(group["certificate"])
    for view in found["parity"]:
        say_parity(view)
    if found["policy"]:
        say("==> policy <==")
        rows = [(each["verdict"], each["rule"], each["said"]) for each in found["policy"]]
        say(as_text(("VERDICT", "RULE", "WHY"), rows))
    for warning in found["warnings"]:
        note(f"Note: {warning}")
    if found["refusal"]:
        note(found["refusal"])
    say("Nothing was submitted.")
    return 0


def expected(group: Record) -> list[tuple[str, str | None, str]]:
    """Wait, cost and carbon of a group, each with who says so or why nobody does."""
    amounts = [
        ("cost", "eur", " EUR"),
        ("allocation", "units", f" {group['unit'] or 'unit'}s"),
        ("energy", "energy_kwh", " kWh"),
        ("carbon", "carbon_kg", " kgCO2eq"),
    ]
    return [
        ("wait", wait_text(group["wait"]), _basis(group["wait"])),
        *((what, amount_text(group[key], unit), _basis(group[key])) for what, key, unit in amounts),
    ]


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _basis(known: Record) -> str:
    source = f"{known['kind']}: {known['source']}" if known["source"] else known["reason"]
    return f"{source.rstrip('.')}. {known['record']}" if known.get("record") else source


def say_parity(view: Record) -> None:
    """What differs between a site's worker environment and this one."""
    rows = [row for row in view["rows"] if row["verdict"] != "same"]
    if view["rows"]:
        same = len(view["rows"]) - len(rows)
        say(f"==> {view['site']}, {view['python']}: {same} of {len(view['rows'])} the same <==")
    if rows:
        shown = [[row["what"], row["here"], row["there"], MEANING[row["verdict"]]] for row in rows]
        say(as_text(("what", "here", "there", ""), shown))


class Progress:
    """Prints one line whenever something about a group has changed."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.cluster: Record | None = None
        self._name = ""
        self._tell = tell
        self._shown: dict[str, tuple[object, ...]] = {}

    def watch(self, cluster: Record) -> None:
        self._name = cluster["name"]
        self._show(cluster)

    def __call__(self, event: Message) -> None:
        if event.get("kind") == "cluster" and event["cluster"]["name"] == self._name:
            self._show(event["cluster"])
        elif event.get("kind") == "cluster-gone" and event.get("name") == self._name:
            raise PlanRefused(f"{self._name} was stopped from elsewhere before it was ready.")

    @property
    def groups(self) -> list[Record]:
        return self.cluster["groups"] if self.cluster else []

    @property
    def settled(self) -> bool:
        """True when no group will change any more without the person."""
        if self.cluster is None:
            return False
        if self.cluster["state"] in {"failed", "stopped"}:
            return True
        return all(group["state"] in SETTLED for group in self.cluster["groups"])

    def _show(self, cluster: Record) -> None:
        self.cluster = cluster
        for group in cluster["groups"]:
            now = (group["state"], group["workers_ready"], group["reason"])
            if self._shown.get(group["name"]) == now:
                continue
            self._shown[group["name"]] = now
            counted = f"{group['workers_ready']} of {group['workers_wanted']} workers"
            why = f"  {group['reason']}" if group["reason"] else ""
            self._tell(f"{group['name']:<16}  {group['state']:<8}  {counted}{why}")


def plan_of(options: Namespace) -> Record:
    """The plan that file or flags describe. PlanRefused names file and field."""
    if bool(options.plan) == bool(options.on):
        raise PlanRefused("Say either --plan FILE or --on SITE/OFFER, once or more often.")
    if not options.plan:
        return plan_from_flags(options)
    plan = read_plan(options.plan)
    if options.name:
        plan["name"] = options.name
    return plan


def plan_from_flags(options: Namespace) -> Record:
    shared = {
        "nodes": options.nodes,
        "workers_per_node": options.workers_per_node,
        "walltime_minutes": options.walltime,
    }
    given = {name: value for name, value in shared.items() if value is not None}
    groups = [group_of(text) | given for text in options.on]
    return {"groups": groups} | ({"name": options.name} if options.name else {})

"""``teach``: the imitated sites of a class, from the instructor's one file."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.sites.opening import HERE
from jupyter_continuum.broker.sites.profiles import load_profiles
from jupyter_continuum.catalogue import load
from jupyter_continuum.catalogue.document import read
from jupyter_continuum.cli.launch import Progress
from jupyter_continuum.cli.terminal import note, print_json, say
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.planning.classroom import Classroom, classroom_of, refuse_taken

Tell = Callable[[str], None]


def teach(options: Namespace) -> int:
    """Open the class in this person's own Jupyter."""
    from jupyter_continuum.cli.lab import show_panel_at_first

    document = read(Path(options.file))
    classroom = classroom_of(document)
    profiles = load_profiles().by_site.values()
    real = {each.site for each in profiles if each.kind != "emulated"}
    refuse_taken(document, classroom, real | {HERE.site, *load(strict=False).sites})
    show_panel_at_first()
    views = open_class(classroom, note if options.json else say, accept=options.accept)
    if options.json:
        print_json(views)
    elif classroom.cluster is not None:
        name = classroom.cluster.name
        say(
            f"In a notebook, `jc.attach({name!r})` has it; `jupyter continuum stop {name}` ends it."
        )
    else:
        say("`jupyter continuum launch --on SITE/OFFER` makes a cluster of them.")
    return 0


def open_class(
    classroom: Classroom, tell: Tell, *, accept: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Connect its sites and launch its cluster; the sites as a face shows them."""
    views = []
    for profile in classroom.profiles():
        view = call_broker("connect", profile=profile.model_dump(mode="json"))
        views.append(view)
        tell(f"{profile.site:<16}  {view['state']:<8}  {view['reason']}")
    if classroom.cluster is not None:
        plan = classroom.cluster.model_dump(mode="json", exclude_none=True)
        launch_cluster(plan, tell, accept=accept)
    return views


def launch_cluster(plan: dict[str, Any], tell: Tell, *, accept: Sequence[str] = ()) -> None:
    """Launch it and wait until all of it is there; one that runs already is left as it is."""
    if any(each["name"] == plan["name"] for each in call_broker("clusters")):
        tell(f"The cluster {plan['name']} runs already.")
        return
    progress = Progress(tell)
    with open_broker() as broker:
        broker.call("subscribe")
        progress.watch(broker.call("launch", on_event=progress, plan=plan, accept=list(accept)))
        for event in broker.events():
            progress(event)
            if progress.settled:
                break
    failed = [group for group in progress.groups if group["state"] != "ready"]
    if failed:
        raise ContinuumError(f"{failed[0]['name']} is {failed[0]['state']}: {failed[0]['reason']}")

"""``prepare``: a worker environment at a site, or the recipe of an image."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.cli.prompts import Prompts
from jupyter_continuum.cli.terminal import note, print_json, say
from jupyter_continuum.errors import ContinuumError, Unknown

Record = dict[str, Any]  # a view as it crossed the socket


def prepare(options: Namespace) -> int:
    if options.recipe:
        return recipe(options)
    if not options.site:
        raise ContinuumError(
            "Which site? Name it: `jupyter continuum prepare SITE`; `--recipe` needs none."
        )
    view = built(options)
    if options.json:
        print_json(view)
    else:
        report(view)
    return 0


def built(options: Namespace) -> Record:
    """Have it built, its progress on standard error where the result is for a program."""
    tell = note if options.json else say

    def progress(event: Record) -> None:
        if event.get("kind") == "prepare" and event.get("name") == options.site:
            tell(f"{options.site}: {event['message']}")

    try:
        with open_broker() as broker:
            broker.call("subscribe")
            view: Record = broker.call(
                "prepare",
                on_event=Prompts(others=progress),
                site=options.site,
                gpu=options.gpu,
                packages=options.packages or [],
                directory=options.directory,
                under_home=options.under_home,
                node_local=options.node_local,
                prune=options.prune,
            )
    except KeyboardInterrupt:
        with contextlib.suppress(Unknown):  # it had come to its end, or not yet begun
            call_broker("stop_preparing", site=options.site)
        raise
    return view


def report(view: Record) -> None:
    carried = f", {view['carried_bytes'] / 1e6:.0f} MB sent" if view["carried_bytes"] else ""
    say(f"{view['site']}: {view['packages']} packages, {view['way']}{carried}.")
    say(f"{view['site']}: the profile names {view['python']} now.")
    removed = [each for each in view["earlier"] if each["removed"]]
    left = [each for each in view["earlier"] if not each["removed"]]
    if removed:
        say(f"Removed {len(removed)} earlier, {_size(removed)}.")
    if left:
        used = sum(each["used"] for each in left)
        say(
            f"{len(left)} earlier ones lie there, {used} of them in use; "
            "`--prune` removes those that nothing uses."
        )


def recipe(options: Namespace) -> int:
    """Print the recipe; the wheel of this package, which no index may have, is written beside."""
    import asyncio

    from jupyter_continuum.environments.recipe import write_recipe

    made = asyncio.run(
        write_recipe(
            options.recipe,
            gpu=options.gpu,
            extra=options.packages or [],
            folder=Path(options.directory or "."),
        )
    )
    print(made.text, end="", flush=True)
    note(f"{made.wheel} goes into the image: build in its folder. {made.advice}")
    return 0


def _size(removed: list[Record]) -> str:
    known = [each["bytes"] for each in removed if each["bytes"] is not None]
    unknown = len(removed) - len(known)
    parts = [f"{sum(known) / 1e6:.0f} MB"] if known else []
    parts += [f"{unknown} of unknown size"] if unknown else []
    return " and ".join(parts)

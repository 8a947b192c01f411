"""Files at a site: seen, and fetched over the connection that the broker has."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from jupyter_continuum.broker.client import call_broker, open_broker
from jupyter_continuum.broker.lines import Message
from jupyter_continuum.broker.rows import FILE_HEAD, file_row
from jupyter_continuum.errors import Unknown
from jupyter_continuum.workbench.listings import Listing


def files(site: str, path: str = "") -> Listing:
    """What lies in a folder at a site, folders first; where a login would be when left out."""
    found = call_broker("files", site=site, path=path)
    return Listing(found["files"], FILE_HEAD, file_row)


def fetch(
    site: str,
    path: str,
    destination: str | Path = ".",
    *,
    force: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """Bring a file of a site to ``destination``, a file or folder here; the path of what came.

    ``progress(done, total)`` is called with bytes. What was interrupted is kept beside it as
    ``.part``, and goes on when the same file is fetched again. ``force`` replaces a file.
    """
    to = os.path.abspath(destination)
    targets = (to, os.path.join(to, os.path.basename(path)))

    def tell(event: Message) -> None:
        is_ours = event["kind"] == "fetch" and event["name"] in targets
        if progress and is_ours and event["total"] is not None:
            progress(event["done"], event["total"])

    try:
        with open_broker() as broker:
            broker.call("subscribe")
            came = broker.call(
                "fetch", on_event=tell, site=site, path=path, destination=to, force=force
            )
    except KeyboardInterrupt:
        with contextlib.suppress(Unknown):  # it had come to its end, or not yet begun
            call_broker("stop_fetching", path=path, destination=to)
        raise
    return Path(came["path"])

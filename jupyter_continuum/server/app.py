"""The extension as Jupyter Server sees it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_server.extension.application import ExtensionApp

from jupyter_continuum import __version__
from jupyter_continuum.broker.lifetime import lifetime
from jupyter_continuum.paths import config_dir
from jupyter_continuum.server.dashboard import DASHBOARD
from jupyter_continuum.server.fetches import FETCHES
from jupyter_continuum.server.folders import shown_as
from jupyter_continuum.server.link import BrokerLink, Event
from jupyter_continuum.server.passage import PASSAGE
from jupyter_continuum.server.routes import ROUTES
from jupyter_continuum.server.sweeps import SWEEPS

if TYPE_CHECKING:
    from jupyter_events import EventLogger

SCHEMA = Path(__file__).with_name("events.yaml")
SCHEMA_ID = "https://schema.jupyter.org/jupyter_continuum/change/v1"


class ContinuumExtension(ExtensionApp):
    """Loading it starts nothing. The broker is asked when a panel asks, or once the server runs
    where somebody has connected a site before: the panel is filled at once then.
    """

    name = "jupyter_continuum"
    version = __version__
    extension_url = "/lab"
    load_other_extensions = True

    def initialize_settings(self) -> None:
        self.link = BrokerLink(self.emit)
        self.event_logger.register_event_schema(SCHEMA)
        page = self.settings.setdefault("page_config_data", {})
        page["jupyterContinuumLifetime"] = lifetime(os.environ)
        if any((config_dir() / "profiles").glob("*.json")):
            assert self.serverapp is not None
            self.serverapp.io_loop.add_callback(self.link.warm_up)

    def initialize_handlers(self) -> None:
        self.handlers.extend([*ROUTES, *DASHBOARD, *PASSAGE, *SWEEPS, *FETCHES])

    async def stop_extension(self) -> None:
        """Ends this server's conversation; broker and clusters go on."""
        await self.link.close()

    @property
    def event_logger(self) -> EventLogger:
        """What carries events to every JupyterLab of this server."""
        assert self.serverapp is not None
        assert self.serverapp.event_logger is not None
        return self.serverapp.event_logger

    def emit(self, event: Event) -> None:
        """Tell every JupyterLab of this server what changed."""
        if event.get("kind") == "fetch":
            # Paths of this person's are in no event, which logs may keep: a panel asks for them.
            if not self._shows(event["name"]):
                return
            event = {key: event[key] for key in ("kind", "id", "state", "done", "total")}
        if event.get("kind") == "prompt":
            prompt = event["prompt"]
            shown = {key: prompt[key] for key in ("id", "kind", "site", "text")}
            event = {"kind": "prompt", "prompt": shown}
        self.event_logger.emit(schema_id=SCHEMA_ID, data=event)

    def _shows(self, file: str) -> bool:
        assert self.serverapp is not None
        return shown_as(self.serverapp.contents_manager, file) is not None

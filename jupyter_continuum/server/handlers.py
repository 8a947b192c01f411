"""What handlers of this extension share: the broker's link, and errors as HTTP has them."""

from __future__ import annotations

from typing import Any, Protocol, cast

from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado.web import HTTPError

from jupyter_continuum.errors import (
    AlreadyHere,
    BrokerError,
    CatalogueError,
    ContinuumError,
    PlanRefused,
    RelayError,
    SiteError,
    Unknown,
)
from jupyter_continuum.server.link import BrokerLink

RESOURCE = "jupyter_continuum"
PATIENCE_SECONDS = 25.0

STATUS: tuple[tuple[type[ContinuumError], int], ...] = (
    (Unknown, 404),
    (PlanRefused, 409),
    (AlreadyHere, 409),
    (SiteError, 409),
    (RelayError, 409),
    (CatalogueError, 422),
    (BrokerError, 503),
)

NAME = r"(?P<name>[a-z0-9][a-z0-9-]{0,39})"
IDENTIFIER = r"(?P<identifier>[A-Za-z0-9][A-Za-z0-9_-]{0,63})"


def status_of(error: ContinuumError) -> int:
    """The HTTP status that says what kind of error this is."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 400)


class HasLink(Protocol):
    """The extension, as far as a handler knows it."""

    link: BrokerLink


class OfExtension(ExtensionHandlerMixin):
    """Reaches the broker."""

    auth_resource = RESOURCE

    @property
    def link(self) -> BrokerLink:
        return cast(HasLink, self.extensionapp).link


class JsonHandler(OfExtension, APIHandler):
    """Answers ``{"result"}``; an error of ours becomes ``{"message", "kind"}``."""

    def answer(self, answer: Any) -> None:
        # A list at the top of a JSON answer is refused by tornado.
        self.finish({"result": answer})

    def refuse(self, error: ContinuumError) -> None:
        self.set_status(status_of(error))
        self.finish({"message": str(error), "kind": type(error).__name__})


class BrokerHandler(JsonHandler):
    """Forwards to the broker."""

    async def ask(self, method: str, /, **params: Any) -> None:
        """Answer with what the broker answers."""
        try:
            answer = await self.link.call(method, **params)
        except ContinuumError as error:
            self.refuse(error)
            return
        self.answer(answer)

    async def ask_slowly(self, method: str, /, **params: Any) -> None:
        """Answer 202 when the broker takes its time: the rest comes as events."""
        try:
            answer = await self.link.call_within(PATIENCE_SECONDS, method, **params)
        except ContinuumError as error:
            self.refuse(error)
            return
        if answer is None:
            self.set_status(202)
        self.answer(answer)

    def body(self, *names: str) -> dict[str, Any]:
        """The request's JSON object, which may hold these names and no other."""
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise HTTPError(400, "The body has to be a JSON object")
        unknown = sorted(set(body) - set(names))
        if unknown:
            raise HTTPError(400, f"Expected {', '.join(names)} and nothing else")
        return body

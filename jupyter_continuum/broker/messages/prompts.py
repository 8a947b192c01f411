"""Questions for the person."""

from __future__ import annotations

from datetime import datetime

from jupyter_continuum.broker.messages.message import Message


class PromptView(Message):
    id: str
    kind: str
    site: str
    text: str
    secret: bool
    expires: datetime

"""Rated power of GPUs, for estimates where nobody measured a machine."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from jupyter_continuum.catalogue.claim import Source
from jupyter_continuum.catalogue.text import Positive, Text


class Device(BaseModel):
    """One GPU as the batch system counts it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    watts: Positive
    source: Text | None = None
    """Key into the table's ``sources``; None: unverified."""
    note: Text = ""


class DeviceTable(BaseModel):
    """By the name that records use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: dict[Text, Source]
    devices: dict[Text, Device]

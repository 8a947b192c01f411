"""Read the shipped records and lay the person's own over them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from jupyter_continuum import paths
from jupyter_continuum.catalogue.carbon import CarbonTable
from jupyter_continuum.catalogue.catalogue import Catalogue
from jupyter_continuum.catalogue.complaint import complain
from jupyter_continuum.catalogue.dataset import Dataset
from jupyter_continuum.catalogue.devices import DeviceTable
from jupyter_continuum.catalogue.document import Document, read
from jupyter_continuum.catalogue.merge import Flaw, Raw, address, expand, overlay
from jupyter_continuum.catalogue.site import Site
from jupyter_continuum.catalogue.text import SITE_ID

SHIPPED = Path(__file__).parent / "records"
R = TypeVar("R", bound=BaseModel)


def load(config_path: Sequence[Path] | None = None, *, today: date | None = None) -> Catalogue:
    """Every record, the person's own last.

    Raises CatalogueError naming file, line and field of what is wrong.

    Parameters
    ----------
    config_path
        Folders that may hold ``sites/*.yaml`` and ``datasets/*.yaml``, weakest first;
        Jupyter's own when left out.
    today
        Decides which claims have expired.
    """
    folders = paths.config_path() if config_path is None else config_path
    carbon = read(SHIPPED.parent / "carbon.yaml")
    devices = read(SHIPPED.parent / "devices.yaml")
    return Catalogue(
        sites=_records(Site, "sites", folders),
        datasets=load_datasets(folders),
        carbon=_validate(CarbonTable, carbon.data, [carbon]),
        devices=_validate(DeviceTable, devices.data, [devices]),
        today=today or datetime.now(UTC).date(),
    )


def load_datasets(config_path: Sequence[Path] | None = None) -> dict[str, Dataset]:
    """Those that ship, with the person's own laid over them, by id. Raises CatalogueError."""
    folders = paths.config_path() if config_path is None else config_path
    return _records(Dataset, "datasets", folders)


def _records(model: type[R], folder: str, config_path: Sequence[Path]) -> dict[str, R]:
    merged: dict[str, Raw] = {}
    layers: dict[str, list[Document]] = {}
    for root in (SHIPPED, *config_path):
        for id, document in _layer(root / folder).items():
            below = merged.get(id, {})
            try:
                above = expand(model, document.data, below, own=root is not SHIPPED)
            except Flaw as flaw:
                raise document.flaw(flaw.keys, flaw.what) from None
            merged[id] = overlay(below, above)
            layers.setdefault(id, []).append(document)
    return {id: _validate(model, address(raw), layers[id]) for id, raw in merged.items()}


def _layer(folder: Path) -> dict[str, Document]:
    """The records of one folder by id; the same id twice is an error."""
    found: dict[str, Document] = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        document = read(path)
        id = document.data.get("id")
        if not isinstance(id, str) or not re.fullmatch(SITE_ID, id):
            raise document.flaw(
                ["id"],
                f"{id!r} is not an id. Use small letters, digits and dashes, as in `id: lumi`.",
            )
        if id in found:
            other = found[id].path.name
            raise document.flaw(["id"], f"{id!r} is the id of {other} too. Change one of them.")
        found[id] = document
    return found


def _validate(model: type[R], raw: Raw, layers: Sequence[Document]) -> R:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise complain(error, model, layers) from None

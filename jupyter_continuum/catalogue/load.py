"""Read the shipped records and lay the person's own over them."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Mapping, Sequence
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
from jupyter_continuum.catalogue.text import SITE_ID, slug
from jupyter_continuum.errors import CatalogueError

SHIPPED = Path(__file__).parent / "records"
R = TypeVar("R", bound=BaseModel)


def load(
    config_path: Sequence[Path] | None = None, *, today: date | None = None, strict: bool = True
) -> Catalogue:
    """Every record, the person's own last.

    Raises CatalogueError naming file, line and field of what is wrong.

    Parameters
    ----------
    config_path
        Folders that may hold ``sites/*.yaml`` and ``datasets/*.yaml``, weakest first;
        Jupyter's own when left out.
    today
        Decides which claims have expired.
    strict
        When false, what the person's own files say of a site counts not at all where any of it is
        wrong; ``faults`` of the catalogue holds the sentence.
    """
    folders = paths.config_path() if config_path is None else config_path
    carbon = read(SHIPPED.parent / "carbon.yaml")
    devices = read(SHIPPED.parent / "devices.yaml")
    faults: dict[str, str] = {}
    return Catalogue(
        sites=_records(Site, "sites", folders, None if strict else faults),
        # Who lists or opens one reads them anew, and is told what is wrong.
        datasets=_records(Dataset, "datasets", folders, None if strict else {}),
        carbon=_validate(CarbonTable, carbon.data, [carbon]),
        devices=_validate(DeviceTable, devices.data, [devices]),
        today=today or datetime.now(UTC).date(),
        faults=faults,
    )


def load_datasets(config_path: Sequence[Path] | None = None) -> dict[str, Dataset]:
    """Those that ship, with the person's own laid over them, by id. Raises CatalogueError."""
    folders = paths.config_path() if config_path is None else config_path
    return _records(Dataset, "datasets", folders)


def own_files(config_path: Sequence[Path] | None = None) -> dict[Path, tuple[int, int]]:
    """The person's files on sites, with time and size: these differ once one has changed."""
    folders = paths.config_path() if config_path is None else config_path
    found = {}
    for path in itertools.chain.from_iterable(_files(folder / "sites") for folder in folders):
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            stat = path.stat()
            found[path] = (stat.st_mtime_ns, stat.st_size)
    return found


def _records(
    model: type[R],
    folder: str,
    config_path: Sequence[Path],
    faults: dict[str, str] | None = None,
) -> dict[str, R]:
    """By id. Sentences on the person's own go to ``faults``; without it the first is raised."""
    layers = {id: [document] for id, document in _layer(SHIPPED / folder, None).items()}
    shipped = {id: documents[0] for id, documents in layers.items()}
    for root in config_path:
        for id, document in _layer(root / folder, faults).items():
            layers.setdefault(id, []).append(document)
    found = {}
    for id, documents in layers.items():
        try:
            found[id] = _record(model, documents, shipped.get(id))
        except CatalogueError as error:
            if faults is None:
                raise
            faults[id] = str(error)
            if id in shipped:
                found[id] = _record(model, [shipped[id]], shipped[id])
    return found


def _record(model: type[R], layers: Sequence[Document], shipped: Document | None) -> R:
    merged: Raw = {}
    for document in layers:
        try:
            above = expand(model, document.data, merged, own=document is not shipped)
        except Flaw as flaw:
            raise document.flaw(flaw.keys, flaw.what) from None
        merged = overlay(merged, above)
    return _validate(model, address(merged), layers)


def _layer(folder: Path, faults: dict[str, str] | None) -> dict[str, Document]:
    """The records of one folder by id; the same id twice is an error."""
    found: dict[str, Document] = {}
    for path in _files(folder):
        try:
            id, document = _identified(path, found)
        except CatalogueError as error:
            if faults is None:
                raise
            faults[_meant(path)] = str(error)
        else:
            found[id] = document
    return found


def _meant(path: Path) -> str:
    """The site that a file which is no record seems to be about."""
    with contextlib.suppress(OSError):
        told = re.search(
            r"^id:\s*[\"']?([a-z0-9-]+)", path.read_text(errors="replace"), re.MULTILINE
        )
        if told:
            return told[1]
    return slug(path.stem)


def _files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])


def _identified(path: Path, found: Mapping[str, Document]) -> tuple[str, Document]:
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
    return id, document


def _validate(model: type[R], raw: Raw, layers: Sequence[Document]) -> R:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise complain(error, model, layers) from None

"""The JSON Schema says what the loader takes."""

from __future__ import annotations

import json

import jsonschema
import pytest

from jupyter_continuum.catalogue.document import read
from jupyter_continuum.catalogue.load import SHIPPED
from jupyter_continuum.catalogue.schema import FOLDER, MODELS, text


@pytest.mark.parametrize("name", MODELS)
def test_the_file_that_ships_is_current(name: str):
    shipped = (FOLDER / f"{name}.schema.json").read_text()
    assert json.loads(shipped) == json.loads(text(name)), (
        "run `python -m jupyter_continuum.catalogue.schema`"
    )


@pytest.mark.parametrize("name", MODELS)
def test_every_record_that_ships_is_valid(name: str):
    validator = jsonschema.Draft202012Validator(json.loads(text(name)))
    records = list((SHIPPED / f"{name}s").iterdir())
    assert records
    for record in records:
        validator.validate(read(record).data)


@pytest.mark.parametrize(
    ("record", "valid"),
    [
        ({"id": "lumi"}, True),
        ({"id": "lumi", "ssh_port": 22}, True),
        ({"id": "lumi", "ssh_port": {"value": 22, "kind": "user"}}, True),
        ({"id": "lumi", "ssh_port": [{"value": 22}, {"value": 23, "observed": 2026}]}, True),
        ({"id": "lumi", "offers": {"x": {"max_walltime_h": 48}}}, True),
        ({}, False),
        ({"id": "lumi", "ssh_port": "22"}, False),
        ({"id": "lumi", "ssh_port": {"value": "22"}}, False),
        ({"id": "lumi", "ssh_port": {"kind": "user"}}, False),
        ({"id": "lumi", "offers": {"x": {"max_walltime_min": 48}}}, False),
        ({"id": "lumi", "offers": {"x": {"id": "lumi/x"}}}, False),
    ],
)
def test_short_and_long_forms(record: dict[str, object], valid: bool):
    validator = jsonschema.Draft202012Validator(json.loads(text("site")))
    assert validator.is_valid(record) is valid

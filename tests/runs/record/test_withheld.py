"""A record is shown around: no parameter of it is a secret."""

from __future__ import annotations

from jupyter_continuum.runs.record.make import make_record
from jupyter_continuum.runs.record.withheld import LEFT_OUT
from tests.runs.record.facts import CLIENT, facts, notebook


def test_what_a_parameters_name_or_form_gives_away_is_left_out() -> None:
    given = {
        "alpha": 0.1,
        "bandpass": [1, 40],
        "max_tokens": 512,
        "hf_token": "S3CRET",
        "password": "S3CRET",
        "store": {"aws_secret_access_key": "S3CRET", "bucket": "b"},
        "url": "https://me:S3CRET@example.org/x",
    }
    made = make_record(facts(), client=CLIENT, notebook=notebook(parameters=given))
    assert made.notebook is not None
    kept = made.notebook.parameters
    assert "S3CRET" not in made.model_dump_json()
    assert kept["bandpass"] == [1, 40]
    assert kept["max_tokens"] == 512
    assert kept["store"] == {"aws_secret_access_key": LEFT_OUT, "bucket": "b"}

"""What stands in the questions of ``connect`` before anything is asked."""

from __future__ import annotations

from datetime import date

from jupyter_continuum.broker.sites.draft import draft_of
from jupyter_continuum.catalogue import Claim, load

TODAY = date(2026, 11, 29)


def test_a_draft_leads_to_the_terms_of_use_where_a_record_knows_them() -> None:
    record = load().sites["lumi"]
    without = draft_of("lumi", record, None, TODAY)
    assert without.terms == ""
    assert without.docs.startswith("https://")
    terms = (Claim(value="https://lumi.example/terms", kind="official"),)
    told = draft_of("lumi", record.model_copy(update={"terms": terms}), None, TODAY)
    assert told.terms == "https://lumi.example/terms"

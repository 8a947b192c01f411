"""What must stay is refused unless it is known to stay."""

from __future__ import annotations

import pytest

from jupyter_continuum.planning.amount import Stated
from jupyter_continuum.planning.residency import Residency, refusal

FI = Stated("FI", "official", "the record")
US = Stated("US", "official", "the record")
DOUBTFUL = Stated("FI", "unverified")
NORDIC = Stated(("FI", "NO"), "user")


def asked(stays: str, site: str = "lumi", law: Stated | None = NORDIC) -> Residency:
    return Residency(dataset="era5", stays=stays, site=site, law=law)


@pytest.mark.parametrize(
    ("residency", "countries"),
    [
        (asked(""), {"lumi": None, "cloud": US}),
        (asked("", site="", law=None), {"": None}),
        (asked("site"), {"lumi": None}),
        (asked("jurisdiction"), {"lumi": FI}),
        (asked("jurisdiction", site=""), {"lumi": FI}),
    ],
)
def test_what_stays_is_read(residency: Residency, countries: dict[str, Stated | None]) -> None:
    assert refusal(residency, countries) == ""


@pytest.mark.parametrize(
    ("residency", "countries", "said"),
    [
        (asked("site"), {"lumi": FI, "cloud": FI}, "read with cloud. Open it with the client of"),
        (asked("site"), {"": None}, "workers of no known site"),
        (asked("site", site=""), {"lumi": FI}, "add `site`"),
        (asked("jurisdiction"), {"lumi": FI, "cloud": US}, "cloud in US. Open it with a cluster"),
        (asked("jurisdiction"), {"lumi": FI, "local": None}, "the country of local"),
        (asked("jurisdiction"), {"lumi": DOUBTFUL}, "the country of lumi"),
        (asked("jurisdiction", law=None), {"lumi": FI}, "is not known"),
        (asked("jurisdiction", law=DOUBTFUL), {"lumi": FI}, "is unverified"),
    ],
)
def test_what_may_leave_is_refused(
    residency: Residency, countries: dict[str, Stated | None], said: str
) -> None:
    assert said in refusal(residency, countries)

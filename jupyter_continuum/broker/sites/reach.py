"""What probes measured at each site, as claims on disk, and what follows from them today.

``<data dir>/reach/<site>.json``: by offer, one claim a field with its day of expiry.
A later probe replaces what it measured again; what it could not measure stays until it expires.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from jupyter_continuum.broker.messages.probes import ReachRow, ReachView
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.catalogue.claim import Claim, known
from jupyter_continuum.paths import data_dir, private_dir, write_private
from jupyter_continuum.planning.findings import findings
from jupyter_continuum.planning.reach import Way, choice, order, ways
from jupyter_continuum.sites.probe.facts import TYPES, Facts
from jupyter_continuum.sites.protocols import CarrierName

VALID_DAYS = 30
FieldClaims = dict[str, Claim[Any]]
"""By field of Facts; each claim holds a value of that field's own type."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a verdict needs beside the facts: the site's carriers and the person's own wishes."""

    site: str
    carriers: tuple[CarrierName, ...]
    own_carrier: CarrierName | None = None
    in_use: CarrierName | None = None
    in_use_reason: str = ""
    """Why no better one carries."""
    address: str = ""
    """``host:port`` of the person's own that sites dial; "" without one."""


def today() -> date:
    return datetime.now(UTC).date()


def surroundings(session: Session) -> Surroundings:
    return Surroundings(
        site=session.site,
        carriers=tuple(carrier.name for carrier in session.carriers),
        own_carrier=session.profile.carrier,
        in_use=session.ways.carrier,
        in_use_reason=session.ways.reason,
        address=address_to_dial(session),
    )


def address_to_dial(session: Session) -> str:
    """``host:port`` of the person's own that nodes would dial; "" without one."""
    invitation = session.dial_out()
    if invitation is None:
        return ""
    parts = urlsplit(invitation["url"])
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'wss' else 80)}"


class Reach:
    """The claims of every site; those that have expired are dropped as they are met."""

    def __init__(self) -> None:
        self._claims: dict[str, dict[str, FieldClaims]] = {}
        """By site and offer."""

    def record(self, site: str, offer: str, facts: Facts, *, job: str, today: date) -> None:
        """Keep what ``job`` measured. OSError when it cannot be written."""
        by_offer = self._of(site)
        held = _valid(by_offer.pop(offer, {}), today)
        expires = (today + timedelta(days=VALID_DAYS)).isoformat()
        for field in Facts.model_fields:
            value = getattr(facts, field)
            if value is not None:
                held[field] = Claim(
                    value=value,
                    kind="measured",
                    source=f"reach probe {job}",
                    observed=today.isoformat(),
                    expires=expires,
                )
        by_offer[offer] = held  # last: the one that was probed last
        self._save(site)

    def facts(self, site: str, offer: str, today: date) -> Facts:
        """What may be relied on today: expired is unknown."""
        claims = _valid(self._of(site).get(offer, {}), today)
        return Facts(**{field: claim.value for field, claim in claims.items()})

    def probed(self, site: str) -> str:
        """The offer that was probed last; "" when none ever was."""
        return next(reversed(self._of(site)), "")

    def ways(self, around: Surroundings, offer: str, today: date) -> tuple[Way, ...]:
        facts = self.facts(around.site, offer, today)
        return ways(facts, around.carriers, address=around.address)

    def view(self, around: Surroundings, today: date, *, offer: str = "") -> ReachView | None:
        """What a face shows of a site; None where nothing was measured, or all has expired."""
        offer = offer or self.probed(around.site)
        valid = _valid(self._of(around.site).get(offer, {}), today)
        if not valid:
            return None
        found = self.ways(around, offer, today)
        facts = self.facts(around.site, offer, today)
        return ReachView(
            offer=offer,
            node=facts.node or "",
            chosen=choice(
                found,
                own=around.own_carrier,
                in_use=around.in_use,
                in_use_reason=around.in_use_reason,
            ),
            reachable=any(way.verdict == "works" for way in found),
            measured=max(claim.observed or "" for claim in valid.values()),
            rows=[
                ReachRow(
                    what=row.what,
                    found=row.found,
                    verdict=row.verdict,
                    reason=row.reason,
                    measured=valid[row.field].observed if row.field in valid else None,
                    expires=valid[row.field].expires if row.field in valid else None,
                )
                for row in findings(facts, found, site=around.site)
            ],
        )

    def apply(self, session: Session, today: date) -> None:
        """Let the session try first what the last probe saw working."""
        offer = self.probed(session.site)
        session.prefer = order(self.ways(surroundings(session), offer, today)) if offer else ()

    def forget(self, site: str) -> None:
        """The person has disconnected the site."""
        self._claims.pop(site, None)
        _file(site).unlink(missing_ok=True)

    def _of(self, site: str) -> dict[str, FieldClaims]:
        if site not in self._claims:
            self._claims[site] = _load(site)
        return self._claims[site]

    def _save(self, site: str) -> None:
        content = {
            offer: {name: claim.model_dump(mode="json") for name, claim in claims.items()}
            for offer, claims in self._claims[site].items()
        }
        private_dir(_file(site).parent)
        write_private(_file(site), json.dumps(content, indent=1).encode())


def _valid(claims: FieldClaims, today: date) -> FieldClaims:
    return {name: claim for name, claim in claims.items() if known([claim], today) is not None}


def _file(site: str) -> Path:
    return data_dir() / "reach" / f"{site}.json"


def _load(site: str) -> dict[str, FieldClaims]:
    """What is on disk; what of it is odd is measured again, and said."""
    try:
        stored = json.loads(_file(site).read_bytes())
        return {offer: _claims(fields) for offer, fields in stored.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        print(f"{_file(site)} cannot be read ({error}); measure {site} again.", flush=True)
        return {}


def _claims(stored: Mapping[str, Any]) -> FieldClaims:
    """Claims with values of their fields' types; a field of another version is left out."""
    found: FieldClaims = {}
    for field, fields in stored.items():
        if field not in TYPES:
            continue
        try:
            value = TYPES[field].validate_json(json.dumps(fields.pop("value")))
            found[field] = Claim[Any](value=value, **fields)
        except (ValidationError, KeyError):
            continue
    return found

"""All records together, and how to find one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from jupyter_continuum.catalogue.carbon import CarbonTable
from jupyter_continuum.catalogue.claim import Claims, shown
from jupyter_continuum.catalogue.dataset import Dataset
from jupyter_continuum.catalogue.devices import DeviceTable
from jupyter_continuum.catalogue.offer import Offer
from jupyter_continuum.catalogue.site import Site
from jupyter_continuum.errors import Unknown


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The shipped records with the person's own laid over them."""

    sites: dict[str, Site]
    """Every site, retired ones included."""
    datasets: dict[str, Dataset]
    carbon: CarbonTable
    devices: DeviceTable
    today: date
    """Decides which claims have expired."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Sentences on files of the person's own that were left out, by site."""

    def site(self, id: str) -> Site:
        """Raises Unknown with the ids that look alike."""
        found = self.sites.get(id)
        if found is None:
            raise Unknown(f"There is no site {id!r}. {alike(id, self.sites, 'sites')}")
        return found

    def offer(self, id: str) -> Offer:
        """Raises Unknown with the ids that look alike."""
        site_id, _, key = id.partition("/")
        found = self.site(site_id).offers.get(key)
        if found is None:
            ids = [offer.id for offer in self.sites[site_id].offers.values()]
            raise Unknown(f"There is no offer {id!r}. {alike(id, ids, 'offers')}")
        return found

    def offers(
        self,
        *,
        gpu: str | None = None,
        country: str | None = None,
        site: str | None = None,
        kind: str | None = None,
        retired: bool = False,
    ) -> tuple[Offer, ...]:
        """Offers that match all of the filters, in the order of the sites.

        Parameters
        ----------
        gpu
            Part of the vendor's or the model's name: ``"h100"``, ``"amd"``.
        country
            ISO code of the site, or of one region of a cloud.
        retired
            Also of sites that were shut down. Planned ones are always listed.
        """
        return tuple(
            offer
            for place in self.sites.values()
            if (site is None or place.id == site)
            and (kind is None or place.kind == kind)
            and (retired or place.lifecycle != "retired")
            and (country is None or country.upper() in self.countries(place))
            for offer in place.offers.values()
            if gpu is None or self._has_gpu(offer, gpu)
        )

    def countries(self, site: Site) -> frozenset[str]:
        """Where its machines stand, as shown: good for a filter, not for a Policy."""
        claims: list[Claims[str]] = [site.country]
        claims += [region.country for region in site.regions.values()]
        values = (shown(claim, self.today) for claim in claims)
        return frozenset(value for value in values if value is not None)

    def _has_gpu(self, offer: Offer, gpu: str) -> bool:
        names = (shown(offer.gpu_vendor, self.today), shown(offer.gpu_model, self.today))
        return any(gpu.lower() in name.lower() for name in names if name)


def alike(name: str, known: Iterable[str], command: str) -> str:
    """What to do about a name that is not known."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"`jupyter continuum {command}` lists them."

"""What is known of sites, offers and data sets, and who says so. Knows nothing of Dask."""

from jupyter_continuum.catalogue.carbon import CarbonTable, Intensity
from jupyter_continuum.catalogue.catalogue import Catalogue
from jupyter_continuum.catalogue.claim import Claim, Source, choose, disputed, known, shown
from jupyter_continuum.catalogue.dataset import Dataset
from jupyter_continuum.catalogue.devices import DeviceTable
from jupyter_continuum.catalogue.load import load, load_datasets
from jupyter_continuum.catalogue.offer import Offer
from jupyter_continuum.catalogue.site import Region, Site
from jupyter_continuum.catalogue.text import slug

__all__ = [
    "CarbonTable",
    "Catalogue",
    "Claim",
    "Dataset",
    "DeviceTable",
    "Intensity",
    "Offer",
    "Region",
    "Site",
    "Source",
    "choose",
    "disputed",
    "known",
    "load",
    "load_datasets",
    "shown",
    "slug",
]

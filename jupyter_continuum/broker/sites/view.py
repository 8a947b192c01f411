"""What a face sees of sites: the catalogue's records with what was seen live laid over. Pure."""

from __future__ import annotations

from datetime import date

from jupyter_continuum.broker.messages.sites import (
    AssociationView,
    OfferView,
    SiteState,
    SiteView,
)
from jupyter_continuum.broker.sites.renewing import wants_step
from jupyter_continuum.broker.sites.session import Session
from jupyter_continuum.catalogue import Offer, Site, known, shown
from jupyter_continuum.planning.charge import none_usable, usable
from jupyter_continuum.planning.known import KnownOffer, KnownSite
from jupyter_continuum.sites.protocols import EVERYBODY, Association, OfferStatus

SITE_FIELDS = {name: name for name in ("country", "latitude", "longitude", "jurisdiction")}
OFFER_FIELDS = {
    "gpu_vendor": "gpu_vendor",
    "gpu_model": "gpu_model",
    "gpus_per_node": "gpus_per_node",
    "gpu_memory_gb": "gpu_memory_gb",
    "cpus_per_node": "cores_per_node",
    "memory_gb_per_node": "memory_gb_per_node",
    "cpu_architecture": "cpu_architecture",
    "max_walltime_minutes": "max_walltime_h",
    "max_nodes": "max_nodes_per_job",
    "nodes_total": "nodes",
}
"""What a view calls a field, and the record."""
LIFECYCLE = {"retired": SiteState.RETIRED, "planned": SiteState.PLANNED}


def site_view(site: Site | None, session: Session | None, today: date) -> SiteView:
    """One site, from its record, its session, or both."""
    id = site.id if site else session.site if session else ""
    state, reason = _state(site, session, today)
    return SiteView(
        id=id,
        name=_name(site, session),
        kind=site.kind if site else _own_kind(session),
        operator=shown(site.operator, today) if site else None,
        country=_country(site, session, today),
        latitude=shown(site.latitude, today) if site else None,
        longitude=shown(site.longitude, today) if site else None,
        state=state,
        reason=reason,
        since=session.since if session else None,
        account=(session.profile.account or "") if session else "",
        carrier=session.ways.carrier if session else None,
        carrier_reason=session.ways.reason if session else "",
        docs=shown(site.docs, today) if site else None,
        renewable=_renewable(site, session, today),
        jurisdiction=_jurisdiction(site, session, today),
        unverified=_unverified(site, SITE_FIELDS, today) if site else [],
        offers=_offers(site, session, today, reason),
    )


def known_offers(view: SiteView, session: Session | None) -> list[KnownOffer]:
    """The offers of a site as ``planning`` takes them."""
    status = session.status if session is not None else None
    admits = {each.partition: each.admits for each in status.offers} if status else {}
    return [
        KnownOffer(
            id=offer.id,
            site=offer.site,
            partition=offer.name,
            launchable=offer.launchable,
            reason=offer.reason,
            max_walltime_seconds=offer.max_walltime_minutes and offer.max_walltime_minutes * 60,
            max_nodes=offer.max_nodes,
            nodes_total=offer.nodes_total,
            gpus_per_node=offer.gpus_per_node,
            gpu_type="",
            cpus_per_node=offer.cpus_per_node,
            memory_gb_per_node=offer.memory_gb_per_node,
            admits=admits.get(offer.name, EVERYBODY),
        )
        for offer in view.offers
    ]


def known_site(session: Session) -> KnownSite:
    profile = session.profile
    return KnownSite(
        id=profile.site,
        python=profile.python,
        account=profile.account or "",
        qos=profile.qos or "",
        prologue=profile.prologue,
        associations=session.associations,
        parents=session.parents,
    )


def offer_fields(offer: Offer, today: date) -> dict[str, str]:
    """The same of this offer: clouds count virtual cores."""
    virtual = shown(offer.cores_per_node, today) is None
    return OFFER_FIELDS | ({"cpus_per_node": "vcpus_per_node"} if virtual else {})


def association_view(each: Association) -> AssociationView:
    return AssociationView(
        account=each.account,
        qos=list(each.qos),
        default_qos=each.default_qos,
        partition=each.partition,
    )


def _state(site: Site | None, session: Session | None, today: date) -> tuple[SiteState, str]:
    if site is not None and site.lifecycle in LIFECYCLE:
        word = "shut down" if site.lifecycle == "retired" else "not in service yet"
        return LIFECYCLE[site.lifecycle], f"This system is {word}."
    if session is not None:
        reason = session.reason
        if session.state is SiteState.UNREACHABLE:
            reason = f"Unreachable since {session.since.astimezone():%H:%M}. {reason}"
        return session.state, reason
    assert site is not None
    if site.kind == "cloud":
        return SiteState.CATALOGUED, bind_steps(site.id, shown(site.docs, today))
    return SiteState.CATALOGUED, f"Connect it first: `jupyter continuum connect {site.id}`."


def _renewable(site: Site | None, session: Session | None, today: date) -> bool:
    if site is None or session is None or session.profile.ssh is None:
        return False
    # A certificate in a named file is not what goes into the agent.
    in_agent = session.profile.ssh.use_agent and session.profile.ssh.key is None
    return in_agent and wants_step(shown(site.access_protocol, today) or "")


def _name(site: Site | None, session: Session | None) -> str:
    if session is not None and session.profile.name:
        return session.profile.name
    if site is not None:
        return site.name
    return session.site if session else ""


def _own_kind(session: Session | None) -> str:
    kind = session.profile.kind if session else "own"
    return "own" if kind in ("slurm", "kubernetes") else kind


def _country(site: Site | None, session: Session | None, today: date) -> str | None:
    if session is not None and session.profile.emulated is not None:
        return session.profile.emulated.country
    return shown(site.country, today) if site else None


def _jurisdiction(site: Site | None, session: Session | None, today: date) -> str | None:
    """Of an imitation none: the record speaks of the real site."""
    if site is None or (session is not None and session.profile.emulated is not None):
        return None
    return shown(site.jurisdiction, today)


def _offers(
    site: Site | None, session: Session | None, today: date, reason: str
) -> list[OfferView]:
    status_now = session.status if session else None
    live = {each.partition: each for each in status_now.offers} if status_now else {}
    views: list[OfferView] = []
    for offer in site.offers.values() if site else ():
        status = live.pop(offer.partition or offer.name, None)
        views.append(_catalogued(offer, status, session, today, reason))
    for status in live.values():
        assert session is not None
        views.append(_seen(status, session, reason))
    if site is not None:
        for view in views:
            view.country = view.country or _country(site, session, today)
    return views


def _live(session: Session | None) -> bool:
    return session is not None and session.status is not None


def _catalogued(
    offer: Offer,
    status: OfferStatus | None,
    session: Session | None,
    today: date,
    reason: str,
) -> OfferView:
    hours = shown(offer.max_walltime_h, today)
    view = OfferView(
        id=offer.id,
        site=offer.site,
        name=offer.partition or offer.name,
        gpu_vendor=shown(offer.gpu_vendor, today),
        gpu_model=shown(offer.gpu_model, today),
        gpus_per_node=_number(shown(offer.gpus_per_node, today)),
        gpu_memory_gb=shown(offer.gpu_memory_gb, today),
        cpus_per_node=_number(
            shown(offer.cores_per_node, today) or shown(offer.vcpus_per_node, today)
        ),
        memory_gb_per_node=shown(offer.memory_gb_per_node, today),
        cpu_architecture=shown(offer.cpu_architecture, today),
        max_walltime_minutes=int(hours * 60) if hours else None,
        max_nodes=_number(shown(offer.max_nodes_per_job, today)),
        nodes_total=_number(shown(offer.nodes, today)),
        reason=reason,
        unverified=_unverified(offer, offer_fields(offer, today), today),
    )
    if session is None:
        return view
    if status is None:
        if _live(session):
            view.reason = _not_there(session, offer.site, view.name)
        return view
    return _overlay(view, status, session)


def _seen(status: OfferStatus, session: Session, reason: str) -> OfferView:
    country = session.profile.emulated.country if session.profile.emulated else None
    view = OfferView(
        id=f"{session.site}/{status.partition}",
        site=session.site,
        name=status.partition,
        country=country,
        reason=reason,
    )
    return _overlay(view, status, session)


def _overlay(view: OfferView, status: OfferStatus, session: Session) -> OfferView:
    """Live numbers win over the catalogue's."""
    seconds = status.max_walltime_seconds
    live = {
        "gpus_per_node": status.gpus_per_node,
        "cpus_per_node": status.cpus_per_node,
        "memory_gb_per_node": status.memory_gb_per_node,
        "max_walltime_minutes": seconds // 60 if seconds else None,
        "max_nodes": status.max_nodes,
        "nodes_total": status.nodes_total,
        "nodes_free": status.nodes_free,
        "cpus_free": status.cpus_free,
        "gpus_total": status.gpus_total,
        "gpus_free": status.gpus_free,
        "jobs_pending": status.jobs_pending,
        "gpu_model": view.gpu_model or status.gpu_type or None,
    }
    up = status.state.upper() in ("", "UP")
    charge = usable(session.associations, status.partition, status.admits, session.parents)
    barred = bool(session.associations) and not charge
    return view.model_copy(
        update={name: value for name, value in live.items() if value is not None}
        | {
            "observed": session.status.observed if session.status else None,
            "launchable": session.ready and up and not barred,
            "reason": _why_not(session, "" if up else status.state, status.partition, barred),
            "charge": [association_view(each) for each in charge],
            "unverified": [name for name in view.unverified if live.get(name) is None],
        }
    )


def _not_there(session: Session | None, site: str, name: str) -> str:
    if session is not None and session.profile.kind == "kubernetes":
        return (
            f"No pods of it are described: `jupyter continuum connect {site} --offer "
            f"name={name},image=IMAGE,cpus=N,gpus=N`."
        )
    return f"{site} shows this account no partition {name!r}."


def _why_not(session: Session, state: str, partition: str, barred: bool) -> str:
    """Why nothing can be launched on an offer in this state."""
    if not session.ready:
        return session.reason
    if barred:
        said = none_usable(session.site, session.associations, partition)
        return said[0].upper() + said[1:]
    return f"It is {state}." if state else ""


def bind_steps(site: str, docs: str | None) -> str:
    """How a cloud of the catalogue becomes a site: it has no cluster of its own to log in to."""
    guide = f" ({docs})" if docs else ""
    return (
        f"Make or get a Kubernetes cluster there{guide}, have its context in your kubeconfig, "
        f"then bind it: `jupyter continuum connect {site} --context NAME --image IMAGE`."
    )


def _unverified(record: Site | Offer, fields: dict[str, str], today: date) -> list[str]:
    """The names, as a view has them, of what is shown and may not be relied on."""
    return [
        name
        for name, field in fields.items()
        if shown(claims := getattr(record, field), today) is not None
        and known(claims, today) is None
    ]


def _number(value: float | None) -> int | None:
    return None if value is None else int(value)

"""A class: the imitated sites that every student gets, and the cluster to begin with.

One file of the instructor's, in YAML, with the fields of an EmulatedSite for every site and
those of a Plan for the cluster. All of it is checked before anything starts.
"""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jupyter_continuum.catalogue.document import Document, Key
from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.known import KnownOffer, KnownSite
from jupyter_continuum.planning.plan import GroupPlan, Plan
from jupyter_continuum.planning.resolve import resolve
from jupyter_continuum.sites.emulation import EmulatedSite, Fault
from jupyter_continuum.sites.profile import Profile, SiteId

OFFER = "cpu"
"""What an imitated site has to offer."""


class ClassSite(EmulatedSite):
    """One imitated site of a class."""

    name: str | None = Field(default=None, max_length=80, description="its id when left out")


class Classroom(BaseModel):
    """What every student of a class gets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sites: dict[SiteId, ClassSite] = Field(min_length=1, max_length=16)
    cluster: Plan | None = Field(default=None, description="None: students launch their own")

    def profiles(self) -> Iterator[Profile]:
        for id, site in self.sites.items():
            emulated = EmulatedSite.model_validate(site.model_dump(exclude={"name"}))
            yield Profile(site=id, kind="emulated", name=site.name, emulated=emulated)


def classroom_of(document: Document) -> Classroom:
    """The class that a file describes. CatalogueError names file, line and field."""
    try:
        classroom = Classroom.model_validate(document.data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        keys = [key for key in first["loc"] if key != "[key]"]
        raise document.flaw(keys, _sentence(first, keys)) from error
    if classroom.cluster is None:
        return classroom
    if classroom.cluster.name is None:
        raise document.flaw(["cluster"], "'name' is missing. Add it.")
    for number, group in enumerate(classroom.cluster.groups):
        try:
            _check(group, classroom)
        except PlanRefused as error:
            raise document.flaw(["cluster", "groups", number], str(error)) from error
    return classroom


def refuse_taken(document: Document, classroom: Classroom, taken: Container[str]) -> None:
    """Raise CatalogueError where a site of the class would pass for a real one."""
    for id in classroom.sites:
        if id in taken:
            raise document.flaw(
                ["sites", id], f"{id!r} is a real site. Give the imitation another name."
            )


def _check(group: GroupPlan, classroom: Classroom) -> None:
    """Raise PlanRefused for what no site of the class will ever give."""
    offers = [
        KnownOffer(
            id=f"{id}/{OFFER}",
            site=id,
            partition=OFFER,
            max_walltime_seconds=site.max_walltime_minutes * 60,
            max_nodes=site.nodes,
            nodes_total=site.nodes,
            gpus_per_node=0,
            cpus_per_node=site.cpus_per_node,
        )
        for id, site in classroom.sites.items()
    ]
    sites = [KnownSite(id=id) for id in classroom.sites]
    (asked,) = resolve(Plan(groups=(group,)), offers, sites).groups
    there = classroom.sites[asked.site].cpus_per_node
    wanted = asked.workers_per_node * asked.cpus_per_worker
    if wanted > there:
        raise PlanRefused(
            f"A node of {asked.site} has {there} CPUs; {wanted} are asked for. "
            "Ask for fewer workers, or give it more."
        )


def _sentence(first: Any, keys: Sequence[Key]) -> str:  # an ErrorDetails of pydantic
    field = str(keys[-1]) if keys else ""
    if first["type"] == "extra_forbidden":
        known = list(_owner(keys).model_fields)
        close = difflib.get_close_matches(field, known, n=1)
        meant = f"Did you mean {close[0]!r}?" if close else f"Choose one of {', '.join(known)}."
        return f"there is no such field. {meant}"
    if first["type"] == "missing":
        return f"{field!r} is missing. Add it."
    problem = first["msg"].replace("Value error, ", "").partition(" or instance of ")[0]
    problem = problem.replace("Dictionary", "It").replace("valid dictionary", "mapping")
    return f"{first['input']!r} does not fit: {problem}."[:600]


def _owner(keys: Sequence[Key]) -> type[BaseModel]:
    """What the last of ``keys`` is a field of."""
    if "faults" in keys:
        return Fault
    if "groups" in keys:
        return GroupPlan
    if len(keys) == 1:
        return Classroom
    return Plan if keys[0] == "cluster" else ClassSite

"""More packages on a running cluster: which are needed where, fetched here, and sent.

Nodes of most sites reach no index, so wheels always travel from here, over the relay.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jupyter_continuum.cluster.packages import Machine, WorkerPackages, survey
from jupyter_continuum.environments.index import Tell, collect, resolved
from jupyter_continuum.environments.lock import Lock, Pin, lock_of, parse_requirement
from jupyter_continuum.environments.target import Target, parse_target
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.relay.address import parse

if TYPE_CHECKING:
    from distributed import Client

MOST_BYTES = 256 * 2**20
"""Of all wheels: each worker gets its own copy."""


@dataclass(frozen=True, slots=True)
class Added:
    """What came of it at one site."""

    site: str
    workers: int
    sent: tuple[str, ...]
    """``name==version``; empty where everything was there."""
    bytes: int


async def add_packages(client: Client, packages: Sequence[str], tell: Tell) -> list[Added]:
    """Install on all workers, and on those that join later. ContinuumError says why not."""
    wanted = [parse_requirement(each) for each in packages]
    if not wanted:
        raise ContinuumError("Which packages? `cluster.install('xarray==2026.9')`.")
    surveys: Mapping[str, tuple[Machine, dict[str, str]]] = await client.run(survey)
    if not surveys:
        raise ContinuumError("No worker is there yet, so its machine is not known. Wait for one.")
    wheels: dict[Machine, list[bytes]] = {}
    sent: dict[Machine, tuple[str, ...]] = {}
    for machine, each in _by_machine(surveys).items():
        for there in each:
            _keep_what_is_there(wanted, there)
        there = _common(each)
        with tempfile.TemporaryDirectory(prefix="jc-install-") as folder:
            target = _target(machine)
            missing = await _missing(lock_of(wanted, target), there, target)
            made = await collect(missing, target, Path(folder), tell)
            wheels[machine] = [wheel.path.read_bytes() for wheel in made]
            sent[machine] = tuple(f"{wheel.name}=={wheel.version}" for wheel in made)
    size = sum(len(wheel) for some in wheels.values() for wheel in some)
    if size > MOST_BYTES:
        raise ContinuumError(
            f"That is {size / 1e6:.0f} MB for each worker. Bring it into the environment instead: "
            f"`jupyter continuum prepare SITE --with {packages[0]}`."
        )
    if size:
        tell(f"sending {size / 1e6:.1f} MB to {len(surveys)} workers")
        names = [canonicalize_name(each.name) for each in wanted]
        await client.register_plugin(WorkerPackages(names, wheels))
    return _by_site(surveys, sent, wheels)


def _by_machine(
    surveys: Mapping[str, tuple[Machine, dict[str, str]]],
) -> dict[Machine, list[dict[str, str]]]:
    found: dict[Machine, list[dict[str, str]]] = {}
    for machine, there in surveys.values():
        found.setdefault(machine, []).append(there)
    return found


def _common(environments: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What all of them have. What only some have is sent: it lies behind theirs and harms none."""
    first, *others = environments
    return {
        name: version for name, version in first.items() if all(name in each for each in others)
    }


def _keep_what_is_there(wanted: Sequence[Requirement], there: Mapping[str, str]) -> None:
    for each in wanted:
        version = there.get(canonicalize_name(each.name))
        if version is not None and not each.specifier.contains(version, prereleases=True):
            raise ContinuumError(
                f"{each.name} {version} is in the worker environment already, and cannot be "
                "replaced on a running cluster. `jupyter continuum prepare` builds another one."
            )


async def _missing(lock: Lock, there: Mapping[str, str], target: Target) -> Lock:
    """What the worker does not have. Its versions stand: the rest must go with them."""
    pins = tuple(pin for pin in lock.pins if pin.name not in there)
    fixed = tuple(Pin(name, version) for name, version in there.items())
    closed = await resolved(Lock((*pins, *fixed), lock.open), target)
    return Lock(tuple(pin for pin in closed.pins if pin.name not in there))


def _target(machine: Machine) -> Target:
    python, processor, libc = machine
    found = parse_target(python, processor, libc.removeprefix("glibc "))
    if found is None:
        raise ContinuumError(f"There are no wheels for Python {python} on {processor} with {libc}.")
    return found


def _by_site(
    surveys: Mapping[str, tuple[Machine, dict[str, str]]],
    sent: Mapping[Machine, tuple[str, ...]],
    wheels: Mapping[Machine, Sequence[bytes]],
) -> list[Added]:
    found: dict[tuple[str, Machine], int] = {}
    for address, (machine, _) in surveys.items():
        key = parse(address).site, machine
        found[key] = found.get(key, 0) + 1
    return [
        Added(site, workers, sent[machine], sum(map(len, wheels[machine])) * workers)
        for (site, machine), workers in found.items()
    ]

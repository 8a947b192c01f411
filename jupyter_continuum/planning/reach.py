"""Which carriers bring a site's workers here, as far as was measured, and which to try first. Pure.

A fact that is None was not measured, or not lately enough: nothing follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from jupyter_continuum.sites.probe.facts import Facts, Trial
from jupyter_continuum.sites.protocols import CarrierName


class Verdict(StrEnum):
    WORKS = "works"
    FAILS = "fails"
    UNKNOWN = "unknown"
    FACT = "fact"
    """Nothing to work or fail: an architecture, a version."""


WORDS = {
    CarrierName.SOCKET: "a socket of this machine",
    CarrierName.FORWARD: "SSH forwarding",
    CarrierName.EXEC: "SSH exec relay",
    CarrierName.OUTBOUND: "outbound TLS",
    CarrierName.KUBERNETES: "Kubernetes port-forward",
}
"""What a person calls a carrier."""


@dataclass(frozen=True, slots=True)
class Way:
    """What is known of one carrier at one site."""

    carrier: CarrierName
    verdict: Verdict
    sentence: str


def ways(facts: Facts, carriers: Sequence[CarrierName], *, address: str = "") -> tuple[Way, ...]:
    """A verdict for each of ``carriers``, in their order.

    ``address`` is the ``host:port`` of the person's own that sites dial, "" without one.
    """
    tried = {trial.carrier: trial for trial in facts.trials or ()}
    return tuple(_way(name, facts, tried.get(name), address) for name in carriers)


def order(found: Sequence[Way]) -> tuple[CarrierName, ...]:
    """What to try first: what works, then what nobody has tried. What failed is left to the end.

    Empty, no opinion, where nothing is known to work.
    """
    works = tuple(way.carrier for way in found if way.verdict is Verdict.WORKS)
    unknown = tuple(way.carrier for way in found if way.verdict is Verdict.UNKNOWN)
    return works + unknown if works else ()


def choice(
    found: Sequence[Way],
    *,
    own: CarrierName | None = None,
    in_use: CarrierName | None = None,
    in_use_reason: str = "",
) -> str:
    """The carrier that is or will be used, or why there is none and what to do, as sentences.

    ``own`` is what the person has chosen in the profile, ``in_use`` what a cluster rides on now.
    """
    if in_use is not None:
        return f"Workers are reached by {WORDS[in_use]} now. {in_use_reason}".strip()
    if own is not None:
        return f"Workers are reached by {WORDS[own]}, as your profile says."
    works = [way for way in found if way.verdict is Verdict.WORKS]
    if works:
        rest = f"; {WORDS[works[1].carrier]} stands by" if len(works) > 1 else ""
        return f"Workers are reached by {WORDS[works[0].carrier]}{rest}."
    if any(way.verdict is Verdict.UNKNOWN for way in found) or not found:
        return "Whether workers can be reached has not been measured; launching tries each way."
    reasons = " ".join(way.sentence for way in found)
    return (
        f"Workers cannot be reached. {reasons} Configure an address of yours that the site can "
        "dial, or ask the site for a login node that allows forwarding."
    )


def _way(name: CarrierName, facts: Facts, trial: Trial | None, address: str) -> Way:
    if trial is not None:
        verdict = Verdict.WORKS if trial.works else Verdict.FAILS
        return Way(name, verdict, _brought_back(trial) if trial.works else trial.why)
    if name is CarrierName.OUTBOUND:
        return _outbound(facts, address)
    return Way(name, Verdict.UNKNOWN, f"{_begun(WORDS[name])} has not been tried.")


def _begun(words: str) -> str:
    return words[0].upper() + words[1:]


def _brought_back(trial: Trial) -> str:
    if trial.milliseconds is None or trial.mbytes_per_second is None:
        return "Bytes came back."
    return f"{trial.milliseconds:.3g} ms there and back, {trial.mbytes_per_second:.3g} MB/s."


def _outbound(facts: Facts, address: str) -> Way:
    """Nobody need dial in for this: the node's own dialling tells."""
    name = CarrierName.OUTBOUND
    if not address:
        return Way(
            name, Verdict.UNKNOWN, "You have configured no address of yours that sites can dial."
        )
    direct, proxied = facts.outbound, facts.outbound_by_proxy
    if direct is None or direct.where != address:
        return Way(name, Verdict.UNKNOWN, f"Whether nodes reach {address} has not been measured.")
    if direct.outcome == "connected":
        return Way(name, Verdict.WORKS, f"Nodes reach {address}.")
    if proxied is not None and proxied.outcome == "connected":
        return Way(name, Verdict.WORKS, f"Nodes reach {address} by the proxy {proxied.proxy}.")
    return Way(name, Verdict.FAILS, f"Nodes do not reach {address} ({direct.outcome}).")

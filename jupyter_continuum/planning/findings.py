"""What a probe found at a site, row by row, with what follows from it in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from jupyter_continuum.planning.reach import WORDS, Verdict, Way
from jupyter_continuum.sites.probe.facts import Dial, Disk, Facts
from jupyter_continuum.sites.protocols import CarrierName

SHARED = frozenset({"nfs", "nfs4", "lustre", "gpfs", "beegfs", "ceph", "cifs", "fuse.sshfs", "9p"})
"""File systems that other nodes see too."""

OVER_SSH = frozenset({CarrierName.FORWARD, CarrierName.EXEC})
OF_LOGIN = frozenset({"login", "gateway_ports"})
"""Facts that make sense only where there is a login node between us and the site."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row. ``field`` is the fact it rests on, whose date it bears."""

    what: str
    found: str
    """"" where nothing is known."""
    verdict: Verdict
    reason: str
    """Why it does not work, and what to do instead; "" where there is nothing to say."""
    field: str


Judge = Callable[[Facts], tuple[str, Verdict, str]]
"""What was found, the verdict, and the reason."""


def findings(facts: Facts, ways: Sequence[Way], *, site: str) -> tuple[Finding, ...]:
    """Every row of the table: carriers, network, node, and what does not work because of them."""
    by_login = any(way.carrier in OVER_SSH for way in ways)
    network = {
        what: judge for what, judge in NETWORK.items() if by_login or judge[0] not in OF_LOGIN
    }
    in_pods = any(way.carrier is CarrierName.KUBERNETES for way in ways)
    rows = (network, NODE, FEATURES | POD_FEATURES if in_pods else FEATURES)
    return (*_carriers(ways), *(row for part in rows for row in _rows(facts, part, site)))


def _carriers(ways: Sequence[Way]) -> Iterator[Finding]:
    for way in ways:
        works = way.verdict is Verdict.WORKS
        found, reason = (way.sentence, "") if works else ("", way.sentence)
        what = WORDS[way.carrier]
        field = "outbound" if way.carrier is CarrierName.OUTBOUND else "trials"
        yield Finding(f"{what[0].upper()}{what[1:]}", found, way.verdict, reason, field)


def _rows(facts: Facts, judges: dict[str, tuple[str, Judge]], site: str) -> Iterator[Finding]:
    for what, (field, judge) in judges.items():
        if getattr(facts, field) is None:
            yield Finding(what, "", Verdict.UNKNOWN, "Not measured.", field)
            continue
        found, verdict, reason = judge(facts)
        yield Finding(what, found, verdict, reason.replace("SITE", site), field)


def _dialled(dial: Dial) -> str:
    took = f" in {dial.milliseconds:.3g} ms" if dial.outcome == "connected" else ""
    return f"{dial.where} {dial.outcome}{took}"


def _gets_out(facts: Facts) -> bool:
    direct, proxied = facts.outbound, facts.outbound_by_proxy
    return any(dial is not None and dial.outcome == "connected" for dial in (direct, proxied))


def _outbound(facts: Facts) -> tuple[str, Verdict, str]:
    assert facts.outbound is not None
    found, proxied = _dialled(facts.outbound), facts.outbound_by_proxy
    if proxied is not None:
        status = f" ({proxied.status})" if proxied.status else ""
        found = f"{found}; by the proxy {proxied.proxy}: {proxied.outcome}{status}"
    if _gets_out(facts):
        return found, Verdict.WORKS, ""
    if proxied is not None and proxied.status == 407:
        return found, Verdict.FAILS, (
            "The proxy wants a user and a password. Put them into HTTPS_PROXY at the site."
        )  # fmt: skip
    return found, Verdict.FAILS, "Compute nodes have no way out; workers are dialled instead."


def _proxies(facts: Facts) -> tuple[str, Verdict, str]:
    named = [f"{each.name}={each.address}" for each in facts.proxies or ()]
    return ", ".join(named) or "none set", Verdict.FACT, ""


def _login(facts: Facts) -> tuple[str, Verdict, str]:
    dials = facts.login or ()
    if not dials:
        return "no login node", Verdict.FACT, ""
    reached = [dial for dial in dials if dial.outcome == "connected"]
    if reached:
        return _dialled(reached[0]), Verdict.WORKS, ""
    found = ", ".join(_dialled(dial) for dial in dials[:2])
    return found, Verdict.FAILS, "Nodes cannot dial the login node; workers are dialled instead."


def _gateway_ports(facts: Facts) -> tuple[str, Verdict, str]:
    dial = facts.gateway_ports
    assert dial is not None
    if dial.outcome == "connected":
        return _dialled(dial), Verdict.WORKS, ""
    if dial.outcome == "turned away":
        return "no port lent", Verdict.FAILS, "The login node denies remote forwards."
    if dial.outcome == "refused":
        return _dialled(dial), Verdict.FAILS, (
            "The login node takes a remote forward and binds it to loopback; nodes cannot dial it."
        )  # fmt: skip
    return _dialled(dial), Verdict.FAILS, "Nodes do not reach that port of the login node."


def _address(*, six: bool) -> Judge:
    def judge(facts: Facts) -> tuple[str, Verdict, str]:
        found = [each for each in facts.addresses or () if (":" in each) is six]
        if found:
            return ", ".join(found[:3]), Verdict.WORKS, ""
        kind = "IPv6" if six else "IPv4"
        return "no address", Verdict.FAILS, f"The node has no {kind} address beside loopback."

    return judge


def _plain(field: str) -> Judge:
    def judge(facts: Facts) -> tuple[str, Verdict, str]:
        return str(getattr(facts, field)) or "none", Verdict.FACT, ""

    return judge


def _driver(facts: Facts) -> tuple[str, Verdict, str]:
    parts = [
        facts.driver and f"driver {facts.driver}",
        facts.cuda and f"CUDA {facts.cuda}",
        facts.rocm and f"ROCm {facts.rocm}",
        facts.gpus and ", ".join(dict.fromkeys(facts.gpus)),
    ]
    found = ", ".join(part for part in parts if part)
    if facts.driver:
        return found, Verdict.WORKS, ""
    return found or "no driver", Verdict.FAILS, "Arrays are computed by NumPy on these nodes."


def _containers(facts: Facts) -> tuple[str, Verdict, str]:
    named = [f"{tool.name} {tool.version}".strip() for tool in facts.containers or ()]
    if named:
        return ", ".join(named), Verdict.WORKS, ""
    return "none", Verdict.FAILS, "Workers run from an environment in a folder, not an image."


def _disk(facts: Facts) -> tuple[str, Verdict, str]:
    disks = facts.disks or ()
    near = [disk for disk in disks if disk.kind not in SHARED]
    best = max(near, key=lambda disk: (disk.kind != "tmpfs", disk.free_bytes), default=None)
    if best is None:
        found = ", ".join(map(_described, disks[:2])) or "none"
        return found, Verdict.FAILS, "Data that does not fit into memory goes over the network."
    if best.kind == "tmpfs":
        return _described(best), Verdict.FAILS, "It is memory: what is spilled there is not freed."
    return _described(best), Verdict.WORKS, ""


def _described(disk: Disk) -> str:
    return f"{disk.path} ({disk.kind or 'unknown'}, {disk.free_bytes / 1e9:.3g} GB free)"


def _python(facts: Facts) -> tuple[str, Verdict, str]:
    own, *others = facts.pythons or (None,)
    elsewhere = ", ".join(f"{each.path} {each.version}" for each in others[:3] if each)
    if own is not None and own.version:
        if tuple(map(int, own.version.split(".")[:2])) >= (3, 11):
            return f"{own.path} {own.version}", Verdict.WORKS, ""
        return f"{own.path} {own.version}", Verdict.FAILS, (
            "Workers need Python 3.11. `jupyter continuum prepare SITE` builds an environment."
        )  # fmt: skip
    name = own.path if own is not None else "the profile's interpreter"
    return elsewhere or "none", Verdict.FAILS, (
        f"{name} does not run on the node. `jupyter continuum prepare SITE` builds an environment."
    )  # fmt: skip


def _energy(facts: Facts) -> tuple[str, Verdict, str]:
    if facts.energy:
        return ", ".join(facts.energy), Verdict.WORKS, ""
    return "none readable", Verdict.FAILS, "Energy is estimated from the hardware's rated power."


def _pip(facts: Facts) -> tuple[str, Verdict, str]:
    if _gets_out(facts):
        return "", Verdict.WORKS, ""
    return "", Verdict.FAILS, (
        "Compute nodes have no way out to a package index. `jupyter continuum prepare SITE` "
        "installs from the login node."
    )  # fmt: skip


def _pip_in_pod(facts: Facts) -> tuple[str, Verdict, str]:
    if _gets_out(facts):
        return "", Verdict.WORKS, ""
    return "", Verdict.FAILS, (
        "Pods have no way out to a package index. Put the packages into the image."
    )  # fmt: skip


def _cupy(facts: Facts) -> tuple[str, Verdict, str]:
    if facts.driver and not facts.driver.startswith("amdgpu"):
        return "", Verdict.WORKS, ""
    why = "The GPUs are AMD's: torch is used." if facts.driver else "The node has no NVIDIA driver."
    return "", Verdict.FAILS, why


def _apptainer(facts: Facts) -> tuple[str, Verdict, str]:
    names = {tool.name for tool in facts.containers or ()}
    if names & {"apptainer", "singularity"}:
        return "", Verdict.WORKS, ""
    return "", Verdict.FAILS, "Neither apptainer nor singularity is on the node's path."


def _direct(facts: Facts) -> tuple[str, Verdict, str]:
    if any(":" not in each for each in facts.addresses or ()):
        return "", Verdict.UNKNOWN, (
            "A probe takes one node. Workers try, and fall back to the relay where it is denied."
        )  # fmt: skip
    return "", Verdict.FAILS, "The node has no IPv4 address but loopback: the relay carries it all."


NETWORK: dict[str, tuple[str, Judge]] = {
    "Outbound network": ("outbound", _outbound),
    "Proxy variables": ("proxies", _proxies),
    "Node to login node": ("login", _login),
    "GatewayPorts": ("gateway_ports", _gateway_ports),
    "IPv4": ("addresses", _address(six=False)),
    "IPv6": ("addresses", _address(six=True)),
}
NODE: dict[str, tuple[str, Judge]] = {
    "CPU architecture": ("architecture", _plain("architecture")),
    "glibc": ("glibc", _plain("glibc")),
    "GPU driver": ("driver", _driver),
    "Container tools": ("containers", _containers),
    "Node-local disk": ("disks", _disk),
    "Python": ("pythons", _python),
    "Energy counters": ("energy", _energy),
}
FEATURES: dict[str, tuple[str, Judge]] = {
    "pip install in a job": ("outbound", _pip),
    "CuPy": ("driver", _cupy),
    "Apptainer images": ("containers", _apptainer),
    "Nodes dial each other": ("addresses", _direct),
}
POD_FEATURES: dict[str, tuple[str, Judge]] = {
    "pip install in a job": ("outbound", _pip_in_pod),
}

"""Records that show every state a site, a group and a worker can be in."""

from __future__ import annotations

from typing import Any

GIB = 2**30

UNKNOWN = (
    "country",
    "gpu_vendor",
    "gpu_model",
    "gpus_per_node",
    "gpu_memory_gb",
    "cpus_per_node",
    "memory_gb_per_node",
    "cpu_architecture",
    "max_walltime_minutes",
    "max_nodes",
    "nodes_total",
    "nodes_free",
    "cpus_free",
    "gpus_total",
    "gpus_free",
    "jobs_pending",
    "observed",
)


def known(value: float | None, kind: str, source: str, date: str) -> dict[str, Any]:
    return {"value": value, "kind": kind, "source": source, "reason": "", "date": date}


def offer(site: str, name: str, **known: Any) -> dict[str, Any]:
    unknown: dict[str, Any] = dict.fromkeys(UNKNOWN)
    amount = {"value": None, "kind": "unknown", "source": "", "reason": "", "date": ""}
    base: dict[str, Any] = {
        "id": f"{site}/{name}",
        "site": site,
        "name": name,
        "launchable": False,
        "reason": "",
        "unverified": [],
        "per": "node",
        "unit": "",
        "whole_node": None,
        "wait": amount | {"median": None, "likely": None, "record": ""},
        **dict.fromkeys(("price_eur", "units", "left", "energy_kwh", "carbon_g"), amount),
    }
    return unknown | base | known


def site(identifier: str, name: str, state: str, **known: Any) -> dict[str, Any]:
    base = {
        "id": identifier,
        "name": name,
        "kind": "hpc",
        "operator": None,
        "country": None,
        "latitude": None,
        "longitude": None,
        "state": state,
        "reason": "",
        "since": None,
        "account": "",
        "docs": None,
        "jurisdiction": None,
        "unverified": [],
        "offers": [],
        "credentials": [],
        "renewable": False,
        "reach": None,
        "probing": "",
    }
    return base | known


def emulated(letter: str, country: str, delay: int) -> dict[str, Any]:
    identifier = f"emulated-{letter}"
    return site(
        identifier,
        f"Emulated site {letter.upper()}",
        "ready",
        kind="emulated",
        country=country,
        reason=f"On this machine, {delay} ms away.",
        offers=[
            offer(
                identifier,
                "cpu",
                cpus_per_node=4,
                nodes_total=2,
                nodes_free=2,
                max_walltime_minutes=60,
                launchable=True,
                observed="2026-11-22T14:02:00Z",
            )
        ],
    )


EXPIRES = "2096-11-22T21:00:00Z"


def credential(name: str, verdict: str, expires: str | None, said: str = "") -> dict[str, Any]:
    said = said or f"The {name} is valid until {expires}."
    return {"name": name, "verdict": verdict, "expires": expires, "said": said}


CONNECT = "Connect the site first."


def row(what: str, verdict: str, found: str = "", reason: str = "", **other: Any) -> dict[str, Any]:
    measured = None if verdict == "unknown" else "2026-11-22"
    base = {"what": what, "verdict": verdict, "found": found, "reason": reason}
    return base | {"measured": measured, "expires": measured and "2026-12-22"} | other


REACH: dict[str, Any] = {
    "offer": "leonardo/boost_usr_prod",
    "node": "lrdn0417",
    "chosen": "Workers are reached by SSH exec relay.",
    "reachable": True,
    "measured": "2026-11-22",
    "rows": [
        row(
            "SSH forwarding",
            "fails",
            reason="leonardo: the login node denies forwarding (open failed).",
        ),
        row("SSH exec relay", "works", "21.4 ms there and back, 38.2 MB/s."),
        row(
            "Outbound TLS",
            "unknown",
            reason="You have configured no address of yours that sites can dial.",
        ),
        row(
            "Outbound network",
            "fails",
            "pypi.org:443 no route",
            "Compute nodes have no way out; workers are dialled instead.",
        ),
        row("Proxy variables", "fact", "none set"),
        row("CPU architecture", "fact", "x86_64", measured="2026-11-20"),
        row("GPU driver", "works", "driver 550.54.15, CUDA 12.4, NVIDIA A100-SXM-64GB"),
        row(
            "pip install in a job",
            "fails",
            reason="Compute nodes have no way out to a package index. "
            "`jupyter continuum prepare leonardo` installs from the login node.",
        ),
    ],
}

SITES = [
    emulated("a", "IT", 10),
    emulated("b", "FI", 25),
    site(
        "local",
        "This machine",
        "ready",
        kind="local",
        offers=[
            offer(
                "local",
                "cpu",
                cpus_per_node=2,
                memory_gb_per_node=24,
                nodes_total=1,
                nodes_free=1,
                launchable=True,
                observed="2026-11-22T14:02:00Z",
            )
        ],
    ),
    site(
        "leonardo",
        "Leonardo",
        "ready",
        country="IT",
        operator="CINECA",
        latitude=44.51,
        longitude=11.36,
        account="EUHPC_D01_001",
        credentials=[
            credential("certificate /home/ada/.ssh/leonardo-cert.pub", "valid", EXPIRES),
        ],
        reach=REACH,
        docs="https://docs.hpc.cineca.it",
        offers=[
            offer(
                "leonardo",
                "boost_usr_prod",
                gpu_vendor="nvidia",
                gpu_model="A100",
                gpus_per_node=4,
                gpu_memory_gb=64,
                cpus_per_node=32,
                memory_gb_per_node=512,
                max_walltime_minutes=1440,
                gpus_total=13824,
                gpus_free=212,
                jobs_pending=1204,
                cpu_architecture="x86_64",
                launchable=True,
                observed="2026-11-22T14:02:00Z",
                per="GPU",
                unit="core-hour",
                units=known(8.0, "stated", "CINECA's user guide", "2026-05"),
                left=known(41_200.0, "measured", "the site itself", "2026-11-22"),
                whole_node=False,
                wait=known(None, "estimated", "the batch system, of a job that waits", "2026-11-22")
                | {"median": 720.0, "likely": 7200.0, "record": "8 of 10 were within it"},
                carbon_g=known(112.0, "estimated", "Ember, mean of 2024 in IT", "2024"),
                unverified=["gpu_memory_gb"],
            ),
            offer(
                "leonardo",
                "dcgp_usr_prod",
                cpus_per_node=112,
                memory_gb_per_node=512,
                max_walltime_minutes=1440,
                nodes_total=1536,
                nodes_free=41,
                launchable=True,
                observed="2026-11-22T14:02:00Z",
            ),
        ],
    ),
    site(
        "karolina",
        "Karolina",
        "unreachable",
        country="CZ",
        operator="IT4Innovations",
        latitude=49.83,
        longitude=18.16,
        reason="No answer since 14:02; trying again every minute.",
    ),
    site(
        "marenostrum5",
        "MareNostrum 5",
        "sign-in",
        country="ES",
        operator="BSC",
        reason="Your certificate has expired; it needs a new one.",
        credentials=[
            credential(
                "certificate /home/ada/.ssh/mn5-cert.pub",
                "expired",
                "2026-11-22T08:00:00Z",
                "The certificate /home/ada/.ssh/mn5-cert.pub expired at 2026-11-22 08:00 UTC. "
                "Get a new one (`step ssh login` where the site uses step-ca, else the portal that "
                "gave it, such as the EuroHPC Federation Platform), then connect again.",
            )
        ],
    ),
    site(
        "lumi",
        "LUMI",
        "catalogued",
        country="FI",
        operator="CSC",
        latitude=64.23,
        longitude=27.73,
        docs="https://docs.lumi-supercomputer.eu",
        offers=[
            offer(
                "lumi",
                "standard-g",
                gpu_vendor="amd",
                gpu_model="MI250X",
                gpus_per_node=8,
                gpu_memory_gb=64,
                max_walltime_minutes=2880,
                gpus_total=23824,
                reason=CONNECT,
            ),
            offer(
                "lumi",
                "standard",
                cpus_per_node=128,
                memory_gb_per_node=256,
                max_walltime_minutes=2880,
                reason=CONNECT,
            ),
        ],
    ),
    site("alice-recoque", "Alice Recoque", "planned", country="FR", reason="Opens in 2027."),
    site("jupiter", "JUPITER", "catalogued", country="DE", operator="Jülich Supercomputing Centre"),
    site("vega", "Vega", "catalogued", country="SI", operator="IZUM"),
]

RETIRED = site("piz-daint", "Piz Daint", "retired", country="CH", reason="Switched off in 2023.")


def worker(name: str, state: str, **known: Any) -> dict[str, Any]:
    base = {
        "name": name,
        "state": state,
        "reason": "",
        "job": f"jc-demo-{name}",
        "job_id": "4711",
        "node": "",
        "device": "",
        "address": "",
        "threads": None,
        "memory_bytes": None,
        "memory_limit_bytes": None,
        "tasks_running": None,
        "tasks_done": None,
        "devices": [],
    }
    return base | known


def ready(name: str, node: str) -> dict[str, Any]:
    return worker(
        name,
        "ready",
        node=node,
        threads=1,
        memory_bytes=GIB // 2,
        memory_limit_bytes=4 * GIB,
        tasks_running=1,
        tasks_done=120,
        devices=[device(node)],
    )


def device(node: str) -> dict[str, Any]:
    """A GPU on the first node, a processor on the others."""
    gpu = {"device": "0", "model": "NVIDIA H200", "power_watts": 320}
    cpu = {"device": "", "model": "", "power_watts": None}
    return (gpu if node.endswith("n1") else cpu) | {
        "busy_percent": 85,
        "memory_bytes": GIB,
        "memory_total_bytes": 4 * GIB,
    }


CLUSTER: dict[str, Any] = {
    "name": "sea-surface",
    "state": "running",
    "reason": "",
    "started": "2026-11-22T13:40:00Z",
    "groups": [
        {
            "name": "emulated-a",
            "site": "emulated-a",
            "offer": "emulated-a/cpu",
            "jobs_wanted": 2,
            "workers_wanted": 2,
            "workers_ready": 2,
            "state": "ready",
            "reason": "",
            "meaning": "",
            "ends": "2096-11-22T15:40:00Z",
            "carrier": "local",
            "workers": [ready("emulated-a-1-0-0", "a-n1"), ready("emulated-a-2-0-0", "a-n2")],
        },
        {
            "name": "leonardo",
            "site": "leonardo",
            "offer": "leonardo/boost_usr_prod",
            "jobs_wanted": 1,
            "workers_wanted": 4,
            "workers_ready": 0,
            "state": "waiting",
            "reason": "PENDING: Priority, est. 14:20",
            "meaning": "Jobs of higher priority come first.",
            "ends": None,
            "carrier": "",
            "workers": [
                worker(f"leonardo-1-0-{n}", "queued", reason="PENDING: Priority, est. 14:20")
                for n in range(4)
            ],
        },
    ],
    "links": [
        {"source": "home", "target": "emulated-a", "bytes": 48_120_000},
        {"source": "emulated-a", "target": "home", "bytes": 3_400_000},
    ],
    "tasks_running": 2,
    "tasks_done": 240,
    "tasks_waiting": 38,
    "eur": known(0.4213, "estimated", "a list", "")
    | {"reason": "Without leonardo: it charges an allocation."},
    "eur_per_hour": known(1.2, "estimated", "a list", ""),
    "carbon_kg": known(0.0507, "estimated", "a list", ""),
    "carbon_kg_per_hour": known(0.12, "estimated", "a list", ""),
    "lease_seconds": 600,
    "held": False,
    "residency": [],
    "access": {
        "open": True,
        "clients": [
            {
                "leaf": "sea-surface.client-0-1a2b3c4d",
                "who": "sea.ipynb, process 4711",
                "since": "2026-11-22T13:42:00Z",
                "until": "2096-12-23T13:42:00Z",
            }
        ],
        "away": 2,
        "away_until": "2096-12-23T13:41:00Z",
        "places": [
            {
                "site": "emulated-a",
                "runs_as": "ada on this machine",
                "account": "",
                "workers": 2,
                "until": "2096-11-22T16:40:00Z",
            },
            {
                "site": "leonardo",
                "runs_as": "ada00001@login.leonardo.cineca.it",
                "account": "EUHPC_D01_001",
                "workers": 0,
                "until": None,
            },
        ],
    },
    "dashboard": True,
    "attach": "",
}

PROMPT = {
    "id": "p-1",
    "kind": "code",
    "site": "karolina",
    "text": "karolina asks for the one-time code of jdoe.",
    "secret": True,
    "expires": "2026-11-22T14:10:00Z",
}

DRAFT: dict[str, Any] = {
    "site": "lumi",
    "user": "ada",
    "profile": {"kind": "slurm", "ssh": {"host": "lumi.csc.fi"}},
    "access": "SSH public key only, registered through MyAccessID; no passwords",
    "terms": "https://lumi.example/terms",
    "docs": "https://docs.lumi-supercomputer.eu",
    "candidates": [],
}

CANDIDATES = [
    {
        "site": "group-cluster",
        "source": "ssh config",
        "name": "Group.Cluster",
        "text": "ada@login.group.example through gate.example",
        "profile": {
            "kind": "slurm",
            "name": "Group.Cluster",
            "ssh": {
                "host": "login.group.example",
                "user": "ada",
                "jump": [{"host": "gate.example", "user": "ada"}],
            },
        },
        "reason": "",
    },
    {
        "site": "pbs",
        "source": "jobqueue.yaml",
        "name": "pbs",
        "text": "queue (default), on this machine",
        "profile": {},
        "reason": "only Slurm sections can be used",
    },
]

HOST_KEY = {
    "id": "p-2",
    "kind": "host-key",
    "site": "lumi",
    "text": "lumi.csc.fi:22 shows the host key SHA256:abc (ssh-ed25519), which was never seen "
    "before. Compare it with the one the site publishes. Is it right?",
    "secret": False,
    "expires": "2026-11-22T14:10:00Z",
}


def claim(field: str, value: str, kind: str, source: str, observed: str, **other: Any) -> Any:
    base = {"url": "", "expires": "", "note": "", "verified": kind != "unverified"}
    told = {"field": field, "value": value, "kind": kind, "source": source, "observed": observed}
    return base | told | other


CLAIMS = [
    claim("country", "IT", "official", "CINECA HPC documentation", "2025-2026"),
    claim(
        "gpu_model",
        "A100",
        "official",
        "CINECA HPC documentation",
        "2025-2026",
        url="https://docs.hpc.cineca.it/hpc/leonardo.html",
    ),
    claim("gpu_model", "A200", "user", "A copy of CINECA's <i>table</i>", "2025"),
    claim("gpu_memory_gb", "64", "unverified", "", ""),
    claim("nodes_total", "3456", "measured", "the site itself", "2026-11-22 14:02 UTC"),
    claim("max_walltime_minutes", "24 h", "user", "A copy", "2025", expires="2026-01-01")
    | {"verified": False},
]

UNKNOWN_AMOUNT = {"value": None, "kind": "unknown", "source": "", "reason": "", "date": ""}

DRY_RUN = {
    "cluster": "sea-surface",
    "plan": "# A plan of jupyter-continuum.\ngroups:\n- offer: emulated-a/cpu\n  jobs: 2\n",
    "policy": [
        {
            "rule": "jurisdictions",
            "site": "emulated-a",
            "claim": "emulated-a:jurisdiction",
            "verdict": "satisfied",
            "said": "emulated-a is on this machine.",
        },
        {
            "rule": "max_eur",
            "site": "emulated-a",
            "claim": "emulated-a:eur",
            "verdict": "unknown",
            "said": "Nobody knows what an hour at emulated-a costs.",
        },
    ],
    "refusal": "Your policy asks for emulated-a:eur, which nobody knows. Accept it, or choose "
    "another offer.",
    "groups": [
        {
            "group": "emulated-a",
            "wait": known(None, "estimated", "12 of your jobs here", "2026-11-22")
            | {"median": 720.0, "likely": 7200.0, "record": "8 of 10 were within it"},
            "eur": UNKNOWN_AMOUNT | {"reason": "The site names no price."},
            "unit": "core-hour",
            "units": known(16.0, "stated", "CINECA's user guide", "2026-05"),
            "energy_kwh": known(0.84, "estimated", "rated power of 4 GPUs", "2024"),
            "carbon_kg": known(0.235, "estimated", "Ember, mean of 2024 in IT", "2024"),
            "certificate": "The certificate /home/ada/.ssh/leonardo-cert.pub is valid until "
            "2026-11-22 21:00 UTC.",
            "offer": "emulated-a/cpu",
            "jobs": 2,
            "workers": 2,
            "script": "#!/bin/sh\n#SBATCH --job-name=jc-sea-surface-emulated-a\n"
            "exec python3 -m jupyter_continuum.worker JOBDIR\n",
        }
    ],
    "warnings": ["emulated-b: the walltime is longer than the lease."],
    "parity": [
        {
            "site": "emulated-a",
            "python": "/scratch/worker/bin/python",
            "rows": [
                {"what": "dask", "here": "2026.8.0", "there": "2026.8.0", "verdict": "same"},
                {"what": "numpy", "here": "2.4.6", "there": "2.1.0", "verdict": "told"},
                {"what": "pandas", "here": "2.3.0", "there": "", "verdict": "fine"},
            ],
            "refusal": "",
        }
    ],
}


def many(count: int) -> list[dict[str, Any]]:
    """As many offers, a hundred of each site; of every third it is not known what it costs."""
    countries, models = ("FI", "IT", "DE", "ES"), ("A100", "H100", "MI250X", "GH200", "L40S")
    return [
        site(
            f"site-{number}",
            f"Site {number:03}",
            "ready",
            country=countries[number % 4],
            offers=[
                offer(
                    f"site-{number}",
                    f"p{each:03}",
                    gpu_vendor="nvidia",
                    gpu_model=models[each % 5],
                    gpus_per_node=4,
                    gpu_memory_gb=40 + each,
                    nodes_total=1000 + each,
                    nodes_free=(37 * each + number) % 1000,
                    jobs_pending=each,
                    launchable=True,
                    observed="2026-11-22T14:02:00Z",
                    price_eur=known(None, "unknown", "", "")
                    if each % 3 == 1
                    else known(each + number, "stated", "price list", "2026-11"),
                    carbon_g=known((7 * each) % 300, "estimated", "Ember", "2025"),
                )
                for each in range(100)
            ],
        )
        for number in range(count // 100)
    ]


def told(value: object, kind: str = "official") -> dict[str, object]:
    return {
        "value": value, "kind": kind, "source": "Climate Data Store", "url": "", "date": "2026-03",
        "note": "",
    }  # fmt: skip


DATASETS = [
    {
        "id": "era5",
        "name": "ERA5, our cut",
        "url": "file:///scratch/project_1/era5.zarr",
        "path": "/scratch/project_1/era5.zarr",
        "format": "zarr",
        "site": "lumi",
        "owner": told("ECMWF"),
        "licence": told("CC-BY-4.0"),
        "jurisdiction": told(["FI"], "unverified"),
        "size_gb": told(120.5),
    },
    {
        "id": "bare",
        "name": "<img src=x onerror=alert(1)>",
        "url": "https://data.example.eu/a-name-that-is-longer-than-the-panel-is-wide/2026/table.csv",
        "path": "",
        "format": "csv",
        "site": None,
        "owner": None,
        "licence": None,
        "jurisdiction": None,
        "size_gb": None,
    },
]

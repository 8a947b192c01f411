"""The job script, and what travels with it. Pure text; nothing of it is secret but the join files.

Written here and not by ``dask_jobqueue``: its renderer quotes nothing, writes one
``dask worker`` command line instead of an agent per node, and importing it brings
``distributed`` into the broker, which must not unpickle what a cluster sent.
"""

from __future__ import annotations

import io
import math
import re
import shlex
import tarfile

from jupyter_continuum.errors import SubmitRefused
from jupyter_continuum.sites import probe
from jupyter_continuum.sites.protocols import JobRequest
from jupyter_continuum.sites.text import FILE, PROLOGUE

NAME = re.compile(r"jc-[a-z0-9][a-z0-9-]{0,118}")
WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.@+-]{0,62}[A-Za-z0-9])?")
"""Partitions, accounts, QoS, GRES types: no blank, quote, line end or shell sign."""


def job_script(request: JobRequest, job_directory: str) -> str:
    """What is submitted, to the letter. SubmitRefused for a field with a sign it must not hold."""
    check(request)
    lines = ["#!/bin/bash -l" if request.prologue.strip() else "#!/bin/sh"]
    lines += [f"#SBATCH {option}" for option in _options(request, job_directory)]
    lines.append("umask 077")
    below = "" if job_directory.startswith("/") else "$(pwd -P)/"
    lines.append(f'job="{below}{job_directory}"')
    # The duplicate of a submit that was answered too late ends here, before it costs anything.
    lines.append('mkdir "$job/started" || { [ -d "$job/started" ] && exit 0; exit 1; }')
    if request.prologue.strip():
        lines.append(request.prologue.strip())
    if request.program == "probe":
        lines.append(probe.command(request.python, '"$job"'))
    else:
        agent = f'{shlex.quote(request.python)} -m jupyter_continuum.worker "$job"'
        lines.append(f"exec {_srun(request)}{agent}")
    return "\n".join(lines) + "\n"


def check(request: JobRequest) -> None:
    """Refuse what must not reach a script, however it got past everybody above."""
    check_name(request.name)
    for field in ("partition", "account", "qos", "gpu_type"):
        value = getattr(request, field)
        if value and not WORD.fullmatch(value):
            raise SubmitRefused(
                f"The {field} {value!r} holds a sign that no {field} has. Name another {field}."
            )
    if not FILE.fullmatch(request.python) or request.python.startswith("-"):
        raise SubmitRefused(
            f"The interpreter {request.python!r} holds a blank or a shell sign. Name another path."
        )
    if not PROLOGUE.fullmatch(request.prologue):
        raise SubmitRefused("The prologue holds a control character. Remove it from the profile.")
    counts = (request.nodes, request.workers_per_node, request.cpus_per_worker)
    if min(counts) < 1 or request.gpus_per_worker < 0 or request.walltime_seconds < 1:
        raise SubmitRefused(f"The job {request.name} asks for less than one node, worker or CPU.")
    if request.program == "probe" and request.nodes != 1:
        raise SubmitRefused(
            f"The probe {request.name} asks for {request.nodes} nodes, not for one."
        )
    if not 0 <= request.memory_gb_per_worker < 1e6:
        raise SubmitRefused(f"The job {request.name} asks for {request.memory_gb_per_worker} GB.")


def check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise SubmitRefused(f"{name!r} is no job of ours: those are called jc-<cluster>-<group>-….")
    return name


def check_directory(path: str) -> str:
    """A work directory: absolute, or below the home directory."""
    path = path.removeprefix("~/").rstrip("/")
    if not FILE.fullmatch(path) or path.startswith("-") or ".." in path.split("/"):
        raise SubmitRefused(
            f"The work directory {path!r} holds a blank, a shell sign or '..'. Name another one."
        )
    return path


def _options(request: JobRequest, job_directory: str) -> list[str]:
    workers = request.workers_per_node
    options = [f"--job-name={request.name}"]
    for field in ("partition", "account", "qos"):
        if value := getattr(request, field):
            options.append(f"--{field}={value}")
    options += [
        f"--nodes={request.nodes}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={request.cpus_per_worker * workers}",
    ]
    if request.memory_gb_per_worker:
        options.append(f"--mem={math.ceil(request.memory_gb_per_worker * workers * 1024)}M")
    if request.gpus_per_worker:
        kind = f"{request.gpu_type}:" if request.gpu_type else ""
        options.append(f"--gres=gpu:{kind}{request.gpus_per_worker * workers}")
    minutes, seconds = divmod(request.walltime_seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return [
        *options,
        f"--time={hours:02d}:{minutes:02d}:{seconds:02d}",
        f"--output={job_directory}/job.log",
        "--open-mode=append",
        # A job that comes back minutes later under the same name is nobody's job.
        "--no-requeue",
    ]


def _srun(request: JobRequest) -> str:
    """One agent a node; the loss of one leaves the others. 22.05 does not hand down the CPUs."""
    if request.nodes == 1:
        return ""
    cpus = request.cpus_per_worker * request.workers_per_node
    return (
        f"srun --nodes={request.nodes} --ntasks={request.nodes} --ntasks-per-node=1 "
        f"--cpus-per-task={cpus} --kill-on-bad-exit=0 --wait=0 --mpi=none --label "
    )


def job_archive(request: JobRequest, job_directory: str) -> bytes:
    """A tar of the script, the probe and the join files, each readable by its owner alone."""
    files = {"job.sh": job_script(request, job_directory).encode()}
    if request.program == "probe":
        files[probe.FILE] = probe.program().encode()
    files |= {f"join-{rank}.json": secret for rank, secret in enumerate(request.join)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()

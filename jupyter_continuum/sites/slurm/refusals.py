"""What Slurm says when it does not take a job, and what a person can do about it."""

from __future__ import annotations

from jupyter_continuum.errors import SiteError, SiteUnreachable, SubmitRefused
from jupyter_continuum.sites.protocols import JobRequest
from jupyter_continuum.sites.text import clean

DEAF = (
    "timed out", "unable to contact slurm controller", "connect failure", "connection refused",
    "temporarily unable", "temporarily unavailable", "zero bytes were transmitted",
    "controller not responding", "in standby mode", "unable to establish", "authentication error",
    "protocol authentication",
)  # fmt: skip
"""The controller did not answer, or not in time: the job may run all the same."""
ADVICE = (
    ("MaxSubmitJob", "Cancel a waiting group, or choose another account or QoS"),
    ("job submit limit", "Ask for fewer jobs, nodes or minutes, or choose another account or QoS"),
    ("Invalid account", "Choose an account of yours: `jupyter continuum connect` lists them"),
    ("invalid partition", "Choose a partition that `jupyter continuum offers` lists"),
    ("Invalid qos", "Choose a QoS that your account has: `jupyter continuum connect` lists them"),
    ("time limit", "Ask for a walltime below the partition's and the QoS's limit"),
    ("Memory specification", "Ask for less memory per worker"),
    ("Node count", "Ask for fewer nodes per job"),
    ("configuration is not available", "Ask for fewer or other GPUs, CPUs or memory per node"),
    ("more processors than permitted", "Ask for fewer CPUs"),
    ("Access/permission denied", "Choose a partition that your account may use"),
    ("not permitted to use", "Choose a partition or QoS that your account may use"),
    ("QOSMin", "Ask for at least what the QoS demands"),
    ("GrpTRES", "The account's budget or share is used up: choose another account"),
    ("maintenance", "Wait for the end of the maintenance, or ask for a shorter walltime"),
)
"""First match wins; the words are Slurm's own, by 22.05 and 24.11."""
FULL = ("no space left", "disk quota exceeded")


def is_deaf(words: str) -> bool:
    return any(sign in words.lower() for sign in DEAF)


def refusal(site: str, request: JobRequest, words: str) -> SiteError:
    """The error for an ``sbatch`` that ended with a status other than 0."""
    said = own_words(words)
    if is_deaf(words):
        return SiteUnreachable(
            f"{site}: Slurm did not answer in time ({said}); {request.name} may be queued all the "
            "same. Trying again is safe: it is looked up first."
        )
    advice = next((what for sign, what in ADVICE if sign.lower() in words.lower()), "")
    asked = ", ".join(
        f"{field} {getattr(request, field)}"
        for field in ("partition", "account", "qos")
        if getattr(request, field)
    )
    return SubmitRefused(
        f"{site}: Slurm refused the job ({said})"
        + (f" for {asked}" if asked else "")
        + f". {advice or 'Change the plan, or ask the site what its words mean'}."
    )


def unwritable(site: str, directory: str, words: str) -> SiteError:
    """The error for a work directory that took no files."""
    said = own_words(words)
    if any(sign in words.lower() for sign in FULL):
        return SubmitRefused(
            f"{site}: the work directory {directory} is full ({said}). Free space or quota there, "
            "or name another one with `jupyter continuum connect`."
        )
    return SubmitRefused(
        f"{site}: the work directory {directory} takes no files ({said}). Name one that you may "
        "write with `jupyter continuum connect`."
    )


def own_words(words: str) -> str:
    """Slurm's message without the names of its programs, on one line."""
    lines = []
    for line in words.splitlines():
        for prefix in ("sbatch: error: ", "sbatch: ", "Batch job submission failed: "):
            line = line.removeprefix(prefix)
        if line.strip() and line.strip() not in lines:
            lines.append(line.strip())
    return clean("; ".join(lines), 300) or "it gave no reason"

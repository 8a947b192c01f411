"""The lock of a worker environment as a Containerfile or an Apptainer definition.

No container engine runs here: the text is what is tested.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jupyter_continuum.environments.index import resolved
from jupyter_continuum.environments.lock import GPU, Lock, worker_lock
from jupyter_continuum.environments.target import Target
from jupyter_continuum.environments.wheels import own_wheel
from jupyter_continuum.errors import ContinuumError

Kind = Literal["oci", "apptainer"]

ROCM_ADVICE = (
    "CuPy finds ROCm 7 in the base image: name one that has it, and Python "
    f"{platform.python_version()}, as BASE."
)
CUDA_ADVICE = "The driver comes from the node (`--nv`, or the device plugin of the cluster)."
INSTALL = "python3 -m pip install --no-cache-dir --no-deps"
COMPILE = "python3 -m compileall -qf --invalidation-mode unchecked-hash /usr/local/lib/python3*"
BOOKWORM_GLIBC = (2, 36)
"""Of Python's own images, as ``base_image`` names them."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What was made for one image."""

    text: str
    wheel: Path
    advice: str
    """One sentence, or ""."""


async def write_recipe(kind: Kind, *, gpu: str, extra: Sequence[str], folder: Path) -> Recipe:
    """The recipe, and this package's wheel in ``folder``. ContinuumError says what is wrong."""
    if not folder.is_dir():
        raise ContinuumError(f"{folder} is no folder. Name one for the wheel with `--directory`.")
    target = Target(Target.here().python, Target.here().machine, BOOKWORM_GLIBC)
    # Unlike a site, an image has no CUDA of its own.
    toolkit = [f"{GPU[gpu]}[ctk]"] if gpu.startswith("cuda") else []
    lock = await resolved(worker_lock(target, gpu=gpu, extra=[*toolkit, *extra]), target)
    wheel = own_wheel(folder).path
    text = (containerfile if kind == "oci" else definition)(lock, wheel.name, base_image(gpu))
    return Recipe(text, wheel, {"": "", "rocm": ROCM_ADVICE}.get(gpu, CUDA_ADVICE))


def base_image(gpu: str) -> str:
    """ "" where the person has to name one."""
    if gpu == "rocm":
        return ""
    return f"docker.io/library/python:{platform.python_version()}-slim-bookworm"


def containerfile(lock: Lock, wheel: str, base: str) -> str:
    default = f"={base}" if base else ""
    return f"""\
# A worker environment of jupyter-continuum; made by `jupyter continuum prepare --recipe oci`.
# Build where {wheel} lies: podman build -t worker .
ARG BASE{default}
FROM ${{BASE}}
COPY {wheel} /opt/worker/
COPY <<LOCK /opt/worker/lock.txt
{lock.text}LOCK
RUN {INSTALL} -r /opt/worker/lock.txt && \\
    {INSTALL} /opt/worker/{wheel} && \\
    {COMPILE}
USER 1000
"""


def definition(lock: Lock, wheel: str, base: str) -> str:
    default = f"%arguments\n    BASE={base}\n" if base else "# Build with --build-arg BASE=IMAGE.\n"
    return f"""\
# A worker environment of jupyter-continuum; made by `jupyter continuum prepare --recipe apptainer`.
# Build where {wheel} lies: apptainer build worker.sif FILE
Bootstrap: docker
From: {{{{ BASE }}}}

{default}
%files
    {wheel} /opt/worker/{wheel}

%post
    set -e
    cat > /opt/worker/lock.txt <<LOCK
{lock.text}LOCK
    {INSTALL} -r /opt/worker/lock.txt
    {INSTALL} /opt/worker/{wheel}
    {COMPILE}
"""

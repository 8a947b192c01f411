"""The rig as fixtures, shared by a whole test run and always taken down.

``JC_TEST_RIG=kept`` uses the one that ``python -m tests.rig up`` left running.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_continuum.sites.profile import Profile, SshLogin
from tests.rig import absence
from tests.rig.rig import Rig, kept, running
from tests.rig.site import SlurmSite


def ssh_login(site: SlurmSite, door: str = "key", **changes: Any) -> SshLogin:
    """A login as a person's profile holds it. Doors: ``key``, ``code``, ``closed``."""
    login: dict[str, Any] = {
        "host": site.spec.login_address,
        "port": site.login.ports[door],
        "user": site.spec.user,
        "key": str(site.login.key),
        "host_key": site.login.host_key,
        "use_agent": False,
    }
    return SshLogin(**(login | changes))


def profile(site: SlurmSite, python: Path, **changes: Any) -> Profile:
    """A profile ready to launch at a site of the rig."""
    values: dict[str, Any] = {
        "site": site.spec.name,
        "kind": "slurm",
        "ssh": ssh_login(site),
        "account": "proj_1234" if site.spec.accounts else None,
        "work_directory": str(site.work),
        "python": str(python),
    }
    return Profile(**(values | changes))


def absent(sentences: list[str]) -> None:
    """Skip with the reason; where everything must be there, fail with it."""
    text = "The real Slurm rig is not complete here. " + " ".join(sentences)
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture(scope="session")
def slurm_rig() -> Iterator[Rig]:
    found = kept() if os.environ.get("JC_TEST_RIG") == "kept" else None
    if found is not None:
        yield found
        return
    with running() as rig:
        yield rig


@pytest.fixture(scope="session")
def slurm_site_a(slurm_rig: Rig) -> SlurmSite:
    """``sitea``: host network, no accounting, two nodes with four GPUs each."""
    if "sitea" not in slurm_rig.sites:
        absent(slurm_rig.lacks)
    return slurm_rig.sites["sitea"]


@pytest.fixture(scope="session")
def slurm_site_b(slurm_rig: Rig) -> SlurmSite:
    """``siteb``: behind walls and a wide link, with accounts; one node with four GPUs."""
    if "siteb" not in slurm_rig.sites:
        absent(slurm_rig.lacks)
    return slurm_rig.sites["siteb"]


@pytest.fixture(scope="session")
def slurm_site_c(slurm_rig: Rig) -> SlurmSite:
    """``sitec``, in a network of its own with the person's machine (``at_home``): its nodes can
    reach nothing but a proxy that wants a name, the one with GPUs the person's address itself.
    """
    if slurm_rig.site_c is None:
        absent(absence.missing_for_proxied_site())
    return slurm_rig.up_site_c()


@pytest.fixture(params=["sitea", "siteb"])
def slurm_site(slurm_rig: Rig, request: pytest.FixtureRequest) -> SlurmSite:
    """Each of the two."""
    if request.param not in slurm_rig.sites:
        absent(slurm_rig.lacks)
    return slurm_rig.sites[request.param]


@pytest.fixture(scope="session")
def worker_python() -> Path:
    """Interpreter of a worker environment that the sites' users can read."""
    from tests.rig.worker_environment import worker_python

    return worker_python()


@pytest.fixture(scope="session")
def kernel_python() -> Path:
    """The same with what kernels at a site need."""
    from tests.rig.worker_environment import worker_python

    return worker_python("ipykernel", "papermill")

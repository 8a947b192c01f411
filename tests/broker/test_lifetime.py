"""Where a broker ends with its container is told apart from where it outlives its server."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_continuum.broker.lifetime import lifetime

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
HUB = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}
BINDER = {"BINDER_LAUNCH_HOST": "https://binder.example/"}


@pytest.mark.parametrize(
    ("environment", "ends_with_container"),
    [
        ({}, False),
        (HUB, False),  # as a process of a shared machine
        (POD, False),  # made by no Hub
        (POD | HUB, True),
        (POD | BINDER, True),
    ],
)
def test_a_hubs_container_takes_the_broker_with_it(
    tmp_path: Path, environment: dict[str, str], ends_with_container: bool
) -> None:
    assert lifetime(environment, tmp_path) == ("container" if ends_with_container else "machine")


def test_containers_outside_kubernetes_are_known_by_the_file_in_them(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()
    assert lifetime(HUB, tmp_path) == "container"
    assert lifetime({}, tmp_path) == "machine"

"""Which wheels run under an interpreter somewhere else."""

from __future__ import annotations

import pytest
from packaging.utils import parse_wheel_filename

from jupyter_continuum.environments.target import Target, parse_target

LUMI = Target((3, 11), "x86_64", (2, 31))
GRACE = Target((3, 11), "aarch64", (2, 34))


def runs(target: Target, name: str) -> bool:
    return any(target.runs(tag) for tag in parse_wheel_filename(name)[3])


@pytest.mark.parametrize(
    ("wheel", "on_lumi", "on_grace"),
    [
        ("dask-2026.8.0-py3-none-any.whl", True, True),
        ("numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", True, False),
        ("numpy-2.4.6-cp311-cp311-manylinux_2_27_aarch64.whl", False, True),
        ("numpy-2.4.6-cp312-cp312-manylinux_2_27_x86_64.whl", False, False),
        ("cryptography-50.0.2-cp311-abi3-manylinux_2_34_x86_64.whl", False, False),
        ("cryptography-50.0.2-cp311-abi3-manylinux_2_34_aarch64.whl", False, True),
        ("psutil-7.2.2-cp36-abi3-manylinux2014_aarch64.whl", False, True),
        ("psutil-7.2.2-cp36-abi3-manylinux1_x86_64.whl", True, False),
        ("numpy-2.4.6-cp311-cp311-musllinux_1_2_x86_64.whl", False, False),
        ("numpy-2.4.6-cp311-cp311-macosx_14_0_arm64.whl", False, False),
    ],
)
def test_processor_interpreter_and_c_library_decide(
    wheel: str, on_lumi: bool, on_grace: bool
) -> None:
    assert (runs(LUMI, wheel), runs(GRACE, wheel)) == (on_lumi, on_grace)


def test_a_site_is_read_or_is_none() -> None:
    assert parse_target("3.11.7", "aarch64", "2.34") == GRACE
    for told in (("3.11.7", "ppc64le", "2.28"), ("3.11.7", "x86_64", ""), ("x", "x86_64", "2.31")):
        assert parse_target(*told) is None

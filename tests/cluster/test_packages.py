"""Packages on a running cluster: who can use what was sent, and what the others are told."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path

import pytest

from jupyter_continuum.cluster.packages import WorkerPackages, choose, lacking, machine, unpack
from jupyter_continuum.environments.extra import _common

OLD = ("3.11", "x86_64", "glibc 2.17")
NEW = ("3.11", "x86_64", "glibc 2.28")


def wheel(name: str, *needs: str) -> bytes:
    buffer = io.BytesIO()
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    about += "".join(f"Requires-Dist: {each}\n" for each in needs)
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{name}.py", "answer = 42\n")
        archive.writestr(f"{name}-1.0.dist-info/METADATA", about)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("here", "chosen"),
    [
        (("3.11", "x86_64", "glibc 2.28"), NEW),
        (("3.11", "x86_64", "glibc 2.40"), NEW),
        (("3.11", "x86_64", "glibc 2.27"), OLD),
        (("3.11", "x86_64", "glibc 2.9"), None),
        (("3.12", "x86_64", "glibc 2.28"), None),
        (("3.11", "aarch64", "glibc 2.28"), None),
        (("3.11", "x86_64", ""), None),
    ],
)
def test_wheels_for_an_older_c_library_run_on_a_newer_one(here, chosen):
    assert choose([OLD, NEW], here) == chosen


def test_what_only_some_of_a_machine_have_is_sent():
    assert _common([{"a": "1", "b": "1"}, {"b": "1", "c": "1"}]) == {"b": "1"}


def test_what_a_package_needs_and_nobody_has_is_named(tmp_path: Path):
    unpack(
        wheel(
            "jct_a",
            "Jct.Absent>=1",
            "packaging",
            "jct_c; extra == 'all'",
            "jct_d; sys_platform == 'x'",
        ),
        tmp_path,
    )
    assert lacking(tmp_path) == ["jct-absent"]


async def test_a_worker_that_joins_later_gets_them_or_its_notebook_is_told(
    home, capsys: pytest.CaptureFixture[str]
):
    """With an older C library than the joiner's, as from a site whose system is older."""
    python, processor, _ = machine()
    older, other = (python, processor, "glibc 2.5"), (python, "riscv64", "glibc 2.40")
    sent = {
        "jct-one": {older: [wheel("jct_one")]},
        "jct-two": {other: [wheel("jct_two")]},
        "jct-three": {older: [wheel("jct_three", "jct-absent")]},
    }

    def answer():
        import jct_one

        return jct_one.answer

    async with home.client() as client:
        for name, wheels in sent.items():
            await client.register_plugin(WorkerPackages([name], wheels))
        await home.submit("north")
        await client.wait_for_workers(1)
        assert list((await client.run(answer)).values()) == [42]
        shown = ""
        async with asyncio.timeout(20):
            while shown.count("Call cluster.install again.") < 2:
                await asyncio.sleep(0.05)
                shown += capsys.readouterr().out
    assert "] jct-two cannot be used here: wheels were sent for Python" in shown
    assert "] jct-three cannot be used here: its environment has no jct-absent" in shown

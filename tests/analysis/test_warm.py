"""A worker with a device makes it ready as it starts; one without imports nothing for it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from distributed import Client, LocalCluster, Nanny

from jupyter_continuum.analysis import device
from jupyter_continuum.analysis.device import VARIABLE, Choice
from jupyter_continuum.analysis.libraries import compiled_folder
from jupyter_continuum.analysis.warm import warm_up
from jupyter_continuum.worker.workforce import WARM_UP, preloads


async def test_a_worker_with_a_device_chooses_before_its_first_task(tmp_path: Path) -> None:
    def chosen(wait: bool) -> str | None:  # sent by value
        import sys
        import threading

        for thread in threading.enumerate() if wait else ():
            if thread.name == "warm-up":
                thread.join(60)
        module = sys.modules.get("jupyter_continuum.analysis.device")
        return module._chosen.backend.name if module and module._chosen else None

    async with (
        LocalCluster(
            n_workers=0, asynchronous=True, dashboard_address="127.0.0.1:0", protocol="tcp"
        ) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):
        for number, devices in enumerate((["0"], [])):
            nanny = await Nanny(
                cluster.scheduler_address,
                name=number,
                nthreads=1,
                local_directory=str(tmp_path),
                env={VARIABLE: "strict"},
                preload=preloads(devices),
            )
            address = nanny.worker_address
            found = await client.run(chosen, bool(devices), workers=[address])
            assert found[address] == ("strict" if devices else None)
            await nanny.close()


def test_only_a_device_has_it_imported() -> None:
    assert preloads([]) is None
    assert preloads(["0"]) == [WARM_UP]


def told(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    lines: list[str] = []
    monkeypatch.setattr(device, "_chosen", None)
    monkeypatch.setitem(os.environ, VARIABLE, name)
    warm_up("gpu-1", lines.append)
    (line,) = lines
    return line


def test_the_log_says_what_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "gpu-1: computes on a device that is none, ready" in told("strict", monkeypatch)


def test_a_device_that_does_not_work_is_a_sentence_and_no_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "jax' is no array library" in told("jax", monkeypatch)
    why = "CuPy does not work (libcublas.so.13: cannot open)"
    monkeypatch.setattr(device, "choose", lambda _: Choice(device.OnHost(), why))
    line = told("auto", monkeypatch)
    assert "was given a device and computes on the CPU" in line
    assert why in line


def test_what_cupy_compiled_outlives_a_worker_and_is_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compiled_folder({"HOME": str(tmp_path)})
    assert found == tmp_path / ".cache" / "jupyter-continuum" / "cupy"
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for home in ("", str(tmp_path / "file")):
        found = compiled_folder({"HOME": home})
        assert found == tmp_path / f"jupyter-continuum-{os.getuid()}" / "cupy"
    found.rename(tmp_path / "kernels")
    found.symlink_to(tmp_path / "kernels")  # somebody else's way in
    assert compiled_folder({"HOME": ""}) is None

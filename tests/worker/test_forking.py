"""When a worker is forked, and when it is spawned as by Dask's default."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dask
import distributed

from jupyter_continuum.worker.forking import BEFORE_THE_START, before_the_start, installed

AGENT = """
import sys
from pathlib import Path
from jupyter_continuum.worker.forking import Zygote, before_the_start
folder = Path(sys.argv[1])
zygote = Zygote(folder / "s")
print(zygote.method({}))
sys.path.append(str(folder / "site-packages"))
zygote.start()
print(zygote.method(before_the_start({})))
print(zygote.method({"OMP_NUM_THREADS": "4"}))
print(zygote.method({}))
(folder / "site-packages" / "new-1.0.dist-info").mkdir()
print(zygote.method({}))
zygote.stop()
print(*(folder / "s").iterdir())
"""


def test_a_workers_program_begins_as_under_distributeds_own_nanny():
    told = dask.config.get("distributed.nanny.pre-spawn-environ")
    assert {name: str(value) for name, value in told.items()} == BEFORE_THE_START
    assert before_the_start({"OMP_NUM_THREADS": "8"})["OMP_NUM_THREADS"] == "8"
    assert before_the_start({"PYTHONHASHSEED": "0"})["PYTHONHASHSEED"] == "6640"


async def test_its_hash_seed_is_that_of_distributeds_nanny():
    nanny = distributed.Nanny("tcp://127.0.0.1:1", nthreads=1)
    assert nanny.pre_spawn_env == before_the_start({})
    await nanny.close()


def test_spawned_where_a_fork_would_bring_the_wrong_things(tmp_path: Path):
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "s").mkdir()
    command = [sys.executable, "-P", "-c", AGENT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = done.stdout.splitlines()
    methods = [line for line in lines if line in ("spawn", "forkserver")]
    assert methods == ["spawn", "forkserver", "spawn", "forkserver", "spawn"]
    reasons = [line.partition("not forked: ")[2] for line in lines if "not forked" in line]
    assert reasons == [
        "Dask's configuration gives them another OMP_NUM_THREADS.",
        "packages were installed or removed since this agent began.",
    ]
    assert lines[-1] == ""


def test_packages_are_known_by_name_and_version(tmp_path: Path):
    folder = tmp_path / "site-packages"
    (folder / "one-1.0.dist-info").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    path = [str(folder), str(tmp_path / "absent" / "site-packages"), str(tmp_path)]
    assert installed(path) == {"one-1.0.dist-info"}

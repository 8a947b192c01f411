"""What is submitted, to the letter."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import replace

import pytest

from jupyter_continuum.errors import SiteUnreachable, SubmitRefused
from jupyter_continuum.sites.protocols import JobRequest
from jupyter_continuum.sites.slurm.refusals import refusal, unwritable
from jupyter_continuum.sites.slurm.script import check_directory, job_archive, job_script

REQUEST = JobRequest(
    name="jc-sst-leo-0a1b2c3d",
    partition="gpu",
    account="proj_1234",
    qos="long",
    nodes=2,
    workers_per_node=4,
    cpus_per_worker=8,
    memory_gb_per_worker=30.5,
    gpus_per_worker=1,
    gpu_type="a100",
    walltime_seconds=5_400,
    python="/w/env/bin/python",
    join=(b'{"token":"s3cret-0"}', b'{"token":"s3cret-1"}'),
    prologue="module load python\nexport OMP_NUM_THREADS=8",
)
JOB = "/w/jobs/jc-sst-leo-0a1b2c3d"
SIGNS = ["a\nb", "a\rb", "a b", "a;id", "$(id)", "`id`", "a'b", 'a"b', "a|b", "a#b", "a%j", "ä"]


def test_a_job_of_two_nodes_to_the_letter():
    assert job_script(REQUEST, JOB) == (
        "#!/bin/bash -l\n"
        "#SBATCH --job-name=jc-sst-leo-0a1b2c3d\n"
        "#SBATCH --partition=gpu\n"
        "#SBATCH --account=proj_1234\n"
        "#SBATCH --qos=long\n"
        "#SBATCH --nodes=2\n"
        "#SBATCH --ntasks-per-node=1\n"
        "#SBATCH --cpus-per-task=32\n"
        "#SBATCH --mem=124928M\n"
        "#SBATCH --gres=gpu:a100:4\n"
        "#SBATCH --time=01:30:00\n"
        f"#SBATCH --output={JOB}/job.log\n"
        "#SBATCH --open-mode=append\n"
        "#SBATCH --no-requeue\n"
        "umask 077\n"
        f'job="{JOB}"\n'
        'mkdir "$job/started" || { [ -d "$job/started" ] && exit 0; exit 1; }\n'
        "module load python\n"
        "export OMP_NUM_THREADS=8\n"
        "exec srun --nodes=2 --ntasks=2 --ntasks-per-node=1 --cpus-per-task=32 "
        "--kill-on-bad-exit=0 --wait=0 --mpi=none --label "
        '/w/env/bin/python -m jupyter_continuum.worker "$job"\n'
    )


def test_one_node_needs_no_srun():
    script = job_script(replace(REQUEST, nodes=1, prologue=""), JOB)
    assert script.startswith("#!/bin/sh\n")
    assert script.endswith('exec /w/env/bin/python -m jupyter_continuum.worker "$job"\n')


def test_a_probe_brings_its_program_and_needs_no_environment():
    probing = replace(REQUEST, nodes=1, prologue="", join=(b"{}",), program="probe")
    script = job_script(probing, JOB)
    assert "jupyter_continuum.worker" not in script
    assert "for python in /w/env/bin/python python3 " in script
    assert 'exec "$python" -I "$job"/probe.py "$job"; done; ' in script
    with tarfile.open(fileobj=io.BytesIO(job_archive(probing, JOB))) as archive:
        assert archive.getnames() == ["job.sh", "probe.py", "join-0.json"]
        assert {entry.mode for entry in archive} == {0o600}


def test_a_probe_takes_one_node():
    with pytest.raises(SubmitRefused, match="2 nodes"):
        job_script(replace(REQUEST, program="probe"), JOB)


def test_what_is_not_asked_is_not_written():
    script = job_script(JobRequest(name="jc-a-b-00000000"), "continuum/jobs/jc-a-b-00000000")
    for option in ("--partition", "--account", "--qos", "--mem", "--gres"):
        assert option not in script
    assert 'job="$(pwd -P)/continuum/jobs/jc-a-b-00000000"\n' in script


@pytest.mark.parametrize("field", ["partition", "account", "qos", "gpu_type", "python", "name"])
@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_that_a_shell_or_slurm_reads_is_refused(field, sign):
    with pytest.raises(SubmitRefused) as caught:
        job_script(replace(REQUEST, **{field: sign}), JOB)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["a b", "$HOME/x", "x;id", "/a/../b", "-x", "/a%j", "a\nb", ""])
def test_odd_work_directories_are_refused(path):
    with pytest.raises(SubmitRefused):
        check_directory(path)


def test_a_prologue_holds_lines_but_no_control_signs():
    with pytest.raises(SubmitRefused):
        job_script(replace(REQUEST, prologue="module load x\0"), JOB)


@pytest.mark.parametrize("request_", [REQUEST, replace(REQUEST, nodes=1, prologue="")])
def test_the_shell_can_read_it(request_):
    script = job_script(request_, JOB)
    subprocess.run(["bash", "-n"], input=script.encode(), check=True)


def test_secrets_travel_in_private_files_alone():
    assert "s3cret" not in job_script(REQUEST, JOB)
    with tarfile.open(fileobj=io.BytesIO(job_archive(REQUEST, JOB))) as archive:
        assert archive.getnames() == ["job.sh", "join-0.json", "join-1.json"]
        assert {entry.mode for entry in archive} == {0o600}
        join = archive.extractfile("join-1.json")
        assert join is not None
        assert join.read() == REQUEST.join[1]


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("sbatch: error: invalid partition specified: nosuch\nsbatch: error: Batch job submission "
         "failed: Invalid partition name specified", "Choose a partition"),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition "
         "combination specified", "Choose an account"),
        ("sbatch: error: Batch job submission failed: Invalid qos specification", "Choose a QoS"),
        ("sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job "
         "violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
         "Cancel a waiting group"),
        ("sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or "
         "exceeds some limit)", "walltime below"),
        ("sbatch: error: Batch job submission failed: Requested node configuration is not "
         "available", "fewer or other GPUs"),
        ("sbatch: error: something new", "ask the site"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_slurm_said_and_what_to_do(words, advice):
    error = refusal("leo", REQUEST, words)
    assert isinstance(error, SubmitRefused)
    assert advice in str(error)
    assert "leo: " in str(error)
    assert "partition gpu, account proj_1234, qos long" in str(error)
    assert "sbatch: error" not in str(error)


def test_a_controller_that_is_late_may_have_taken_the_job():
    words = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
    assert isinstance(refusal("leo", REQUEST, words), SiteUnreachable)


def test_a_full_disk_is_called_full():
    words = "tar: join-0.json: Cannot write: No space left on device"
    assert "is full" in str(unwritable("leo", "/w", words))

"""Which GPUs a job has, and that no two workers get the same."""

from __future__ import annotations

import pytest

from jupyter_continuum.errors import RelayError
from jupyter_continuum.worker.devices import share_devices, visible_devices
from jupyter_continuum.worker.node import worker_environment


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"CUDA_VISIBLE_DEVICES": "0,1,2,3"}, ("CUDA_VISIBLE_DEVICES", ["0", "1", "2", "3"])),
        (
            {"CUDA_VISIBLE_DEVICES": "GPU-8f, GPU-9a"},
            ("CUDA_VISIBLE_DEVICES", ["GPU-8f", "GPU-9a"]),
        ),
        ({"CUDA_VISIBLE_DEVICES": ""}, ("CUDA_VISIBLE_DEVICES", [])),
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, ("CUDA_VISIBLE_DEVICES", [])),
        ({"ROCR_VISIBLE_DEVICES": "4,5"}, ("ROCR_VISIBLE_DEVICES", ["4", "5"])),
    ],
)
def test_batch_system_says_which_devices_are_ours(environment, found, tmp_path):
    assert visible_devices(environment, devices=tmp_path) == found


def test_device_files_count_where_nobody_says(tmp_path):
    for name in ("nvidia0", "nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert visible_devices({}, devices=tmp_path) == ("CUDA_VISIBLE_DEVICES", ["0", "2", "10"])


def test_each_worker_gets_its_own():
    shares = share_devices(list("abcdef"), workers=3, gpus_per_worker=2, node="n")
    assert shares == [("a", "b"), ("c", "d"), ("e", "f")]


def test_workers_without_gpus_get_none():
    assert share_devices([], workers=2, gpus_per_worker=0, node="n") == [(), ()]
    assert worker_environment("CUDA_VISIBLE_DEVICES", ()) == {}


def test_too_few_devices_is_a_sentence():
    with pytest.raises(RelayError, match="n gave this job 2 GPUs, and its 4 workers want 4"):
        share_devices(["0", "1"], workers=4, gpus_per_worker=1, node="n")


def test_worker_sees_its_own_device_alone():
    seen = worker_environment("CUDA_VISIBLE_DEVICES", ("2",))
    assert seen == {"CUDA_VISIBLE_DEVICES": "2", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert worker_environment("ROCR_VISIBLE_DEVICES", ("1",)) == {"ROCR_VISIBLE_DEVICES": "1"}

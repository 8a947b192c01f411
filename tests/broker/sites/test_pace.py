"""How often a site that does not answer is tried again."""

from __future__ import annotations

import pytest

from jupyter_continuum.broker.sites.pace import PACES, PROCESSES


@pytest.mark.parametrize(("failures", "seconds"), [(0, 2), (1, 2), (2, 5), (3, 10), (9, 60)])
def test_a_real_site_is_left_more_time_with_every_failure(failures: int, seconds: float) -> None:
    assert PACES["slurm"].retry_seconds(failures) == seconds


def test_an_imitation_that_is_back_is_found_within_seconds() -> None:
    assert [PROCESSES.retry_seconds(failures) for failures in (1, 2, 3, 9)] == [2, 5, 5, 5]

"""The check that stands between us and a changed distributed."""

from __future__ import annotations

import distributed
import pytest

from jupyter_continuum.cluster.signatures import IncompatibleDask, check_signatures


def test_installed_distributed_is_as_we_know_it():
    check_signatures()


def test_changed_method_is_one_clear_sentence(monkeypatch):
    async def replicate(self, keys, everywhere):
        raise NotImplementedError

    monkeypatch.setattr(distributed.Scheduler, "replicate", replicate)
    with pytest.raises(IncompatibleDask, match=r"replicate takes \(self, keys, everywhere\)") as no:
        check_signatures()
    assert "Install release 2026.8" in str(no.value)


def test_vanished_method_is_told(monkeypatch):
    monkeypatch.delattr(distributed.Nanny, "close_gracefully")
    with pytest.raises(IncompatibleDask, match="close_gracefully"):
        check_signatures()


def test_untested_release_is_a_warning(monkeypatch):
    monkeypatch.setattr(distributed, "__version__", "2031.1.0")
    with pytest.warns(UserWarning, match=r"2031\.1\.0 was not tested"):
        check_signatures()

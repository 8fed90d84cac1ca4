"""The garbage collector stands still meanwhile, and is as it was afterwards, whatever happens."""

from __future__ import annotations

import gc

import pytest

from segue.collecting import uncollected


@pytest.fixture(autouse=True)
def _as_before():
    enabled = gc.isenabled()
    yield
    gc.unfreeze()
    (gc.enable if enabled else gc.disable)()


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_as_it_was(enabled):
    (gc.enable if enabled else gc.disable)()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled() is enabled


def test_after_an_error_too():
    gc.enable()
    before = gc.get_freeze_count()
    with pytest.raises(ImportError), uncollected(for_good=True):
        raise ImportError
    assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_for_good_leaves_what_exists_alone():
    before = gc.get_freeze_count()
    with uncollected():
        pass
    assert gc.get_freeze_count() == before
    with uncollected(for_good=True):
        made = [[] for _ in range(1000)]
    assert gc.get_freeze_count() - before >= len(made)

"""The end of a run, and processes that wait for it."""

from __future__ import annotations

import threading

import pytest

from lret_dist import SessionError
from lret_dist.runs.run_end import RunEnd


@pytest.fixture
def inherited(monkeypatch: pytest.MonkeyPatch) -> RunEnd:
    """As a forked child sees it."""
    end = RunEnd()
    monkeypatch.setattr("os.getpid", lambda: -1)
    return end


def test_waiting() -> None:
    end = RunEnd()
    assert not end.is_set()
    assert not end.wait(0.01)
    threading.Timer(0.01, end.set).start()
    assert end.wait()
    assert end.is_set()


def test_a_child_waits_for_nothing(inherited: RunEnd) -> None:
    assert not inherited.is_set()
    for timeout in (None, 0):
        with pytest.raises(SessionError, match=r"belongs to process \d+, from which .* forked"):
            inherited.wait(timeout)


def test_a_child_knows_what_had_ended(inherited: RunEnd) -> None:
    inherited.set()
    assert inherited.wait()

"""Signals that ask for a checkpoint, with and without a run that can be saved."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from lret_dist.runs.signals import SignalNotes


@pytest.fixture
def notes() -> Iterator[SignalNotes]:
    # A session of this process may have installed its own.
    before = {
        each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGTERM, signal.SIGUSR1)
    }
    notes = SignalNotes()
    notes.install()
    yield notes
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_noted_while_a_run_can_be_saved(notes: SignalNotes, number: int) -> None:
    with notes.active():
        signal.raise_signal(number)
        assert notes.heard() == number
        assert notes.heard() is None


def test_what_nobody_asked_for_waits(notes: SignalNotes) -> None:
    with notes.active():
        with notes.active():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGUSR1)
    with notes.active():
        assert [notes.heard(), notes.heard()] == [signal.SIGTERM, signal.SIGUSR1]


def test_sigusr1_between_runs_does_nothing(notes: SignalNotes) -> None:
    signal.raise_signal(signal.SIGUSR1)
    with notes.active():
        assert notes.heard() is None


def test_the_users_own_handler_stays() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    try:
        notes = SignalNotes()
        notes.install()
        with notes.active():
            signal.raise_signal(signal.SIGUSR1)
            assert notes.heard() is None
        notes.remove()
        assert heard == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)

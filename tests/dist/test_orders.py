"""What the driver orders when signals come and time passes."""

from __future__ import annotations

import signal
from collections import deque
from pathlib import Path

import pytest

from lret_dist.runs.orders import DriverOrders, Order, not_begun

SAVE_NOW, STOP = signal.SIGUSR1, signal.SIGTERM


class Driver:
    """Orders every 60 seconds on a clock of its own, and signals that are yet to be heard."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.signals: deque[tuple[int, int]] = deque()
        monkeypatch.setattr("lret_dist.runs.orders.time.monotonic", lambda: self.now)
        heard = lambda: self.signals.popleft() if self.signals else None  # noqa: E731
        self.orders = DriverOrders(lambda: False, heard, 60.0)

    def after(self, seconds: float, *signals: tuple[int, int]) -> Order:
        """The order some seconds later, when signals have come."""
        self.now += seconds
        self.signals.extend(signals)
        return self.orders()


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    return Driver(monkeypatch)


def test_signals_of_one_moment_ask_for_one_checkpoint(driver: Driver) -> None:
    assert driver.after(0.0, (SAVE_NOW, 0)) is Order.SAVE
    assert driver.after(0.0) is Order.GO_ON
    assert driver.after(0.2, (SAVE_NOW, 1)) is Order.GO_ON
    assert driver.after(5.0, (SAVE_NOW, 0)) is Order.SAVE


def test_time_counts_from_the_last_checkpoint(driver: Driver) -> None:
    assert driver.after(59.0) is Order.GO_ON
    assert driver.after(0.0, (SAVE_NOW, 0)) is Order.SAVE
    assert driver.after(59.0) is Order.GO_ON
    assert driver.after(1.0) is Order.SAVE


def test_sigterm_saves_and_stops_and_names_the_mpi_rank(driver: Driver) -> None:
    assert driver.after(0.0, (SAVE_NOW, 0), (STOP, 3)) is Order.SAVE_AND_STOP
    error = driver.orders.stopped("2 of its 9 steps", Path("saved"))
    assert str(error).startswith(
        "the run was stopped by SIGTERM on MPI rank 3 after 2 of its 9 steps; it is saved in saved"
    )
    assert str(not_begun(error)).startswith("the batch was stopped by SIGTERM on MPI rank 3 before")

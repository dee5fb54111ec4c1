"""What the driver orders when signals come and time passes."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator

import pytest

from lret_dist.orders import DriverOrders, Order


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A list of one number, the time."""
    now = [1000.0]
    monkeypatch.setattr("lret_dist.orders.time.monotonic", lambda: now[0])
    return now


def test_a_signal_at_the_very_beginning_saves(clock: list[float]) -> None:
    heard = deque([(signal.SIGUSR1, 1)])
    orders = DriverOrders(lambda: False, lambda: heard.popleft() if heard else None, 60.0)
    assert orders() is Order.SAVE
    assert orders() is Order.GO_ON


def test_signals_of_one_moment_ask_for_one_checkpoint(clock: list[float]) -> None:
    heard = deque([(signal.SIGUSR1, 0)])
    orders = DriverOrders(lambda: False, lambda: heard.popleft() if heard else None, 60.0)
    assert orders() is Order.SAVE
    clock[0] += 0.2
    heard.append((signal.SIGUSR1, 1))
    assert orders() is Order.GO_ON
    clock[0] += 5.0
    heard.append((signal.SIGUSR1, 0))
    assert orders() is Order.SAVE


def test_time_counts_from_the_last_checkpoint(clock: list[float]) -> None:
    heard: deque[tuple[int, int]] = deque()
    orders = DriverOrders(lambda: False, lambda: heard.popleft() if heard else None, 60.0)
    clock[0] += 59.0
    assert orders() is Order.GO_ON
    heard.append((signal.SIGUSR1, 0))
    assert orders() is Order.SAVE
    clock[0] += 59.0
    assert orders() is Order.GO_ON
    clock[0] += 1.0
    assert orders() is Order.SAVE


def test_sigterm_saves_and_stops_and_names_the_mpi_rank(clock: list[float]) -> None:
    heard = deque([(signal.SIGTERM, 3)])
    orders = DriverOrders(lambda: False, lambda: heard.popleft() if heard else None, 60.0)
    assert orders() is Order.SAVE_AND_STOP
    assert orders.cause == "SIGTERM on MPI rank 3"

"""What the driver wants of a run at its next step: to go on, to save it, or to stop.

And what it is told of the way there.
"""

from __future__ import annotations

import math
import signal
import time
from enum import IntEnum
from typing import TYPE_CHECKING

from lret_dist.errors import StoppedError
from lret_dist.runs.progress import SILENT, Meter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["DriverOrders", "Order", "Orders", "not_begun", "stopped_before"]

#: Seconds within which several signals ask for one checkpoint.
_TOGETHER = 1.0


class Order(IntEnum):
    """The driver's word; it travels with the decisions of the steps."""

    GO_ON = 0
    CANCEL = 1
    SAVE = 2
    SAVE_AND_STOP = 3


class Orders:
    """What a run asks before each step. Those of the driver count; others' say to go on.

    Attributes:
        stopped_by: the MPI rank that got the signal to stop, None where that is not known.
        meter: takes notes of how far the run is; those of the driver alone are heard.
    """

    stopped_by: int | None = None
    meter: Meter = SILENT

    def __call__(self) -> Order:
        """The next order; whoever gets one to save obeys it."""
        return Order.GO_ON

    def stopped(self, done: str, path: Path) -> StoppedError:
        """The error with which a run stops that has been saved; ``done`` says how far it came."""
        how = f"after {done}; it is saved in {path}, and the same call goes on from there"
        return _stopped("run", how, self.stopped_by)


def not_begun(stopped: StoppedError) -> StoppedError:
    """The error of a circuit that was to run after another one of its batch, which has stopped."""
    return _stopped("batch", "before this circuit began", stopped.mpi_rank)


def stopped_before(mpi_rank: int) -> StoppedError:
    """The error of a run for which SIGTERM has come before it began, on that MPI rank."""
    return _stopped("run", "before it began", mpi_rank)


def _stopped(what: str, how: str, mpi_rank: int | None) -> StoppedError:
    cause = "a signal" if mpi_rank is None else f"SIGTERM on MPI rank {mpi_rank}"
    error = StoppedError(f"the {what} was stopped by {cause} {how}")
    error.mpi_rank = mpi_rank
    return error


class DriverOrders(Orders):
    """The driver's orders."""

    def __init__(
        self,
        cancelled: Callable[[], bool],
        heard: Callable[[], tuple[int, int] | None] = lambda: None,
        interval: float | None = None,
        meter: Meter = SILENT,
    ) -> None:
        """Begin to count the time.

        Args:
            cancelled: whether the run is to be cancelled.
            heard: a signal that was not asked for yet and the MPI rank that got it, or None.
            interval: seconds from one checkpoint to the next; None if there are none.
            meter: takes notes of how far the run is.
        """
        self.meter = meter
        self._cancelled = cancelled
        self._heard = heard
        self._interval = interval
        #: When the time to the next checkpoint began, and the last one.
        self._since, self._saved = time.monotonic(), -math.inf

    def __call__(self) -> Order:
        """The next order; whoever gets one to save obeys it."""
        if self._cancelled():
            return Order.CANCEL
        if self._interval is None:
            return Order.GO_ON
        now = time.monotonic()
        due = now - self._since >= self._interval
        while (found := self._heard()) is not None:
            number, mpi_rank = found
            if number == signal.SIGTERM:
                self.stopped_by = mpi_rank
                return Order.SAVE_AND_STOP
            # Slurm tells all MPI ranks, and what it tells the others comes a little later.
            due = due or now - self._saved >= _TOGETHER
        if not due:
            return Order.GO_ON
        self._since = self._saved = now
        return Order.SAVE

"""What the driver wants of a run at its next step: to go on, to save it, or to stop."""

from __future__ import annotations

import signal
import time
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Order", "Orders"]


class Order(IntEnum):
    """The driver's word; it travels with the decisions of the steps."""

    GO_ON = 0
    CANCEL = 1
    SAVE = 2
    SAVE_AND_STOP = 3


class Orders:
    """Gives the next order when called; used on the driver."""

    def __init__(
        self,
        cancelled: Callable[[], bool],
        heard: Callable[[], int | None] = lambda: None,
        interval: float | None = None,
    ) -> None:
        """Begin to count the time.

        Args:
            cancelled: whether the run is to be cancelled.
            heard: a signal that some MPI rank got and that was not asked for yet, or None.
            interval: seconds from one checkpoint to the next; None if there are none.
        """
        self._cancelled = cancelled
        self._heard = heard
        self._interval = interval
        self._saved = time.monotonic()

    def __call__(self) -> Order:
        """The next order; whoever gets one to save obeys it."""
        if self._cancelled():
            return Order.CANCEL
        if self._interval is None:
            return Order.GO_ON
        number = self._heard()
        if number == signal.SIGTERM:
            return Order.SAVE_AND_STOP
        if number is None and time.monotonic() - self._saved < self._interval:
            return Order.GO_ON
        self._saved = time.monotonic()
        return Order.SAVE

"""The end of a run, for which no process waits in vain."""

from __future__ import annotations

import os
import threading

from lret_dist.errors import SessionError

__all__ = ["RunEnd"]


class RunEnd:
    """An event of one process: a child that is forked from it has none of the threads that run."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._event = threading.Event()

    def set(self) -> None:
        """Note that the run has ended, and wake whoever waits."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether the run has ended, as far as this process knows."""
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run has ended, ``timeout`` seconds at most; returns whether it has.

        Raises:
            SessionError: in a child process that was forked before.
        """
        # In this order: a thread that holds the event's lock was not forked along.
        if self.is_set():
            return True
        if self._pid != os.getpid():
            raise SessionError(
                f"the run belongs to process {self._pid}, from which this one was forked before it "
                f"ended: wait for it there, or run the circuit again here"
            )
        return self._event.wait(timeout)

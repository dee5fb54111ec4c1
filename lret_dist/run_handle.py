"""A batch of runs under way, as its owner sees it."""

from __future__ import annotations

import threading
import traceback

from lret_dist.errors import CancelledError
from lret_dist.result import SimulationResult
from lret_dist.run_end import RunEnd

__all__ = ["Outcomes", "RunHandle"]

Outcomes = list[SimulationResult | Exception]


class RunHandle:
    """A batch of runs under way: wait for it, ask after it, or stop it."""

    def __init__(self) -> None:
        self._ended = RunEnd()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._running = False
        self._outcomes: Outcomes | CancelledError = []

    def result(self, timeout: float | None = None) -> Outcomes:
        """Wait for the batch and return one result or exception per request, in order.

        Args:
            timeout: seconds to wait at most; None waits for ever.

        Raises:
            TimeoutError: when the batch has not ended by then; it goes on.
            CancelledError: when the batch was cancelled.
            SessionError: in a child process that was forked before the batch had ended.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"the run has not ended after {timeout} s")
        if isinstance(self._outcomes, CancelledError):
            # A new one each time: what is raised refers to all that it comes through.
            raise CancelledError(*self._outcomes.args)
        return self._outcomes

    def cancel(self) -> bool:
        """Stop the batch at its next step; returns whether it had not ended yet."""
        with self._lock:
            self._stop.set()
            if not self._running and not self._ended.is_set():
                self.end(CancelledError("the run was cancelled before it began"))
                return True
        return not self.done()

    def done(self) -> bool:
        """Whether the batch has ended, in whatever way."""
        return self._ended.is_set()

    def running(self) -> bool:
        """Whether the batch is being run just now."""
        return self._running and not self._ended.is_set()

    def cancelled(self) -> bool:
        """Whether the batch ended because it was cancelled."""
        return self._ended.is_set() and isinstance(self._outcomes, CancelledError)

    def stopping(self) -> bool:
        """Whether the batch was asked to stop."""
        return self._stop.is_set()

    def begin(self) -> bool:
        """Mark the batch as running, unless it was cancelled first."""
        with self._lock:
            self._running = not self._ended.is_set()
            return self._running

    def end(self, outcomes: Outcomes | CancelledError) -> None:
        """Hand over the outcomes, or the cancellation, to whoever waits."""
        for each in [outcomes] if isinstance(outcomes, CancelledError) else outcomes:
            if isinstance(each, Exception):
                _clear_frames(each)
        self._outcomes = outcomes
        self._ended.set()


def _clear_frames(error: BaseException) -> None:
    """Let go what a run was working on when it failed: else it lives as long as its traceback."""
    cause: BaseException | None = error
    while cause is not None:
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__cause__ or cause.__context__
